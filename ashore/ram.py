"""The RAM that a training takes, reckoned before its worlds are built, and what this machine has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ashore.configs.errors import UsageError
from ashore.configs.schema import RunSettings
from ashore.environments import make_env

LARGE_ROLLOUT, LARGE_BATCH = 2**18, 2**14  # samples; worlds: what is smaller fits anywhere and is not reckoned
CGROUP = Path("/sys/fs/cgroup")
FLOAT = 4  # bytes


class Need(NamedTuple):
    """Bytes that a world takes, and one sample of a rollout: a world's control step, while the networks learn from it."""

    world: int
    sample: int


def require_ram(run: RunSettings) -> str:
    """UsageError where worlds and rollout would take more than is free; else a sentence on a large need, or nothing."""
    worlds, steps = run.train.num_envs, run.train.ppo.rollout_steps
    if worlds * steps <= LARGE_ROLLOUT and worlds <= LARGE_BATCH:
        return ""
    need, free = need_of(run), free_ram()
    own, rollout = worlds * need.world, worlds * steps * need.sample
    given = f"train.num_envs = {worlds} and train.ppo.rollout_steps = {steps}"
    parts = f"{_size(own + rollout)} of memory: {_size(own)} for worlds, {_size(rollout)} for a rollout and its update"
    if own + rollout <= free:
        return f"{given} take about {parts}"
    fewer = f"at most {free // (need.world + steps * need.sample)} worlds"
    if shorter := max(free // worlds - need.world, 0) // need.sample:
        fewer += f" or {shorter} steps"
    raise UsageError(f"{given} need about {parts}; allowed: the {_size(free)} that are free here, {fewer}")


def need_of(run: RunSettings) -> Need:
    """By one world of the task; the factors fit the peaks of trainings with 64 to 2048 worlds and 24 to 96 steps.

    A sample is stored, normalized and shuffled; values of all samples are computed at once, each layer before and after its
    activation.
    """
    env = make_env(run.task, 1)
    env.reset(0)
    ppo, sizes = run.train.ppo, env.observation_sizes
    remembered = ppo.memory.size if ppo.memory.recurrent else 0
    seen = ppo.memory.steps * sizes["actor"] if ppo.memory.kind == "history" else sizes["actor"]
    stored = seen + 2 * remembered + sizes["critic"] + 2 * env.action_size + 1
    sample = FLOAT * (3 * stored + 2 * sum(ppo.critic_hidden))
    return Need(env.world.nbytes() + _nbytes(env.state_dict()), sample)


def free_ram() -> int:
    """Bytes that a process may take: of the machine, and of the container it runs in."""
    free = [_machine()]
    try:
        limit, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        free.append(int(limit) - int(used))  # a container without a limit says `max`
    except (OSError, ValueError):
        pass
    return max(min(free), 0)


def _machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # no Linux: what is built in
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _nbytes(state: Any) -> int:
    """Of all arrays and tensors in nested mappings and sequences."""
    if isinstance(state, torch.Tensor | np.ndarray):
        return int(state.nbytes)
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sum(_nbytes(part) for part in parts)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"

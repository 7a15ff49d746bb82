"""The RAM that a training takes, reckoned before its worlds are built, and what this machine has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ashore.configs.algorithms import OffPolicyACSettings, OnPolicySettings, ReplaySettings
from ashore.configs.errors import UsageError
from ashore.configs.schema import RunSettings
from ashore.environments import make_env
from ashore.policies.algorithms import require_fit

LARGE_STORE, LARGE_BATCH = 2**18, 2**14  # samples; worlds: what is smaller fits anywhere and is not reckoned
CGROUP = Path("/sys/fs/cgroup")
FLOAT = 4  # bytes


class Need(NamedTuple):
    """Bytes that a world takes, and one sample: a control step in a rollout while networks learn from it, or in a replay."""

    world: int
    sample: int


def require_ram(run: RunSettings) -> str:
    """UsageError where worlds and samples would take more than is free; else a sentence on a large need, or nothing."""
    worlds, algorithm = run.train.num_envs, run.train.algorithm
    replay = isinstance(algorithm, ReplaySettings)
    each = 0 if replay else algorithm.rollout_steps  # samples that one more world brings
    samples = algorithm.buffer_size if isinstance(algorithm, ReplaySettings) else worlds * each
    if samples <= (4 * LARGE_STORE if replay else LARGE_STORE) and worlds <= LARGE_BATCH:
        return ""
    need, free = need_of(run), free_ram()
    own, stored = worlds * need.world, samples * need.sample
    name, count = ("buffer_size", samples) if replay else ("rollout_steps", each)
    given = f"train.num_envs = {worlds} and train.algorithm.{name} = {count}"
    what = "the replay" if replay else "a rollout and its update"
    parts = f"{_size(own + stored)} of memory: {_size(own)} for worlds, {_size(stored)} for {what}"
    if own + stored <= free:
        return f"{given} take about {parts}"
    fewer = f"at most {max(free - (stored if replay else 0), 0) // (need.world + each * need.sample)} worlds"
    if shorter := max(free - own, 0) // need.sample // (1 if replay else worlds):
        fewer += f" or {shorter} steps"
    raise UsageError(f"{given} need about {parts}; allowed: the {_size(free)} that are free here, {fewer}")


def need_of(run: RunSettings) -> Need:
    """By one world of the task; the factors fit the peaks of PPO's trainings with 64 to 2048 worlds and 24 to 96 steps.

    A sample of a rollout is stored, normalized and shuffled; values of all samples are computed at once, each layer before and
    after its activation. One of a replay is only stored.
    """
    env = make_env(run.task, 1)
    env.reset(0)
    world = env.world.nbytes() + _nbytes(env.state_dict())
    algorithm, sizes = run.train.algorithm, env.observation_sizes
    require_fit(algorithm, env)
    assert isinstance(algorithm, OnPolicySettings | ReplaySettings)  # what a robot's actions fit
    memory, stored = algorithm.memory, sum(sizes.values()) + env.action_size + 1
    if isinstance(algorithm, ReplaySettings):
        return Need(world, FLOAT * (stored + 2))
    stored += env.action_size + (2 * memory.size if memory.recurrent else 0)
    stored += (memory.steps - 1) * sizes["actor"] if memory.kind == "history" else 0
    # Rollouts that are kept: what each step saw, did and led to.
    kept = algorithm.stored_rollouts * (stored + sizes["critic"]) if isinstance(algorithm, OffPolicyACSettings) else 0
    return Need(world, FLOAT * (3 * stored + kept + 2 * sum(algorithm.critic_hidden)))


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

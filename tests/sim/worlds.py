"""Environments of the presets, for the tests of worlds, tasks and effects."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from ashore.configs.loader import load_run, presets
from ashore.configs.schema import TaskSettings
from ashore.environments import make_randomizer
from ashore.randomization.randomizer import Randomizer
from ashore.sim.engine.cpu import CpuWorld
from ashore.sim.env import Env

PRESETS = presets()
LONGEST = 250  # control steps
ENGINE = os.environ.get("ASHORE_TEST_ENGINE", "cpu")  # pytest --engine


def task(preset: str, **changes: Any) -> TaskSettings:
    return load_run(preset).task.model_copy(update={"engine": ENGINE} | changes)


RANDOMIZED = [preset for preset in PRESETS if task(preset).randomization]


def short(preset: str) -> TaskSettings:
    """A preset whose episodes end soon enough for tests to run through several."""
    settings = task(preset)
    steps = min(settings.episode_steps, LONGEST)
    return settings.model_copy(update={"episode_seconds": steps * settings.control_dt})


def make(
    preset: str | TaskSettings, num_envs: int = 4, threads: int = 1, seed: int = 3, pins: dict[str, float] | None = None
) -> Env:
    """An environment with its randomizer, after its first reset. That of a preset by name ends its episodes soon."""
    settings = short(preset) if isinstance(preset, str) else preset
    env = Env(settings, num_envs, seed=seed, randomizer=make_randomizer(settings, pins), num_threads=threads)
    env.reset(seed)
    return env


def cpu_world(env: Env) -> CpuWorld:
    """An environment's worlds, for tests that look into the CPU engine."""
    assert isinstance(env.world, CpuWorld)
    return env.world


def randomizer_of(env: Env) -> Randomizer:
    assert isinstance(env.randomizer, Randomizer)
    return env.randomizer


def actions(env: Env, steps: int, seed: int = 0, worlds: int = 16) -> Tensor:
    """Random actions [steps, N, joints], the same for a world whatever the number of worlds."""
    drawn = torch.rand(steps, worlds, env.action_size, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return drawn[:, : env.num_envs]


def rollout(env: Env, steps: int, seed: int = 0) -> dict[str, Tensor]:
    """What a trajectory of random actions gives: each [steps, N, ...]."""
    rows: dict[str, list[Tensor]] = {}
    for action in actions(env, steps, seed):
        obs, reward, terminated, truncated, _ = env.step(action)
        row = {**obs, "reward": reward, "terminated": terminated, "truncated": truncated}
        for name, value in (row | {"qpos": env.world.qpos, "qvel": env.world.qvel}).items():
            rows.setdefault(name, []).append(value.clone())
    return {name: torch.stack(values) for name, values in rows.items()}


def assert_same_bits(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), f"{name} differs first at step {_first_difference(a[name], b[name])}"


def _first_difference(a: Tensor, b: Tensor) -> int:
    return int((a != b).flatten(1).any(1).nonzero()[0])

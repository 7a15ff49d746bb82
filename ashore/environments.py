"""Batched environments of a task with their randomizer, and policies acting in them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ashore.configs.errors import UsageError
from ashore.configs.sampler import SamplerSettings
from ashore.configs.schema import TaskSettings
from ashore.policies.acting import Acting
from ashore.randomization.randomizer import Randomizer
from ashore.sim.env import Env
from ashore.sim.observations import Obs

TEST_SEED = 2**31  # seeds from here on are for tests alone: no training episode is among them
Act = Callable[[Obs], torch.Tensor]  # what the worlds show -> actions, or joint targets


def make_env(
    task: TaskSettings,
    num_envs: int,
    *,
    seed: int = 0,
    pins: dict[str, float] | None = None,
    sampler: SamplerSettings | None = None,
    **how: bool,
) -> Env:
    """The batched environment with its randomizer; `pins` holds parameters at one value, as a sweep does; `how` as in Env.

    `sampler` is for training: what measures a policy draws uniformly from the declared ranges, whatever it was trained on.
    """
    return Env(task, num_envs, seed=seed, randomizer=make_randomizer(task, pins, sampler), **how)


def make_randomizer(
    task: TaskSettings, pins: dict[str, float] | None = None, sampler: SamplerSettings | None = None
) -> Randomizer | None:
    """The task's randomizer, where it randomizes anything."""
    return Randomizer(task.randomization, sampler, pins) if task.randomization else None


def policy_act(acting: Acting, env: Env) -> Act:
    """A trained policy in an environment's worlds; its memory begins anew where an episode does."""
    knows, shows = len(acting.normalizer.mean), env.interface.actor_size
    if knows != shows:
        raise UsageError(
            f"the policy was trained on {knows} values a step; task {env.settings.name}, as it is now, shows {shows}: train it "
            "again, or take its exported policy.onnx, which has in it what it was trained on"
        )
    return lambda obs: acting(obs["actor"], env.began)

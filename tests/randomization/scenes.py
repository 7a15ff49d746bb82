"""Scenes in which a changed world shows: one that shows in none of them changes nothing.

A scene drives an environment from the start of an episode and gives what came of it; None where it needs what is not there.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ashore.configs.entries import longest_picture_delay
from ashore.sim.env import Env
from ashore.sim.view.cameras import Cameras, VideoError
from tests.sim.worlds import cpu_world, rollout

Seen = dict[str, Tensor]
PUSH = 1.0  # N or N*m
LEAST = {"qpos": 1e-6, "actor": 1e-4, "picture": 1.0}  # what counts as a difference


def prod(env: Env) -> None:
    """Set all that no servo drives in motion and push it: what lies still shows neither mass nor friction."""
    driven = torch.zeros(env.world.model.nv, dtype=torch.bool)
    driven[env.task.dof_of] = True
    cpu_world(env).batch.bind("qfrc_applied")[:] = (~driven).double().numpy() * PUSH
    env.world.qvel[:, ~driven] += 0.2


def prodded(env: Env) -> Seen:
    """Twenty random steps."""
    prod(env)
    seen = rollout(env, 20)
    return {k: seen[k] for k in ("qpos", "actor")}


def over_the_table(env: Env) -> Seen | None:
    """Every world's hand is pressed onto the table, or what stands on it, and swept sideways; where it comes to lie."""
    arm, n = env.task.qpos_of, len(env.settings.robot.joints)
    if env.settings.robot.name != "panda":
        return None
    posture = torch.tensor([0.0, 0.9, 0.0, -2.1, 0.0, 3.0, 0.785, *env.settings.robot.home[7:]], dtype=torch.float64)
    env.world.qpos[:, arm] = posture
    env.world.qvel.zero_()
    env.world.act[:] = posture
    env.world.forward(torch.arange(env.num_envs))
    return _moved_on(env, torch.tensor([0.5, 0.5, *[0.0] * (n - 2)], dtype=torch.float64))


def at_the_stops(env: Env) -> Seen | None:
    """Joints begin a little beyond their ranges, in turn above and below, and servos want further: stops and limits act."""
    model = env.world.model
    if env.task.raw_actuators:
        return None
    limited = [j for j in range(model.njnt) if model.jnt_limited[j]]
    where = torch.tensor([int(model.jnt_qposadr[j]) for j in limited])
    low, high = torch.from_numpy(model.jnt_range[limited].copy()).T
    above = torch.arange(len(limited)) % 2 == 0
    env.world.qpos[:, where] = torch.where(above, high + 0.02, low - 0.02)
    env.world.act[:] = env.world.qpos[:, env.task.qpos_of] * 1.5
    env.world.forward(torch.arange(env.num_envs))
    return _moved_on(env, torch.zeros(model.nu, dtype=torch.float64))


def _moved_on(env: Env, ctrl: Tensor) -> Seen:
    for _ in range(20):
        env.world.ctrl[:] = ctrl
        env.world.step(5)
    return {"qpos": env.world.qpos[None].clone()}


def pictured(env: Env) -> Seen | None:
    """What a camera sees as the robot sets off, where an entry is about that."""
    if "visuals" not in vars(env) or not env.visuals.driven:
        return None
    try:
        cameras = Cameras(env, ("overview",), 48, 48, shadows=256)
    except VideoError as error:
        pytest.skip(str(error))
    late = longest_picture_delay(env.settings.randomization) > 0  # what is seen then depends on every picture before
    seen = [_picture(cameras, late)]
    for k in range(4):
        env.step(torch.full((env.num_envs, env.action_size), 0.5))
        if late or k == 3:
            seen.append(_picture(cameras, late))
    cameras.close()
    return {"picture": torch.stack((seen[0], seen[-1])).float()}


def _picture(cameras: Cameras, late: bool) -> Tensor:
    """Of all worlds as a policy sees them, or of two as they are."""
    return (cameras.observe() if late else cameras.take(torch.arange(2)))["overview"]


SCENES: tuple[Callable[[Env], Seen | None], ...] = (pictured, prodded, over_the_table, at_the_stops)

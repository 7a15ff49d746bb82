"""The tasks on four legs: rewards by hand, falls, success, the curriculum on rough ground, getting up."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest
import torch

from ashore.sim.env import Env
from ashore.sim.scene import terrain
from ashore.sim.scene.scene import compile_scene
from ashore.sim.tasks.quadruped_getup import QuadrupedGetup
from ashore.sim.tasks.quadruped_rough import QuadrupedRough
from ashore.sim.tasks.quadruped_velocity import QuadrupedVelocity, VelocityRewards
from ashore.sim.tasks.task import StepOutcome
from tests.sim.worlds import actions, task

STILL = torch.zeros(4, 12)
WEIGHTS = dict(VelocityRewards())


def quiet(preset: str, worlds: int = 4) -> Env:
    """Worlds without randomization."""
    env = Env(task(preset, randomization={}), worlds, seed=2, num_threads=1)
    env.reset()
    return env


def velocity_task(env: Env) -> QuadrupedVelocity:
    assert isinstance(env.task, QuadrupedVelocity)
    return env.task


def standing(env: Env, command: list[float]) -> dict[str, torch.Tensor]:
    """Reward terms of a step in which the robot hovers at home height, at rest, under a command."""
    walker = velocity_task(env)
    env.world.qpos[:, :7] = torch.tensor([0.0, 0.0, walker._height, 1.0, 0.0, 0.0, 0.0])
    env.world.qpos[:, 7:] = torch.tensor(env.settings.robot.home)
    env.world.qvel[:] = 0.0
    env.world.forward(torch.arange(4))
    walker.timetable.commands[:] = torch.tensor([*command, float(any(command))])
    walker.timetable._look_up()
    outcome = walker.judge(STILL, STILL)
    return {name: outcome.rewards[:, i] for i, name in enumerate(walker.reward_terms)}


def test_rewards_for_following_are_gaussians_of_the_error() -> None:
    terms = standing(quiet("quadruped_velocity"), [0.3, 0.4, 0.0])
    # The error is 0.5 m/s, one scale; the yaw rate is right.
    assert terms["linear_velocity"].tolist() == pytest.approx([WEIGHTS["linear_velocity"] * math.exp(-1)] * 4, rel=1e-4)
    assert terms["yaw_rate"].tolist() == pytest.approx([WEIGHTS["yaw_rate"]] * 4, rel=1e-4)


def test_a_robot_at_rest_at_home_gets_every_other_reward_in_full() -> None:
    terms = standing(quiet("quadruped_velocity"), [0.0, 0.0, 0.0])
    for name in set(terms) - {"effort", "stride"}:
        assert terms[name].tolist() == pytest.approx([WEIGHTS[name]] * 4, rel=1e-3), name


def test_rewards_are_bounded_by_their_weights_and_never_negative() -> None:
    env = quiet("quadruped_velocity")
    walker, seen = velocity_task(env), []
    judge = walker.judge

    def judged(requested_velocity: torch.Tensor, previous_velocity: torch.Tensor) -> StepOutcome:
        seen.append(judge(requested_velocity, previous_velocity))
        return seen[-1]

    walker.judge = judged  # type: ignore[method-assign]
    for action in actions(env, 60):
        env.step(action)
    rewards = torch.stack([outcome.rewards for outcome in seen])
    assert (rewards >= 0).all() and (rewards <= torch.tensor(list(WEIGHTS.values())) + 1e-6).all()


def test_feet_that_change_too_soon_or_too_late_cost_and_standing_asks_for_all_four() -> None:
    walker = velocity_task(quiet("quadruped_velocity"))
    r = walker.reading
    r.foot_contact, r.foot_velocity = torch.ones(4, 4), torch.zeros(4, 4, 3)
    heights = torch.full((4, 4), 0.02)
    moving = torch.tensor([1.0, 1.0, 0.0, 0.0])
    walker.touching = torch.ones(4, 4)
    walker.since = torch.full((4, 4), 0.3)
    walker.touching[0, 0], walker.since[0, 0] = 0.0, 0.06  # touches down after 0.06 s of the 0.2 s asked for
    walker.since[1, 1:3] = 0.6  # two feet stay too long
    r.foot_contact[2, :3] = 0.0  # three feet in the air while standing
    stride, slip, clearance = walker._footwork(moving, heights)
    assert stride.tolist() == pytest.approx([0.7, 2.0, 3.0, 0.0])
    assert slip.tolist() == clearance.tolist() == [0.0] * 4
    r.foot_velocity[:, 0, 0] = 0.3  # m/s
    _, slip, clearance = walker._footwork(moving, heights)
    assert slip.tolist() == pytest.approx([0.09, 0.09, 0.0, 0.09]), "only where the foot is on the ground"
    assert clearance.tolist() == pytest.approx([0.06 * 0.3] * 4)


def test_a_fall_ends_the_episode_and_is_no_success() -> None:
    env = quiet("quadruped_velocity")
    env.world.qpos[1, 3:7] = torch.tensor([math.cos(0.6), math.sin(0.6), 0.0, 0.0])  # 69 degrees on its side
    env.world.qpos[2, 2], env.world.qpos[2, 7:] = 0.056, torch.tensor([0.0, 3.0, -1.0] * 4)  # on its belly, legs up
    _, _, terminated, _, info = env.step(STILL)
    assert terminated.tolist() == [False, True, True, False]
    assert info["episode"]["success"].tolist() == [0.0, 0.0]


def test_success_is_a_mean_error_within_tolerance() -> None:
    env = quiet("quadruped_velocity")
    walker = velocity_task(env)
    for speed, expected in ((0.24, True), (0.26, False)):
        env.reset()
        walker.error_sum.fill_(100 * speed)
        walker.steps.fill_(100.0)
        standing(env, [speed, 0.0, 0.0])
        assert walker.success.tolist() == [expected] * 4


def test_the_map_of_heights_is_that_of_the_obstacles() -> None:
    model = compile_scene(QuadrupedRough, task("quadruped_rough"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    heights, random, scenery = terrain.HeightMap(), np.random.default_rng(0), np.array([1, 0, 0, 0, 0, 0], np.uint8)
    highest = 0.0
    for x, y in random.uniform([-6.0, -14.0], [46.0, 14.0], (300, 2)):
        ray = mujoco.mj_ray(
            model, data, np.array([x, y, 5.0]), np.array([0.0, 0.0, -1.0]), scenery, 1, -1, np.zeros(1, np.int32)
        )
        seen = float(heights.at(torch.tensor(x).float(), torch.tensor(y).float()))
        assert seen == pytest.approx(5.0 - ray, abs=0.015), (x, y)
        highest = max(highest, seen)
    assert highest > 0.5


def test_robots_start_above_the_ground_of_their_level() -> None:
    env = quiet("quadruped_rough", 64)
    walker = env.task
    assert isinstance(walker, QuadrupedRough)
    walker.measure()
    height, feet = walker._heights()
    assert (height > 0.25).all() and (feet > -0.005).all()
    level = (env.world.qpos[:, 0] / terrain.TILE).round().clip(min=0, max=terrain.LEVELS - 1)
    assert torch.equal(level.float(), walker.level)
    counts = torch.bincount(walker.level.long(), minlength=terrain.LEVELS)
    assert (counts > 0).all(), "an evaluation tests every level"


def test_levels_are_earned_in_training_and_drawn_evenly_otherwise() -> None:
    walker = quiet("quadruped_rough", 6).task
    assert isinstance(walker, QuadrupedRough)
    ids, u = torch.arange(6), torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8, 0.99])
    assert walker._next_level(ids, u).tolist() == [0, 1, 2, 3, 4, 5]
    walker.adapt()
    walker.level = torch.tensor([2.0, 2.0, 2.0, 2.0, 0.0, 5.0])
    walker.told = torch.tensor([4.0, 4.0, 4.0, 0.9, 4.0, 4.0])
    walker.walked = torch.tensor([3.5, 1.5, 2.5, 0.0, 0.0, 4.0])
    walker.fallen = torch.zeros(6, dtype=torch.bool)
    # Up; down; neither; asked for too little; not below the first; above the last, anywhere.
    assert walker._next_level(ids, u).tolist() == [3, 1, 2, 2, 0, 5]
    walker.fallen[:] = True
    assert walker._next_level(ids, u).tolist() == [1, 1, 1, 2, 0, 4]
    walker.walked[:] = math.nan
    walker.fallen[:] = False
    assert walker._next_level(ids, u).tolist() == [1, 1, 1, 2, 0, 4]


def test_distance_is_measured_along_the_command() -> None:
    env = quiet("quadruped_rough")
    walker = env.task
    assert isinstance(walker, QuadrupedRough)
    walker.reading.velocity = torch.tensor([[0.5, 0.0, 0.0]])
    walker.timetable.commands[:] = torch.tensor([0.6, 0.8, 0.0, 1.0])
    walker.timetable._look_up()
    env.world.qvel[:] = 0.0
    env.world.qvel[:, 0] = 0.5
    env.world.qpos[:, 3:7] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    env.world.forward(torch.arange(4))
    walker.judge(STILL, STILL)
    assert walker.told.tolist() == pytest.approx([0.02] * 4)
    assert walker.walked.tolist() == pytest.approx([0.5 * 0.6 * 0.02] * 4, rel=1e-3)


def test_the_critic_of_rough_ground_sees_it_turned_with_the_robot() -> None:
    env = quiet("quadruped_rough")
    walker = env.task
    assert isinstance(walker, QuadrupedRough)
    # Before the stairs of the last level, 0.2 m from the first step, facing them: what is ahead is higher.
    x, y = terrain.middle(torch.tensor([5.0]), torch.tensor([1.0]))[0].tolist()
    yaw = math.pi / 2
    env.world.qpos[:, :7] = torch.tensor([x, y - 3.2, 0.3, math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
    env.world.forward(torch.arange(4))
    walker.measure()
    scan = walker.privileged()[0, -35:].view(7, 5)
    rise = terrain.RISE[-1]
    expected = [0.3, 0.3, 0.3, 0.3 - rise, 0.3 - rise, 0.3 - 2 * rise, 0.3 - 2 * rise]
    # Rows lie 0.2 m apart, from 0.4 m behind to 0.8 m ahead; the first step begins 0.2 m ahead, each is 0.3 m deep.
    for row, height in zip(scan[[0, 1, 2, 4, 6]], (expected[i] for i in (0, 1, 2, 4, 6)), strict=True):
        assert row.tolist() == pytest.approx([height] * 5, abs=1e-3)


def test_falls_are_of_every_attitude_lie_still_and_are_the_same_every_time() -> None:
    env = quiet("quadruped_getup")
    getup = env.task
    assert isinstance(getup, QuadrupedGetup)
    starts = getup._starts
    up = 1 - 2 * (starts[:, 4] ** 2 + starts[:, 5] ** 2)
    assert (up < -0.8).sum() > 20 and (up.abs() < 0.5).sum() > 5 and (up > 0.8).sum() > 20
    assert torch.equal(starts, getup._fallen_postures())
    assert (starts[:, 2] < 0.25).all()


def test_getting_up_is_to_stand_for_a_second_and_still_stand_at_the_end() -> None:
    env = quiet("quadruped_getup")
    getup = env.task
    assert isinstance(getup, QuadrupedGetup)
    env.world.qpos[:, :7] = torch.tensor([0.0, 0.0, 0.27, 1.0, 0.0, 0.0, 0.0])
    env.world.qpos[:, 7:] = torch.tensor(env.settings.robot.home)
    env.world.forward(torch.arange(4))
    for k in range(1, 51):
        getup.judge(STILL, STILL)
        assert getup.success.all() == (k == 50)
    env.world.qpos[1, 3:7] = torch.tensor([0.0, 1.0, 0.0, 0.0])  # falls on its back
    env.world.qpos[2, 2] = 0.2  # sits down
    env.world.qpos[3, 7:] += 0.35  # bends its legs
    env.world.forward(torch.arange(4))
    outcome = getup.judge(STILL, STILL)
    assert outcome.success.tolist() == [True, False, False, False]
    assert not outcome.terminated.any()

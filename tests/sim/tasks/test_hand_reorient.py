"""The hand against its published frames, and the rules of turning a cube in it: goals, counts, falls, starts."""

from __future__ import annotations

import math
import re
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from torch import Tensor

from ashore.sim import rotation_matrices, rotations
from ashore.sim.env import Env
from ashore.sim.robots import robot
from ashore.sim.tasks.hand_cube import add_cube_sensors
from ashore.sim.tasks.hand_reorient import GOALS, HandReorient
from tests.sim.worlds import actions, make, task

NOMINAL: dict[str, Any] = {"randomization": {}}
Z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def nominal(preset: str = "hand_reorient", num_envs: int = 8, **options: object) -> tuple[Env, HandReorient]:
    settings = task(preset, **NOMINAL)
    settings = settings.model_copy(update={"options": settings.options | options})
    env = make(settings, num_envs)
    assert isinstance(env.task, HandReorient)
    return env, env.task


def still(env: Env) -> Tensor:
    return torch.zeros(env.num_envs, env.action_size)


def away_from(task: HandReorient, angle: float) -> Tensor:
    """Orientations `angle` rad away from where each cube is: [N, 9]."""
    turned = rotation_matrices.from_quaternion(rotations.about(Z, torch.tensor(angle, dtype=torch.float64)))
    return rotation_matrices.compose(turned.expand(len(task.goal), 9), task._axes)


def test_the_hand_has_the_published_joints_mass_and_reach() -> None:
    settings = task("hand_reorient").robot
    model = robot.load(settings).compile()
    # Menagerie's names and ranges of the LEAP hand, rad.
    finger = {"mcp": (-0.314, 2.23), "rot": (-1.047, 1.047), "pip": (-0.506, 1.885), "dip": (-0.366, 2.042)}
    thumb = {"cmc": (-0.349, 2.094), "axl": (-0.349, 2.094), "mcp": (-0.47, 2.443), "ipl": (-1.34, 1.88)}
    expected = {f"{f}_{j}": r for f in ("if", "mf", "rf") for j, r in finger.items()} | {
        f"th_{j}": r for j, r in thumb.items()
    }
    assert list(settings.joints) == list(expected)
    for name, limits in expected.items():
        assert tuple(model.joint(name).range) == pytest.approx(limits)
    # Palm, three fingers of 44 + 32 + 37 + 16 g, thumb of 32 + 3 + 38 + 49 g.
    assert model.body_subtreemass[0] == pytest.approx(0.237 + 3 * 0.129 + 0.122)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    palm = data.body("palm")
    tip = palm.xmat.reshape(3, 3).T @ (data.site("if_tip").xpos - palm.xpos)
    # A straight index finger, joint offsets added up along the palm's axes.
    along = -0.0071 + 0.0381 + 0.015 + 0.0361 + 0.05
    across = 0.023 - 0.0145 + 0.0143 - 0.0002 - 0.0145
    assert tip == pytest.approx([along, across, -0.0187 + 0.0122 - 0.013], abs=1e-4)


def test_closing_brings_every_fingertip_towards_the_palms_normal() -> None:
    settings = task("hand_reorient").robot
    model = robot.load(settings).compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    normal = data.site("grasp").xmat.reshape(3, 3)[:, 2].copy()
    assert normal[2] > 0.9, "the palm faces up"
    for finger in ("if", "mf", "rf"):
        open_tip = data.site(f"{finger}_tip").xpos.copy()
        data.qpos[model.joint(f"{finger}_mcp").qposadr[0]] = 0.8
        mujoco.mj_kinematics(model, data)
        assert (data.site(f"{finger}_tip").xpos - open_tip) @ normal > 0.05


def test_a_hand_without_a_tool_site_or_fingertips_is_refused() -> None:
    settings = task("hand_reorient", **NOMINAL)
    blunt = settings.model_copy(update={"robot": settings.robot.model_copy(update={"tool_site": None})})
    with pytest.raises(robot.ModelError, match="leap_hand has no tool_site"):
        make(blunt, 1)
    spec = mujoco.MjSpec()
    spec.worldbody.add_body(name="cube").add_site(name="middle")
    with pytest.raises(robot.ModelError, match=r"name ends in _tip; it has \['middle'\]"):
        add_cube_sensors(spec, "cube")


def test_a_hand_without_torque_limits_is_refused_with_its_joints() -> None:
    settings = task("hand_reorient", **NOMINAL)
    text = robot.find(settings.robot.model).read_text()
    weak = re.sub(r' actuatorfrcrange="[^"]*"', "", text)
    assert weak != text
    limitless = settings.model_copy(update={"robot": settings.robot.model_copy(update={"model": weak})})
    with pytest.raises(robot.ModelError, match=r"leap_hand has no torque limit of \['if_mcp', 'if_rot'"):
        make(limitless, 1)


def test_signals_are_the_cube_as_the_engine_has_it_and_the_turn_that_is_left() -> None:
    env, hand = nominal()
    env.step(actions(env, 1)[0])
    measured = hand.measure().double()
    model, qpos = env.world.model, env.world.qpos
    start = int(model.joint("cube").qposadr[0])
    torch.testing.assert_close(measured[:, 32:35], qpos[:, start : start + 3], atol=1e-6, rtol=0)
    axes = rotation_matrices.from_quaternion(qpos[:, start + 3 : start + 7])
    torch.testing.assert_close(measured[:, 35:41], axes[:, :6], atol=1e-6, rtol=0)
    left = measured[:, 41:47]
    third = torch.linalg.cross(left[:, :3], left[:, 3:])
    reached = rotation_matrices.compose(torch.cat((left, third), 1), axes)
    torch.testing.assert_close(reached, hand.goal, atol=1e-5, rtol=0)
    assert torch.equal(hand.goal_command(), hand.goal[:, :6].float())


def test_a_goal_within_tolerance_counts_once_and_the_next_one_follows() -> None:
    env, hand = nominal(successes=2)
    hand.goals[2] = away_from(hand, 2.0)[2]
    hand._set_goal(torch.tensor([2]), away_from(hand, 0.3)[2:3])
    assert hand.angle[2].item() == pytest.approx(0.3, abs=1e-5)
    before = hand.goal.clone()
    assert env.step(still(env))[3].sum() == 0
    assert hand.count.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert not hand.success.any(), "two are asked for"
    assert torch.equal(hand.goal[2], hand.goals[2, 1]) and torch.equal(hand.goal[[0, 1, 3]], before[[0, 1, 3]])
    assert env.sums[2, 1].item() == pytest.approx(hand.rewards.goal)
    env.step(still(env))
    assert hand.count[2] == 1, "the same orientation is no second success"
    hand._set_goal(torch.tensor([2]), away_from(hand, 0.3)[2:3])
    env.step(still(env))
    assert hand.count[2] == 2 and hand.success.tolist() == [i == 2 for i in range(8)]
    assert env.metric_sums[2, 0].item() == pytest.approx(2 / env.settings.control_dt)
    hand._set_goal(torch.arange(8), away_from(hand, 0.45))
    env.step(still(env))
    assert int(hand.count.sum()) == 2, "just outside"


def test_after_the_last_goal_comes_the_first() -> None:
    env, hand = nominal()
    hand.goals[:] = away_from(hand, 2.0).unsqueeze(1)
    hand.goals[0, 0] = away_from(hand, 1.0)[0]
    hand.count[0] = GOALS - 1
    hand._set_goal(torch.tensor([0]), away_from(hand, 0.1)[:1])
    env.step(still(env))
    assert torch.equal(hand.goal[0], hand.goals[0, 0])


def test_turning_pays_by_the_rad_and_as_much_again_is_lost_by_turning_back() -> None:
    env, hand = nominal()
    hand._set_goal(torch.arange(8), away_from(hand, 1.5))
    # As if each cube had been elsewhere before; what it turns in this step by itself comes on top. 2.5 a rad, 0.2 rad at most.
    for before, paid in ((0.1, 0.25), (-0.1, -0.25), (2.0, 0.5), (-1.0, -0.5)):
        env.sums.zero_()
        hand.angle += before
        began = hand.angle.clone()
        env.step(still(env))
        turned = (began - rotation_matrices.angle(hand._axes, hand.goal).float()).clip(-0.2, 0.2)
        torch.testing.assert_close(env.sums[:, 0], 2.5 * turned, atol=1e-5, rtol=0)
        assert env.sums[:, 0].median().item() == pytest.approx(paid, abs=0.03)


def test_a_cube_that_falls_ends_the_episode_and_keeps_what_was_reached() -> None:
    env, hand = nominal()
    start = int(env.world.model.joint("cube").qposadr[0])
    env.world.qpos[1, start : start + 3] += torch.tensor([0.3, 0.0, 0.0])
    hand.count[1], hand.success[1] = 1, True
    _, reward, terminated, truncated, info = env.step(still(env))
    assert terminated.tolist() == [i == 1 for i in range(8)] and not truncated.any()
    assert info["episode"]["success"].tolist() == [1.0]
    assert reward[1] < hand.rewards.drop + 0.5 < 0.0 < reward[0]
    assert hand.count[1] == 0 and not hand.success[1] and env.age[1] == 0


@pytest.mark.parametrize("preset", ["hand_reorient", "hand_rotate_z"])
def test_start_states_hold_still_for_two_seconds(preset: str) -> None:
    env, hand = nominal(preset, 64)
    place = hand._position.clone()
    ended = torch.zeros(64, dtype=torch.bool)
    for _ in range(round(2.0 / env.settings.control_dt)):
        ended |= env.step(still(env))[2]
    assert ended.float().mean() < 0.05
    assert (hand._position - place).norm(dim=1).median() < 0.005
    assert len(hand._starts) > 100


def test_start_states_differ_in_hand_and_in_the_face_on_top() -> None:
    env, hand = nominal("hand_rotate_z", 256)
    up = hand._axes.unflatten(1, (3, 3)) @ hand._normal  # how far each of the cube's axes points out of the palm
    top = up.abs().argmax(1) * 2 + (up.gather(1, up.abs().argmax(1, keepdim=True)).squeeze(1) > 0)
    assert torch.bincount(top, minlength=6).min() > 20
    assert (up.abs().amax(1) > 0.8).float().mean() > 0.8, "most lie flat"
    assert (env.world.qpos[:, hand.qpos_of].std(0) > 0.02).all()


def test_goals_about_the_palm_turn_about_its_normal_by_an_eighth_to_a_quarter_turn() -> None:
    _, hand = nominal("hand_rotate_z", 64)
    chain = torch.cat((hand._axes.unsqueeze(1), hand.goals), 1)
    step = rotation_matrices.angle(chain[:, :-1], chain[:, 1:])
    assert step.min() > math.pi / 4 - 1e-5 and step.max() < math.pi / 2 + 1e-5
    turned = rotation_matrices.between(chain[:, :-1], chain[:, 1:]).unflatten(-1, (3, 3))
    torch.testing.assert_close((turned.mT @ hand._normal), hand._normal.expand(64, GOALS, 3), atol=1e-6, rtol=0)
    sign = torch.linalg.det(torch.stack((hand._normal.expand(64, 3), *_two(chain)), 1)).sign()
    assert 0.2 < (sign > 0).float().mean() < 0.8, "both ways"


def _two(chain: Tensor) -> tuple[Tensor, Tensor]:
    """A direction in the palm's plane that turns with the cube, at the start and at the first goal."""
    x = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    turned = rotation_matrices.between(chain[:, 0], chain[:, 1]).unflatten(-1, (3, 3))
    return x.expand(len(chain), 3), turned.mT @ x


def test_rewards_are_bounded_whatever_the_hand_is_asked() -> None:
    env, hand = nominal()
    o = hand.rewards
    high = 0.2 * o.turning + o.goal + o.hold + o.action_rate + o.effort
    for k in range(60):
        _, reward, terminated, *_ = env.step(torch.sign(actions(env, 1, seed=k)[0]))
        assert (reward <= high + 1e-5).all()
        assert (reward[~terminated] >= -0.2 * o.turning - 0.1).all()
        assert (reward >= -0.2 * o.turning + o.drop - 0.1).all()


def test_the_goal_is_drawn_as_a_cube_of_six_colours_in_its_orientation() -> None:
    _, hand = nominal()
    faces = hand.markers(3)
    assert len({f.rgba for f in faces}) == 6
    centre = np.mean([f.position for f in faces], axis=0)
    red = np.array(faces[0].position) - centre
    np.testing.assert_allclose(red / np.linalg.norm(red), hand.goal[3, :3].numpy(), atol=1e-6)

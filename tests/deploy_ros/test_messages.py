"""Joint states find their signals by name; targets become what trajectory and forward controllers take."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.configs.laws.spline import cubic
from ashore.deploy_ros.joint_states import JointStates
from ashore.deploy_ros.messages import (
    MessageError,
    chunk_of,
    forward_of,
    trajectory_of,
)
from ashore.deploy_ros.safety import Command
from tests.deploy_ros.policies import interface


def joint_map(needs_velocity: bool = True) -> JointStates:
    return JointStates(interface().joints, needs_velocity)


def test_joints_are_found_by_name_in_any_order_and_others_are_left_out() -> None:
    names = ["gripper", "c", "a", "wheel", "b"]
    measured = joint_map().read(names, [9.0, 3.0, 1.0, 8.0, 2.0], [90.0, 30.0, 10.0, 80.0, 20.0], 5.0)
    assert measured.position.tolist() == [1.0, 2.0, 3.0] and measured.velocity.tolist() == [10.0, 20.0, 30.0]
    assert measured.time == 5.0


def test_the_order_may_change_from_message_to_message() -> None:
    joints = joint_map()
    joints.read(["a", "b", "c"], [1, 2, 3], [0, 0, 0], 0.0)
    assert joints.read(["c", "b", "a"], [1, 2, 3], [0, 0, 0], 10.0).position.tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("names", "position", "velocity", "why"),
    [
        (["a", "c"], [1, 2], [0, 0], r"no joint \['b'\]; the message has \['a', 'c'\]"),
        ([], [], [], "no joint"),
        (["a", "b", "c", "a"], [1, 2, 3, 4], [0, 0, 0, 0], "more than once"),
        (["a", "b", "c"], [1, 2], [0, 0, 0], "2 positions for 3 names"),
        (["a", "b", "c"], [1, 2, 3], [], "they come without velocities, which the policy needs"),
    ],
)
def test_joint_states_that_do_not_fit_say_why(
    names: list[str], position: list[float], velocity: list[float], why: str
) -> None:
    with pytest.raises(MessageError, match=why):
        joint_map().read(names, position, velocity, 0.0)


def test_velocity_is_the_messages_wherever_it_has_one() -> None:
    measured = joint_map(needs_velocity=False).read(["c", "a", "b"], [3, 1, 2], [0.3, 0.1, 0.2], 0.0)
    assert measured.velocity.tolist() == [0.1, 0.2, 0.3]


def test_where_none_is_sent_and_none_is_needed_velocity_is_how_far_the_joints_went() -> None:
    joints = joint_map(needs_velocity=False)
    with pytest.raises(MessageError, match="the next one tells"):
        joints.read(["a", "b", "c"], [1, 2, 3], [], 0.0)
    assert joints.read(["a", "b", "c"], [1.1, 2, 2.8], [], 0.1).velocity.tolist() == pytest.approx([1, 0, -2])
    # Two that come at once are one.
    assert joints.read(["a", "b", "c"], [1.2, 2, 2.8], [], 0.1001).velocity.tolist() == pytest.approx([1, 0, -2])
    with pytest.raises(MessageError, match="1 velocities for 3 names"):
        joints.read(["a", "b", "c"], [1, 2, 3], [1], 0.2)


def test_a_target_is_sent_two_periods_ahead_with_its_velocity() -> None:
    command = Command(np.array([0.5, -0.5, 0.0]), np.array([1.0, -0.5, 0.0]))
    trajectory = trajectory_of(command, interface())
    assert trajectory.joint_names == ("a", "b", "c") and trajectory.start == 0.0
    (point,) = trajectory.points
    # p + v * 0.02 s, at 2 * 0.02 s.
    assert point.position == pytest.approx((0.52, -0.51, 0.0))
    assert point.velocity == (1.0, -0.5, 0.0) and point.time == 0.04


def test_a_point_beyond_a_position_limit_stays_at_it() -> None:
    trajectory = trajectory_of(Command(np.array([1.995, -1.495, 0.0]), np.array([1.0, -1.0, 0.0])), interface())
    assert trajectory.points[0].position == (2.0, -1.5, 0.0)


def test_a_point_that_needs_more_time_comes_later_and_none_before_it() -> None:
    assert trajectory_of(Command(np.zeros(3), np.zeros(3), 0.3), interface()).points[0].time == pytest.approx(0.34)
    commands = [Command(np.zeros(3), np.zeros(3), extra) for extra in (0.0, 0.3, 0.1)]
    assert [p.time for p in chunk_of(commands, interface()).points] == pytest.approx([0.04, 0.36, 0.38])


def test_a_forward_command_that_was_put_back_to_the_robot_is_sent_at_once() -> None:
    before, after = Command(np.full(3, 0.4), np.full(3, 0.5)), Command(np.full(3, 0.1), np.zeros(3), 0.5)
    assert forward_of(before, after, interface(), 0.002) == [0.1, 0.1, 0.1]


def test_a_chunk_has_a_point_a_period() -> None:
    commands = [Command(np.full(3, 0.1 * k), np.full(3, 0.5)) for k in range(4)]
    points = chunk_of(commands, interface()).points
    assert [p.time for p in points] == pytest.approx([0.04, 0.06, 0.08, 0.1])
    assert [p.position[0] for p in points] == pytest.approx([0.01, 0.11, 0.21, 0.31])


def test_forward_commands_run_smoothly_from_target_to_target() -> None:
    before = Command(np.array([0.0, 0.1, 0.2]), np.array([0.5, 0.0, 0.0]))
    after = Command(np.array([0.01, 0.1, 0.2]), np.array([0.5, 0.0, 0.0]))
    # At constant velocity the cubic is a line.
    assert forward_of(before, after, interface(), 0.005) == pytest.approx([0.0025, 0.1, 0.2])
    assert forward_of(before, after, interface(), 0.02) == pytest.approx([0.01, 0.1, 0.2])
    assert forward_of(before, after, interface(), 0.5) == [0.01, 0.1, 0.2]


def test_forward_commands_stay_within_the_position_limits() -> None:
    before = Command(np.array([1.9999, 0.0, 0.0]), np.array([0.15, 0.0, 0.0]))
    after = Command(np.array([1.9999, 0.0, 0.0]), np.array([-0.15, 0.0, 0.0]))
    assert cubic(*before[:2], *after[:2], 0.02, 0.01)[0][0] > 2.0
    assert forward_of(before, after, interface(), 0.01)[0] == 2.0


def test_the_cubic_meets_its_ends_and_hand_arithmetic() -> None:
    ends = (np.array([1.0]), np.array([2.0]), np.array([3.0]), np.array([-1.0]))
    assert [float(x[0]) for x in cubic(*ends, 2.0, 0.0)] == [1.0, 2.0]
    assert [float(x[0]) for x in cubic(*ends, 2.0, 2.0)] == [3.0, -1.0]
    # Hermite at the middle: (p0 + p1) / 2 + T (v0 - v1) / 8 = 2 + 2 * 3 / 8; 3 (p1 - p0) / 2T - (v0 + v1) / 4 = 1.5 - 0.25.
    assert [float(x[0]) for x in cubic(*ends, 2.0, 1.0)] == [2.75, 1.25]

"""The controller stand-in follows, replaces, rejects and holds as ros2_control's JointTrajectoryController does."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ashore.deploy_ros.jtc import JointTrajectoryController
from ashore.deploy_ros.messages import Point, Trajectory

NAMES = ("a", "b")


def controller(**options: bool) -> JointTrajectoryController:
    return JointTrajectoryController(NAMES, np.array([0.0, 1.0]), **options)


def trajectory(*points: Point, names: tuple[str, ...] = NAMES, start: float = 0.0) -> Trajectory:
    return Trajectory(names, points, start)


def at(jtc: JointTrajectoryController, t: float) -> tuple[list[float], list[float]]:
    position, velocity = jtc.setpoint(t)
    return position.round(12).tolist(), velocity.round(12).tolist()


def test_it_holds_where_it_began_before_any_trajectory() -> None:
    assert at(controller(), 7.0) == ([0.0, 1.0], [0.0, 0.0])


def test_positions_alone_are_joined_by_lines() -> None:
    jtc = controller()
    assert jtc.accept(trajectory(Point((2.0, 1.0), (), 2.0), Point((2.0, 3.0), (), 3.0)), 10.0) == ""
    assert at(jtc, 11.0) == ([1.0, 1.0], [1.0, 0.0])
    assert at(jtc, 12.5) == ([2.0, 2.0], [0.0, 2.0])


def test_positions_with_velocities_are_joined_by_cubics() -> None:
    jtc = controller()
    assert jtc.accept(trajectory(Point((1.0, 1.0), (2.0, 0.0), 2.0)), 10.0) == ""
    # Hermite's middle: (0 + 1) / 2 + 2 (0 - 2) / 8 = 0; slope 3 (1 - 0) / (2 * 2) - (0 + 2) / 4 = 0.25.
    assert at(jtc, 11.0) == ([0.0, 1.0], [0.25, 0.0])


def test_it_holds_the_last_point_at_rest_even_where_that_had_a_velocity() -> None:
    jtc = controller()
    jtc.accept(trajectory(Point((1.0, 1.0), (2.0, 0.0), 2.0)), 10.0)
    assert at(jtc, 12.0) == at(jtc, 1000.0) == ([1.0, 1.0], [0.0, 0.0])


def test_a_new_trajectory_begins_at_the_desired_state_not_at_the_measured_one() -> None:
    jtc = controller()
    jtc.accept(trajectory(Point((2.0, 1.0), (), 2.0)), 10.0)
    jtc.accept(trajectory(Point((0.0, 1.0), (0.0, 0.0), 2.0)), 11.0)
    assert at(jtc, 11.0) == ([1.0, 1.0], [1.0, 0.0])
    # From (1, 1) to (0, 0) in 2 s; middle: 1/2 + 2 * 1 / 8 = 0.75.
    assert at(jtc, 12.0)[0] == [0.75, 1.0]


def test_a_stream_at_constant_speed_is_followed_without_error() -> None:
    jtc, dt, v = controller(), 0.02, 0.5
    for k in range(100):
        t = k * dt
        assert jtc.accept(trajectory(Point((v * (t + 2 * dt), 1.0), (v, 0.0), 2 * dt)), t) == ""
    assert at(jtc, t + dt) == ([pytest.approx(v * (t + dt), abs=1e-9), 1.0], [pytest.approx(v, abs=1e-7), 0.0])


def test_joints_are_taken_by_name() -> None:
    jtc = controller()
    jtc.accept(trajectory(Point((5.0, 6.0), (), 1.0), names=("b", "a")), 0.0)
    assert at(jtc, 1.0)[0] == [6.0, 5.0]


def test_a_start_in_the_past_leaves_out_what_is_over() -> None:
    jtc = controller()
    points = (Point((9.0, 9.0), (), 1.0), Point((2.0, 1.0), (), 4.0))
    assert jtc.accept(trajectory(*points, start=8.0), 10.0) == ""
    assert at(jtc, 11.0)[0] == [1.0, 1.0]


def test_a_start_in_the_future_leads_there_from_now() -> None:
    jtc = controller()
    assert jtc.accept(trajectory(Point((2.0, 1.0), (), 1.0), start=11.0), 10.0) == ""
    assert at(jtc, 11.0)[0] == [1.0, 1.0]


def test_a_point_at_once_is_a_jump() -> None:
    jtc = controller()
    assert jtc.accept(trajectory(Point((2.0, 1.0), (), 0.0)), 10.0) == ""
    assert at(jtc, 10.0)[0] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("rejected", "why"),
    [
        (trajectory(), "empty"),
        (trajectory(Point((1.0, 1.0), (), 1.0), names=()), "no joint names"),
        (trajectory(Point((1.0, 1.0), (), 1.0), names=("a", "x")), r"\['a', 'x'\]; allowed: \['a', 'b'\]"),
        (trajectory(Point((1.0,), (), 1.0), names=("a",)), "joints are"),
        (trajectory(Point((1.0, 1.0, 1.0), (), 1.0), names=("a", "b", "a")), "joints are"),
        (trajectory(Point((1.0,), (), 1.0)), "1 positions"),
        (trajectory(Point((1.0, 1.0), (1.0,), 1.0)), "1 velocities"),
        (trajectory(Point((1.0, float("nan")), (), 1.0)), "not finite"),
        (trajectory(Point((1.0, 1.0), (float("inf"), 0.0), 1.0)), "not finite"),
        (trajectory(Point((1.0, 1.0), (), 1.0), Point((2.0, 2.0), (), 1.0)), "not after"),
        (trajectory(Point((1.0, 1.0), (), 1.0), start=8.0), "past"),
    ],
)
def test_what_ros2_control_rejects_is_rejected_and_the_running_trajectory_goes_on(
    rejected: Trajectory, why: str
) -> None:
    jtc = controller()
    jtc.accept(trajectory(Point((2.0, 1.0), (), 2.0)), 10.0)
    assert re.search(why, jtc.accept(rejected, 10.5))
    assert at(jtc, 11.0) == ([1.0, 1.0], [1.0, 0.0])


def test_a_velocity_at_the_end_is_rejected_where_the_controller_does_not_allow_it() -> None:
    jtc = controller(allow_nonzero_velocity_at_trajectory_end=False)
    assert "end of the trajectory" in jtc.accept(trajectory(Point((1.0, 1.0), (0.1, 0.0), 1.0)), 0.0)
    assert jtc.accept(trajectory(Point((1.0, 1.0), (0.0, 0.0), 1.0)), 0.0) == ""

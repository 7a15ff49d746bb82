"""The robot never leaps, whatever its controller takes, and when: asserted on a robot behind the controller's stand-in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.cell import GOAL, MOST, ROBOTS, TELLS, TICK, Cell, Servos, cell
from tests.deploy_ros.policies import DT, LIMITS


@pytest.mark.parametrize(("lag", "late"), ROBOTS)
@pytest.mark.parametrize("tells", TELLS)
def test_a_healthy_robot_is_left_alone_but_for_its_first_start(
    policy: Policy, lag: float, late: float, tells: float
) -> None:
    it, robot = cell(policy, lag, late, tells=tells)
    it.run(4.0)
    reasons = [o.reason for o in it.outputs]
    # Until it is seen to move, its target waits: not at all where that is at once.
    first = round((lag + late) / DT) + 2 if late else 0
    assert set(reasons[first:]) == {Reason.OK} and set(reasons) <= {Reason.OK, Reason.LIMITED}
    assert not any(o.command.extra for o in it.outputs)
    assert it.excess() <= MOST
    np.testing.assert_allclose(robot.q, GOAL, atol=2e-3)


@pytest.mark.parametrize(("lag", "late"), ROBOTS)
@pytest.mark.parametrize("seconds", [0.04, 0.1, 0.14, 0.4, 1.0])
def test_where_moving_points_are_rejected_ctrl_c_is_no_leap(
    policy: Policy, lag: float, late: float, seconds: float
) -> None:
    it, robot = cell(policy, lag, late, end_velocity=False)
    it.run(seconds)
    it.interrupt()
    assert it.excess() <= MOST
    assert np.abs(robot.q).max() < 1e-3  # it never moved, and does not now


def test_rejection_is_found_within_0_2_s_and_its_likely_cause_is_said(policy: Policy) -> None:
    it, robot = cell(policy, end_velocity=False)
    assert it.run_until(Reason.STALLED) <= 0.2
    said = it.outputs[-1].status.reason
    assert "allow_nonzero_velocity_at_trajectory_end" in said and "not active" in said and "blocked" in said
    it.run(2.0)
    assert it.excess() < 1e-9 and not robot.q.any()


@pytest.mark.parametrize(("lag", "late"), ROBOTS)
@pytest.mark.parametrize("seconds", [0.06, 0.1, 0.14, 0.5, 5.0])
@pytest.mark.parametrize("end_velocity", [True, False])
def test_a_controller_that_comes_late_is_no_leap(
    policy: Policy, lag: float, late: float, seconds: float, end_velocity: bool
) -> None:
    it, robot = cell(policy, lag, late, controller_at=seconds, end_velocity=end_velocity)
    it.run(seconds + 1.0)
    it.interrupt()
    assert it.excess() <= MOST
    if seconds > 0.3:
        assert it.outputs[-1].status.latched and not robot.q.any()


@pytest.mark.parametrize(("lag", "late"), ROBOTS)
@pytest.mark.parametrize("joints", [[0], [2], [0, 1, 2]])
def test_a_blocked_arm_is_held_where_it_is_and_does_not_spring_when_freed(
    policy: Policy, lag: float, late: float, joints: list[int]
) -> None:
    it, robot = cell(policy, lag, late)
    it.run(0.5)
    robot.blocked[joints] = True
    it.run_until(Reason.STALLED, 0.4)
    it.run(1.5)
    held = robot.q.copy()
    assert (np.abs(it.setpoints[-1] - held) < 1e-3).all()  # without servo effort
    freed = len(it.path) - 1
    robot.blocked[:] = False
    it.run(2.0)
    assert np.abs(it.speeds[freed:]).max() < 0.01 and np.abs(robot.q - held).max() < 1e-3
    assert it.node.reset(it.now) == ""
    it.run(3.0)
    np.testing.assert_allclose(robot.q, GOAL, atol=2e-3)
    assert it.excess() <= MOST


@pytest.mark.parametrize("away", [0.1, 0.2, 0.3])
def test_a_joint_that_is_blocked_where_its_target_already_comes_to_rest_is_found(policy: Policy, away: float) -> None:
    """The target has no further to go, and the servo would press for ever."""
    it, robot = cell(policy, 0.1, 0.06)
    while GOAL[0] - robot.q[0] > away:
        it.run(DT)
    robot.blocked[0] = True
    while not it.outputs[-1].reason.latches:
        it.run(DT)
        assert it.now < 3.0
    it.run(1.5)
    assert (np.abs(it.setpoints[-1] - robot.q) < 1e-3).all()


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.2, 0.5])
def test_ctrl_c_on_a_blocked_arm_leaves_no_spring(policy: Policy, seconds: float) -> None:
    it, robot = cell(policy)
    it.run(0.5)
    robot.blocked[:] = True
    it.run(seconds)
    it.interrupt()
    robot.blocked[:] = False
    freed = len(it.path) - 1
    for _ in range(500):
        it._tick()
    assert (np.abs(it.speeds[freed:]) <= LIMITS.velocity).all()
    least = it.node.gate.following.least  # what a stop leaves is no further
    assert (np.abs(robot.q - it.path[freed]) <= least).all()


@pytest.mark.parametrize("at", [0.1, 0.2, 0.3, 0.5])
def test_a_controller_that_ends_under_way_is_found_and_its_return_is_no_leap(policy: Policy, at: float) -> None:
    it, robot = cell(policy, accept=lambda _, now: not at < now < at + 1.0)
    it.run(at)
    # The point on its way lasts for 0.04 s, the servos for 0.1 s; then it stands still for the lag of 0.2 s.
    it.run_until(Reason.STALLED, 0.4)
    stood = robot.q.copy()
    it.run(3.0)
    assert it.excess() <= MOST and np.abs(robot.q - stood).max() < 0.01


def test_a_controller_at_a_third_of_the_speed_is_waited_for(policy: Policy) -> None:
    """As the speed slider of an arm: targets wait for it, and are given up after `tracking_time`."""

    class Slow(Servos):
        def step(self, setpoint: np.ndarray) -> None:
            most = 0.3 * LIMITS.velocity * TICK
            super().step(self.q + (setpoint - self.q).clip(-most, most))

    robot = Slow(np.zeros(3))
    it = Cell(policy, robot, goal=GOAL)
    it.run_until(Reason.TRACKING)
    ahead = [np.abs(o.position - q) for o, q in zip(it.outputs, it.path[:: round(DT / TICK)], strict=False)]
    assert (np.array(ahead) <= (0.24 + DT) * LIMITS.velocity).all()
    given_up = robot.q.copy()
    it.run(3.0)
    # It stops within its braking way, v^2 / 2a = 0.6^2 / 16 at most, not where its target was.
    assert np.abs(robot.q - given_up).max() <= 0.03


class Late(Cell):
    """Until `late`, in s, the robot and its joint states stand still, as on a computer with other work."""

    late = -1.0

    def _sense(self) -> None:
        if self.now > self.late:
            super()._sense()


@pytest.mark.parametrize("periods", [1, 2, 3])
def test_a_computer_that_is_late_for_a_moment_is_no_robot_that_stands_still(policy: Policy, periods: int) -> None:
    robot = Servos(np.zeros(3), 0.1, 0.06)
    it = Late(policy, robot, goal=GOAL)
    it.run(4.0)
    assert it.node.on_goal([-x for x in GOAL], "base") == ""
    it.run(periods * DT)
    robot.blocked[:], it.late = True, it.now + 0.09
    it.run(4 * DT)
    robot.blocked[:] = False
    it.run(4.0)
    assert {o.reason for o in it.outputs} <= {Reason.OK, Reason.LIMITED}
    np.testing.assert_allclose(robot.q, [-x for x in GOAL], atol=2e-3)


@settings(max_examples=40, deadline=None)
@given(
    robot=st.sampled_from(ROBOTS),
    end_velocity=st.booleans(),
    controller_at=st.floats(0, 1),
    goal=st.tuples(st.floats(-1.9, 1.9), st.floats(-1.4, 1.4), st.floats(-0.9, 0.9)),
    blocked=st.tuples(st.floats(0, 2), st.lists(st.integers(0, 2), max_size=3), st.floats(0.5, 1)),
    stop=st.sampled_from(["none", "stop", "interrupt"]),
    seconds=st.floats(0, 2),
)
def test_whatever_happens_the_robot_keeps_its_velocity_limits(
    policy: Policy,
    robot: tuple[float, float],
    end_velocity: bool,
    controller_at: float,
    goal: tuple[float, float, float],
    blocked: tuple[float, list[int], float],
    stop: str,
    seconds: float,
) -> None:
    servos = Servos(np.zeros(3), *robot)
    it = Cell(policy, servos, goal=goal, end_velocity=end_velocity, controller_at=controller_at)
    at, joints, duration = blocked
    for k in range(150):
        t = k * DT
        servos.blocked[joints] = at <= t < at + duration
        if stop == "stop" and t >= seconds:
            it.node.stop()
        if stop == "interrupt" and t >= seconds:
            it.interrupt()
            break
        it.run(DT)
    reach = it.node.gate.following.reach
    assert (np.abs(np.array(it.setpoints) - np.array(it.path[:-1])) <= reach).all()  # what a freed joint may spring
    assert it.excess() <= MOST or joints
    for output in it.outputs:
        assert np.isfinite(output.position).all() and np.isfinite(output.velocity).all()


@pytest.mark.parametrize(("seconds", "most"), [(0.6, 0.5), (0.8, MOST), (1.2, MOST)])
def test_a_joint_that_was_blocked_for_more_than_half_a_second_does_not_spring(
    policy: Policy, seconds: float, most: float
) -> None:
    """The setpoint comes back as fast as the velocity limits allow: 2.25 d / v, where d / v is at most 0.24 s, so 0.54 s."""
    it, robot = cell(policy)
    it.run(0.5)
    robot.blocked[0] = True
    it.run(seconds)
    since = len(it.path) - 1
    robot.blocked[:] = False
    it.run(1.0)
    assert np.abs(it.speeds[since:, 0]).max() / LIMITS.velocity[0] <= most

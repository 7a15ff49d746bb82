"""The robot never leaps behind a forward controller, which hands on each value as it comes."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.cell import GOAL, MOST, cell
from tests.deploy_ros.policies import LIMITS


@pytest.mark.parametrize("seconds", [0.1, 0.5, 5.0])
def test_a_forward_controller_that_comes_late_finds_its_value_where_the_robot_is(
    policy: Policy, seconds: float
) -> None:
    it, robot = cell(policy, 0.05, controller_at=seconds, output="forward")
    it.run(seconds + 0.5)
    it.interrupt()
    assert it.excess() <= MOST
    if seconds > 0.3:
        assert not robot.q.any()


def test_a_forward_controller_that_comes_soon_after_the_start_is_no_jump(policy: Policy) -> None:
    it, robot = cell(policy, 0.01, controller_at=0.1, output="forward")
    it.run(4.0)
    assert it.excess() <= MOST
    np.testing.assert_allclose(robot.q, GOAL, atol=2e-3)


def test_a_forward_controller_holds_a_blocked_arm_where_it_is(policy: Policy) -> None:
    it, robot = cell(policy, output="forward")
    it.run(0.5)
    robot.blocked[:] = True
    it.run_until(Reason.STALLED, 0.4)
    reach = it.node.gate.following.reach
    assert (np.abs(np.array(it.setpoints) - np.array(it.path[:-1])) <= reach).all()
    it.run(0.1)
    np.testing.assert_allclose(it.setpoints[-1], robot.q)


@pytest.mark.parametrize("joint", [0, 1, 2])
@pytest.mark.parametrize(("lag", "late"), [(0.002, 0.0), (0.01, 0.0), (0.03, 0.0), (0.03, 0.05)])
def test_one_blocked_joint_of_a_forward_controller_is_no_leap_of_the_others(
    policy: Policy, lag: float, late: float, joint: int
) -> None:
    it, robot = cell(policy, lag, late, output="forward")
    it.run(0.5)
    robot.blocked[joint] = True
    since = len(it.path) - 1
    it.run(2.0)
    assert it.outputs[-1].status.latched and it.node.at_rest
    others = [k for k in range(3) if k != joint]
    assert (np.abs(it.speeds[since:, others]) / LIMITS.velocity[others]).max() <= MOST

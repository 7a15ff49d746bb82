"""The robot never leaps behind a trajectory controller that says where its setpoint is, and faults are told apart by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.cell import GOAL, ROBOTS, TELLS, Cell, Servos, cell
from tests.deploy_ros.policies import DT


@pytest.mark.parametrize(("lag", "late"), [(0.002, 0.0), *ROBOTS[1:]])
@pytest.mark.parametrize("tells", TELLS[1:])
@pytest.mark.parametrize("seconds", [0.06, 0.1, 0.15, 0.25, 0.4])
def test_points_that_are_lost_under_way_are_no_leap_where_the_controller_says_where_it_stands(
    policy: Policy, lag: float, late: float, tells: float, seconds: float
) -> None:
    for at in (0.3, 0.5, 0.8):
        it, robot = cell(policy, lag, late, tells=tells, accept=lambda _, now, at=at: not at < now < at + seconds)
        it.run(4.0)
        assert it.excess() <= 1.12  # without: 1.7 to 8.2
        assert {o.reason for o in it.outputs} <= {Reason.OK, Reason.LIMITED, Reason.REJECTED}
        if seconds < 0.2:
            np.testing.assert_allclose(robot.q, GOAL, atol=2e-3)


class Noisy(Servos):
    """Its encoders are, rad."""

    noise, random = 0.0, np.random.default_rng(0)

    def measure(self) -> tuple[np.ndarray, np.ndarray]:
        return self.q + self.random.normal(0.0, self.noise, self.q.shape), self.v


@pytest.mark.parametrize("noise", [0.003, 0.01])
@pytest.mark.parametrize("at", [0.1, 0.2, 0.3, 0.5, 1.0])
def test_noise_is_no_motion_where_the_controller_says_where_it_stands(policy: Policy, noise: float, at: float) -> None:
    robot = Noisy(np.zeros(3), 0.002)
    robot.noise = noise
    it = Cell(policy, robot, goal=GOAL, controller_at=at, tells=0.008)
    it.run(at + 1.0)
    assert it.excess() <= 1.15  # without: 1.3 to 8.9


def test_a_controller_that_rejects_is_told_from_a_robot_that_is_blocked(policy: Policy) -> None:
    it, robot = cell(policy, end_velocity=False, tells=0.02)
    assert it.run_until(Reason.REJECTED) <= 0.2 + 1e-9
    assert "allow_nonzero_velocity_at_trajectory_end" in it.outputs[-1].status.reason
    it.run(2.0)
    assert it.excess() < 1e-9 and it.outputs[-1].reason is Reason.REJECTED
    it, robot = cell(policy, tells=0.02)
    it.run(0.5)
    robot.blocked[1] = True
    it.run_until(Reason.BLOCKED, 0.4)
    it.run(1.5)
    assert (np.abs(it.setpoints[-1] - robot.q) < 1e-3).all()  # without servo effort


def test_rejection_is_found_within_0_2_s_on_noisy_encoders_too(policy: Policy) -> None:
    robot = Noisy(np.zeros(3))
    robot.noise = 0.01
    it = Cell(policy, robot, goal=GOAL, end_velocity=False, tells=0.008)
    assert it.run_until(Reason.REJECTED) <= 0.2 + 1e-9


@pytest.mark.parametrize("what", ["nan", "names", "length", "text", "far", "huge", "silence"])
def test_a_controller_state_that_cannot_be_used_is_as_if_there_were_none(policy: Policy, what: str) -> None:
    it, robot = cell(policy)
    names = tuple(j.name for j in it.node.interface.joints)
    fit: tuple[Any, Any, Any] = (names, [0.0] * 3, [0.0] * 3)
    strange: dict[str, tuple[Any, Any, Any]] = {
        "nan": (names, [float("nan")] * 3, [0.0] * 3),
        "names": (names[:2], [0.0] * 2, [0.0] * 2),
        "length": (names, [0.0] * 2, []),
        "far": (names, [0.0, 5.0, 0.0], [0.0] * 3),  # limits: 1.5 rad to both sides
        "huge": (names, [0.0, 1e308, 0.0], [0.0] * 3),
        "text": (names, ["a", "b", "c"], []),
        "silence": fit,  # and nothing after it
    }
    for _ in range(1 if what == "silence" else 100):
        why = it.node.on_controller_state(*strange[what], it.now)
        assert bool(why) == (what != "silence")
        it.run(DT)
    it.run(4.0)
    assert it.node.refusals.count == 0 and it.outputs[-1].reason is Reason.OK
    np.testing.assert_allclose(robot.q, GOAL, atol=2e-3)

"""What counts as a robot that follows its targets, on motions given by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.configs.laws.limits import JointLimits
from ashore.deploy_ros.following import Evidence, Following, Measured
from tests.deploy_ros.policies import DT


def test_a_joint_that_starts_outside_its_limits_is_given_the_time_to_come_back() -> None:
    """By hand: 0.12 rad beyond a limit, at 3.14 rad/s at most, a cubic from rest to rest takes 1.5 * 0.12 / 3.14 = 0.0573 s."""
    one = np.ones(1)
    following = Following(JointLimits(-6.28 * one, 6.28 * one, 3.14 * one, 8.0 * one), 0.02, 0.2)
    begun = Evidence.begin(Measured(6.4 * one, 0 * one, 0.0), 6.4 * one)
    for velocity in (0 * one, -0.1 * one):
        assert following.travel_time(6.28 * one, velocity, begun, 0.0) == pytest.approx(0.0573, abs=0.002)


def test_the_end_of_one_motion_does_not_count_towards_the_next() -> None:
    """The sixth joint of the twin's panda and its target, rad, every 20 ms: it settles, then its target sets off again.

    Recorded in `make demo`, where the gate shut on a healthy arm.
    """
    robot = [2.1556, 2.1594, 2.1623, 2.1646, 2.167, 2.1692, 2.1719, 2.173, 2.1737, 2.1731, 2.1722]
    robot += [2.1707, 2.1687, 2.1656, 2.1655, 2.1651, 2.164, 2.1644, 2.1633, 2.1581, 2.1534]
    target = [2.1787, 2.1802, 2.18, 2.1787, 2.176, 2.1725, 2.1687, 2.1662, 2.1638, 2.1623, 2.1611]
    target += [2.1619, 2.1618, 2.1631, 2.1565, 2.1418, 2.1191, 2.0884, 2.0497, 2.003, 1.958]
    one = np.ones(1)
    following = Following(JointLimits(-6.28 * one, 6.28 * one, 2.61 * one, 20.0 * one), DT, 0.2)
    evidence = Evidence.begin(Measured(2.152 * one, 0 * one, -DT), 2.175 * one)._replace(proven=True)
    for k, (q, p) in enumerate(zip(robot, target, strict=True)):
        evidence = following.watch(evidence, Measured(q * one, 0 * one, k * DT), p * one)
        assert not following.stalled(evidence, p * one).any(), f"after {k} periods"

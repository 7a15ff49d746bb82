"""A computer that stood still for a moment: the robot has come to rest meanwhile, and is not set in motion again."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.cell import GOAL, ROBOTS, TICK, Cell, Servos
from tests.deploy_ros.policies import DT


class Deaf(Cell):
    """A cell that hears no joint states for a while."""

    deaf = False

    def _sense(self) -> None:
        if not self.deaf:
            super()._sense()


@pytest.mark.parametrize("heard_first", [True, False])
@pytest.mark.parametrize("output", ["trajectory", "forward"])
@pytest.mark.parametrize(("lag", "late"), ROBOTS)
def test_after_a_second_without_a_step_the_arm_stays_where_it_came_to_rest(
    policy: Policy, lag: float, late: float, output: str, heard_first: bool
) -> None:
    robot = Servos(np.zeros(3), lag, late)
    it = Deaf(policy, robot, goal=GOAL, output=output)
    it.run(0.4)
    assert (np.abs(it.outputs[-1].velocity) > 0.5).all()  # in full motion
    for _ in range(round(1.0 / TICK)):
        it._tick()
    rest = robot.q.copy()
    it.deaf = not heard_first  # the control thread wakes before joint states are read
    it.run(DT)
    it.deaf = False
    after = it.run(1.0)
    assert after.reason is Reason.CLOCK and "no step for 1.0" in after.status.reason
    assert np.abs(np.array(it.path[-500:]) - rest).max() < 1e-3
    assert it.node.at_rest and it.node.reset(it.now) == ""

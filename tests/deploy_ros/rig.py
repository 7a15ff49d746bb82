"""A controller with a robot that follows it, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.states import Output
from tests.deploy_ros.policies import DT, JOINTS

GOAL = (0.5, -0.4, 0.3)


class Rig:
    """A controller and a robot that is where it was told to be; its clock moves by hand."""

    def __init__(self, policy: Policy, **settings: Any) -> None:
        self.controller = Controller(NodeSettings(**settings))
        self.controller.configure(policy)
        self.now, self.q, self.v = 100.0, np.zeros(3), np.zeros(3)

    def sense(self, **changes: Any) -> str:
        state: dict[str, Any] = {
            "names": JOINTS,
            "position": self.q,
            "velocity": self.v,
            "stamp": self.now,
            "now": self.now,
        }
        return self.controller.on_joint_state(**(state | changes))

    def started(self) -> Rig:
        self.sense()
        self.controller.on_goal(GOAL, "base")
        assert self.controller.activate(self.now) == ""
        return self

    def step(self, sense: bool = True, **changes: Any) -> Output:
        self.now += DT
        if sense:
            self.sense(**changes)
        output = self.controller.step(self.now)
        assert output is not None
        self.q, self.v = output.position, output.velocity
        return output

    def step_refusing(self, **changes: Any) -> str:
        """A step whose joint state is refused; gives why."""
        self.now += DT
        why = self.sense(**changes)
        output = self.controller.step(self.now)
        assert why and output is not None
        self.q, self.v = output.position, output.velocity
        return why

    def run_until(self, reason: Reason, sense: bool = True) -> Output:
        for _ in range(100):
            output = self.step(sense)
            if output.reason is reason:
                return output
        raise AssertionError(f"no {reason} in 100 steps")

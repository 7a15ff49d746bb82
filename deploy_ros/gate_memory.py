"""What the gate hands itself from one control period to the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ashore.deploy_ros.following import Evidence, Measured
from ashore.deploy_ros.reasons import Reason


class GateMemory(NamedTuple):
    """The last command let through, and what the gate remembers."""

    position: np.ndarray  # [n] rad
    velocity: np.ndarray  # [n] rad/s
    time: float  # s, monotonic, of the last step
    evidence: Evidence  # of the robot's motion
    off_since: float | None = None  # s, monotonic, since when some joint is too far behind
    latched: Reason | None = None
    remaining: float = 0.0  # s until a target that was put back to the robot may be reached
    controller: Evidence | None = None  # of the trajectory controller's own motion, where it says where it stands
    catching_up: bool = False  # the controller, by what it says
    back: np.ndarray | None = None  # [n] mask of the joints whose target this stop has put back to the robot

    @property
    def put_back(self) -> bool:
        """Whether this stop has put a target back to the robot."""
        return self.back is not None

    @property
    def reference(self) -> Measured | None:
        """Where the trajectory controller says that it stands."""
        return self.controller.seen if self.controller is not None else None

    @property
    def at_rest(self) -> bool:
        return not self.velocity.any() and self.remaining <= 0.0

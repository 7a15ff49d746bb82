"""The states of a managed node, and what it says of itself every cycle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum

import numpy as np

from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import Command

EXIT_OK, EXIT_NOT_STARTED, EXIT_UNUSABLE, EXIT_FAILED = 0, 1, 2, 3  # of a node's process


class State(Enum):
    """As in ROS 2 managed nodes: design.ros2.org/articles/node_lifecycle.html."""

    UNCONFIGURED = "unconfigured"
    INACTIVE = "inactive"
    ACTIVE = "active"
    FINALIZED = "finalized"


class TransitionError(RuntimeError):
    """A managed node has no such transition from the state it is in."""


@dataclass(frozen=True)
class Status:
    """What a node says of itself every cycle."""

    state: str
    reason: str
    latched: bool
    steps: int
    skipped: int  # control periods skipped after an overrun
    refused: int  # messages that could not be used
    state_age: float  # s since the joint state in use was received; -1: none yet
    latency: float  # s from the step's beginning to its command
    mode: str = "policy"  # or shadow, whose commands nobody follows, or home

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Output:
    """What to send: a target one control period ahead."""

    command: Command
    reason: Reason
    status: Status

    @property
    def position(self) -> np.ndarray:
        """Of the target, [n] rad."""
        return self.command.position

    @property
    def velocity(self) -> np.ndarray:
        """Of the target, [n] rad/s."""
        return self.command.velocity

"""What a twin asks of the robot that it plays: a simulated one, one world after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ashore.configs.contract import Interface


class Episode(Protocol):
    """What a plant draws for an episode."""

    @property
    def index(self) -> int: ...
    @property
    def world(self) -> Mapping[str, float]: ...  # lambda by name


class ProgressReport(Protocol):
    """How an episode goes."""

    @property
    def success(self) -> bool: ...  # latched within the episode
    @property
    def failed(self) -> str: ...  # a reason, or empty
    @property
    def elapsed(self) -> float: ...  # s of simulated time
    @property
    def time_limit(self) -> float: ...  # s
    @property
    def metrics(self) -> Mapping[str, float]: ...  # of the task, means over the episode so far


class RobotSimulator(Protocol):
    """A simulated robot with its servos, encoders and whatever else it is told by, one world after another."""

    @property
    def interface(self) -> Interface: ...
    @property
    def physics_dt(self) -> float: ...  # s
    @property
    def publish_dt(self) -> float: ...  # s between joint states, whole physics steps
    @property
    def home(self) -> np.ndarray: ...  # [n] rad, where the joints are seen at first, and when an episode starts anew
    @property
    def starts_anew(self) -> bool: ...  # each episode: robot and things are put where they belong; else the robot stays

    def begin_episode(self) -> Episode:
        """Draw the next world, goal and, where episodes start anew, state."""

    def step(self, setpoint: np.ndarray) -> None:
        """One physics step. setpoint: [n] rad, the controller's at the end of this step."""

    def measure(self) -> Mapping[str, np.ndarray]:
        """All signals by name, as sensors and cameras tell, and commands: [size] each; called once a joint state."""

    def joints(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the joints are and how fast, whatever their encoders say: [n] rad and rad/s."""

    def progress(self) -> ProgressReport: ...

"""A gripper that is driven by an action, free of any transport: which of its targets become goals, and what goes wrong.

The actions are control_msgs/action/GripperCommand (a position and an effort, of one joint) and ParallelGripperCommand
(positions by name), as ros2_controllers' gripper_action_controller and parallel_gripper_action_controller take them.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

RESOLUTION = 1e-4  # m: a target that differs by less is the one before
PATIENCE = 1.0  # s for the server to answer a goal


class GripperTarget(NamedTuple):
    """Where a gripper shall go; what a command says to one."""

    position: tuple[float, ...]  # m, of its joints
    driving: bool  # while the node brakes or holds, no goal is sent, and one that is under way is cancelled


class Ending(Enum):
    """How a goal ended: action_msgs/msg/GoalStatus."""

    SUCCEEDED = 4
    CANCELED = 5
    ABORTED = 6


class Goals:
    """The goals of one gripper. Times: s, monotonic; positions: m."""

    def __init__(self, name: str, step: float) -> None:
        """name: of the action; step: m, a new goal is sent where the target went further than this from the last one."""
        self._name, self._step = name, step
        self.fault = ""  # what the gripper did not do, until `renew`
        self.forget()

    def forget(self) -> None:
        """No goal is known: the next target becomes one."""
        self._last: tuple[float, ...] | None = None
        self._asked: float | None = None  # s, when the goal was sent that has no answer yet
        self._under_way = False

    def renew(self) -> None:
        """Go on after a fault."""
        self.fault = ""
        self.forget()

    def due(self, target: GripperTarget, ready: bool, now: float) -> bool:
        """Whether the target is to be sent as a goal now; ready: there is a server."""
        if self._asked is not None and now - self._asked > PATIENCE:
            self.fault = self.fault or f"{self._name} gives no answer to its goal"
        if self.fault or self._asked is not None or not target.driving:
            return False
        if self._last is not None:
            way = max(abs(a - b) for a, b in zip(target.position, self._last, strict=True))
            if way <= (self._step if self._under_way else RESOLUTION):
                return False
        if not ready:
            self.fault = f"there is no server of {self._name} any more"
        return ready

    def sent(self, target: GripperTarget, now: float) -> None:
        self._last, self._asked = target.position, now

    def answered(self, accepted: bool) -> None:
        """The server's answer to the goal that was sent last."""
        self._asked, self._under_way = None, accepted
        if not accepted:
            self.fault = f"{self._name} rejected its goal of {self._goal}"

    def ended(self, how: int, stalled: bool, asked_for: bool) -> None:
        """The goal that was accepted last is over. stalled: the gripper holds something, which is no fault; asked_for: it was
        cancelled by this node. One that a newer goal is about to replace may end in any way."""
        if self._asked is not None:
            return
        self._under_way = False
        if how == Ending.SUCCEEDED.value or stalled or asked_for:
            return
        what = {Ending.CANCELED.value: "cancelled", Ending.ABORTED.value: "aborted"}.get(
            how, f"ended with status {how} of"
        )
        self.fault = f"{self._name} {what} its goal of {self._goal}"

    def failed(self, error: BaseException) -> None:
        """The transport failed on a goal or on its result."""
        self._asked, self._under_way = None, False
        self.fault = f"{self._name} failed: {error!r}"

    @property
    def _goal(self) -> str:
        return ", ".join(f"{position:.4f} m" for position in self._last or ())

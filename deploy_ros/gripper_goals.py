"""A gripper that is driven by an action, free of any transport: which of its targets become goals, and what goes wrong.

The actions are control_msgs/action/GripperCommand (a position and an effort, of one joint) and ParallelGripperCommand
(positions by name), as ros2_controllers' gripper_action_controller and parallel_gripper_action_controller take them.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

RESOLUTION = 1e-4  # m: a target that differs by less is the one before
PATIENCE = 1.0  # s for the server to answer a goal, or a request to cancel one


class GripperTarget(NamedTuple):
    """Where a gripper shall go; what a command says to one."""

    position: tuple[float, ...]  # m, of its joints
    driving: bool  # while the node brakes or holds, no goal is sent, and one that is under way is cancelled


class Ending(Enum):
    """How a goal ended: action_msgs/msg/GoalStatus."""

    SUCCEEDED = 4
    CANCELED = 5
    ABORTED = 6


class CancelAnswer(Enum):
    """What a server says to a request to cancel: action_msgs/srv/CancelGoal."""

    NONE = 0  # no error; one of rclpy says so, too, where it refuses, and names no goal then
    REJECTED = 1
    UNKNOWN_GOAL = 2
    GOAL_TERMINATED = 3


class Goal:
    """One goal, from when it is sent until it is over. What a server answers is told with the goal that it was asked about."""

    def __init__(self, position: tuple[float, ...], now: float) -> None:
        """position: m; now: s, when it is sent."""
        self.position = position
        self.asked: float | None = now  # s, since when the server owes an answer, at first to the goal itself
        self.handle: Any = None  # the transport's, once it is accepted
        self.given_up = False  # it is to be cancelled as soon as it can be
        self.cancelling = False  # the server was asked to
        self.over = False

    def __str__(self) -> str:
        return ", ".join(f"{position:.4f} m" for position in self.position)


class Goals:
    """The goals of one gripper. Times: s, monotonic; positions: m."""

    def __init__(self, name: str, step: float) -> None:
        """name: of the action; step: m, a new goal is sent where the target went further than this from the last one."""
        self._name, self._step = name, step
        self.fault = ""  # the first thing that the gripper did not do, until `renew`
        self._last: Goal | None = None  # the one that was sent last
        self._running: Goal | None = None  # the one that was accepted last

    def give_up(self, now: float) -> list[Goal]:
        """Whatever there is shall end, and the next target is a new goal; gives those that are to be cancelled now."""
        goals = [goal for goal in (self._running, self._last) if goal is not None]
        for goal in goals:
            goal.given_up = True
        return [goal for goal in goals if self._cancels(goal, now)]

    def renew(self) -> None:
        """Go on after a fault; what comes of the goals until here counts no more."""
        self.fault = ""
        self._last = self._running = None

    def watch(self, now: float) -> None:
        """See whether the server owes an answer for too long."""
        for goal in (self._last, self._running):
            if goal is not None and not goal.over and goal.asked is not None and now - goal.asked > PATIENCE:
                what = f"a request to cancel its goal of {goal}" if goal.cancelling else "its goal"
                self._fail(goal, f"gives no answer to {what}")

    def due(self, target: GripperTarget, ready: bool) -> bool:
        """Whether the target is to be sent as a goal now; ready: there is a server."""
        last = None if self._last is None or self._last.given_up else self._last
        if self.fault or not target.driving or (last is not None and last.asked is not None):
            return False
        if last is not None:
            way = max(abs(a - b) for a, b in zip(target.position, last.position, strict=True))
            if way <= (RESOLUTION if last.over else self._step):
                return False
        if not ready:
            self.fault = f"there is no server of {self._name} any more"
        return ready

    def send(self, target: GripperTarget, now: float) -> Goal:
        """The target as a goal."""
        self._last = Goal(target.position, now)
        return self._last

    def accepted(self, goal: Goal, handle: Any, now: float) -> bool:
        """The server took it; whether it is to be cancelled at once, as nobody wants it any more."""
        goal.asked, goal.handle = None, handle
        if goal is self._last:
            self._running = goal
        else:
            goal.given_up = True
        return goal.given_up and self._cancels(goal, now)

    def rejected(self, goal: Goal) -> None:
        """The server did not take it."""
        goal.asked, goal.over = None, True
        if not goal.given_up:
            self._fail(goal, f"rejected its goal of {goal}")

    def ended(self, goal: Goal, how: int, stalled: bool) -> None:
        """It is over. stalled: the gripper holds something, which is no fault. One that was given up, or that a newer one is
        about to replace, may end in any way."""
        goal.asked, goal.over = None, True
        if how == Ending.SUCCEEDED.value or stalled or goal.given_up or goal is not self._last:
            return
        what = {Ending.CANCELED.value: "cancelled", Ending.ABORTED.value: "aborted"}.get(
            how, f"ended with status {how} of"
        )
        self._fail(goal, f"{what} its goal of {goal}")

    def cancel_answered(self, goal: Goal, code: int, cancelling: bool) -> None:
        """The server's answer to a request to cancel it; code: see CancelAnswer; cancelling: whether it names the goal."""
        goal.asked = None
        if code in (CancelAnswer.UNKNOWN_GOAL.value, CancelAnswer.GOAL_TERMINATED.value):
            goal.over = True
        if not goal.over and not (code == CancelAnswer.NONE.value and cancelling):
            self._fail(goal, f"refuses to cancel its goal of {goal}")

    def failed(self, goal: Goal, error: BaseException) -> None:
        """The transport failed on it, on its result, or on a request to cancel it."""
        goal.asked = None
        if not goal.over:
            self._fail(goal, f"failed: {error!r}")

    def _cancels(self, goal: Goal, now: float) -> bool:
        """Whether the server is to be asked to cancel it now: once, and not before it has accepted it."""
        if goal.handle is None or goal.over or goal.cancelling:
            return False
        goal.asked, goal.cancelling = now, True
        return True

    def _fail(self, goal: Goal, why: str) -> None:
        """A fault of a goal that still counts."""
        if goal is self._last or goal is self._running:
            self.fault = self.fault or f"{self._name} {why}"

"""Stand-ins for `rclpy.action.ActionClient`, its futures and the gripper actions of control_msgs.

As `rclpy/action/client.py` of rclpy 3.3 (Humble) to 7.1 (Jazzy): a goal of another class is a TypeError, answers and results
arrive in the executor, a future's callbacks run there too, a handle of a rejected goal says `accepted` = False, a client that
was destroyed cannot be used. What the server does, a test says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

from tests.deploy_ros.fake_messages import Checked

SUCCEEDED, CANCELED, ABORTED = 4, 5, 6  # action_msgs/msg/GoalStatus


class Command(Checked):
    """control_msgs/msg/GripperCommand."""

    FIELDS: ClassVar[dict[str, type]] = {"position": float, "max_effort": float}


class Result(Checked):
    """Of control_msgs/action/GripperCommand."""

    FIELDS: ClassVar[dict[str, type]] = {"position": float, "effort": float, "stalled": bool, "reached_goal": bool}


class Goal(Checked):
    """Of control_msgs/action/GripperCommand."""

    FIELDS: ClassVar[dict[str, type]] = {"command": Command}


class GripperCommand:
    """control_msgs/action/GripperCommand."""

    Goal, Result = Goal, Result


def parallel_gripper_command(joint_state: type) -> type:
    """control_msgs/action/ParallelGripperCommand, whose command is a JointState."""
    goal = type("Goal", (Checked,), {"FIELDS": {"command": joint_state}})
    result = type("Result", (Checked,), {"FIELDS": {"state": joint_state, "stalled": bool, "reached_goal": bool}})
    return type("ParallelGripperCommand", (), {"Goal": goal, "Result": result})


class Future:
    """`rclpy.task.Future`: callbacks run in the executor once it is done."""

    def __init__(self) -> None:
        self._done, self._value = False, None
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Future], None]] = []

    def add_done_callback(self, callback: Callable[[Future], None]) -> None:
        self._callbacks.append(callback)
        if self._done:
            EXECUTOR.append(self._call)

    def set_result(self, value: Any) -> None:
        self._done, self._value = True, value
        EXECUTOR.append(self._call)

    def set_exception(self, error: Exception) -> None:
        self._done, self._error = True, error
        EXECUTOR.append(self._call)

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self) -> Exception | None:
        return self._error

    def _call(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


EXECUTOR: deque[Callable[[], None]] = deque()  # what it has to run


def run_executor() -> None:
    while EXECUTOR:
        EXECUTOR.popleft()()


def cancel_response(return_code: int, goals: int) -> Any:
    """action_msgs/srv/CancelGoal's; goals: how many it names that will be cancelled, none where a server of rclpy refuses."""
    return SimpleNamespace(return_code=return_code, goals_canceling=[SimpleNamespace()] * goals)


class Server:
    """An action server that does what a test says: accepts or not, ends goals when told, answers at once or when told."""

    def __init__(self, accepts: bool = True, answers: bool = True) -> None:
        self.ready, self.accepts, self.answers = True, accepts, answers
        self.to_cancel: Any = cancel_response(0, 1)  # what it says to a request to cancel; None: nothing
        self.goals: list[Any] = []
        self.asked: list[tuple[ActionClient, Future]] = []  # by the goals that have no answer yet
        self.handles: list[Handle] = []  # of goals that were accepted
        self.cancelled: list[Handle] = []

    def answer(self, which: int = 0, accepts: bool = True) -> None:
        """What it did not say at once."""
        client, future = self.asked.pop(which)
        handle = Handle(client, self, accepts)
        if accepts:
            self.handles.append(handle)
        future.set_result(handle)

    def end(self, status: int, stalled: bool = False, which: int = -1) -> None:
        result = SimpleNamespace(stalled=stalled, reached_goal=status == SUCCEEDED)
        self.handles[which].result_future.set_result(SimpleNamespace(status=status, result=result))

    @property
    def positions(self) -> list[float]:
        return [goal.command.position for goal in self.goals]


SERVERS: dict[str, Server] = {}  # by the name of the action


class Handle:
    """`rclpy.action.client.ClientGoalHandle`, which asks through its client."""

    def __init__(self, client: ActionClient, server: Server, accepted: bool) -> None:
        self._client, self._server, self.accepted = client, server, accepted
        self.result_future = Future()

    def get_result_async(self) -> Future:
        self._client.require()
        assert self.accepted, "the server knows no such goal"
        return self.result_future

    def cancel_goal_async(self) -> Future:
        self._client.require()
        self._server.cancelled.append(self)
        future = Future()
        if self._server.to_cancel is not None:
            future.set_result(self._server.to_cancel)
        return future


class ActionClient:
    """`rclpy.action.ActionClient`."""

    def __init__(self, node: Any, action_type: Any, action_name: str) -> None:
        if not hasattr(action_type, "Goal"):
            raise AttributeError(f"{action_type!r} is no action")  # check_for_type_support's
        self._type, self._name, self.destroyed = action_type, action_name, False
        node.action_clients.append(self)

    def server_is_ready(self) -> bool:
        self.require()
        return self._name in SERVERS and SERVERS[self._name].ready

    def send_goal_async(self, goal: Any, feedback_callback: Any = None, goal_uuid: Any = None) -> Future:
        self.require()
        if not isinstance(goal, self._type.Goal):
            raise TypeError
        server, future = SERVERS[self._name], Future()
        server.goals.append(goal)
        server.asked.append((self, future))
        if server.answers:
            server.answer(-1, server.accepts)
        return future

    def destroy(self) -> None:
        self.require()
        self.destroyed = True

    def require(self) -> None:
        if self.destroyed:
            raise RuntimeError("cannot use Destroyable because destruction was requested")  # InvalidHandle

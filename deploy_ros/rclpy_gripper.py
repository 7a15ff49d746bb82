"""A gripper as a client of an action. The control loop leaves a target here; the executor sends goals and hears of them."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.action import ActionClient
from sensor_msgs.msg import JointState

from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.gripper_goals import Goal, Goals, GripperTarget
from ashore.deploy_ros.groups import Group
from ashore.deploy_ros.settings import NodeSettings

try:  # comes with ros2_controllers
    from control_msgs.action import GripperCommand
except ImportError:
    GripperCommand = None
try:  # not in every distribution
    from control_msgs.action import ParallelGripperCommand
except ImportError:
    ParallelGripperCommand = None

ACTIONS = {"gripper_command": GripperCommand, "parallel_gripper_command": ParallelGripperCommand}
PERIOD = 0.02  # s between looks at the target


def absent_action(group: Group) -> str:
    """Why goals of this group cannot be sent: its action comes with a package that is not here."""
    if ACTIONS[group.output] is not None:
        return ""
    there = ["trajectory", "forward", *(name for name, action in ACTIONS.items() if action is not None)]
    return f"gripper_output = {group.output!r}: this ROS 2 has no {group.kind} in control_msgs; allowed: {', '.join(there)}"


class Grippers:
    """Those that a configured controller drives by actions: one, or none; in a shadow, nothing is to move."""

    def __init__(self, node: Any, controller: Controller | None = None, fail: Callable[[str], None] = print) -> None:
        self._clients: dict[str, GripperClient] = {}  # by the action's name
        if controller is None or controller.settings.shadow:
            return
        for group in (group for group in controller.groups if group.is_action):
            names = tuple(controller.interface.joints[joint].name for joint in group.joints)
            self._clients[group.topic] = GripperClient(node, group, names, controller.settings, fail)

    def missing(self) -> str:
        """What they lack; empty where nothing."""
        return next(filter(None, (client.missing() for client in self._clients.values())), "")

    def aim(self, name: str, target: GripperTarget) -> None:
        """From any thread."""
        if name in self._clients:
            self._clients[name].aim(target)

    def renew(self) -> None:
        """Begin anew, as the node does when it is activated or reset."""
        for client in self._clients.values():
            client.renew()

    def cancel(self) -> None:
        """Give up what is under way."""
        for client in self._clients.values():
            client.cancel()

    def close(self) -> None:
        """Cancel, and be gone."""
        for client in self._clients.values():
            client.close()
        self._clients = {}


class GripperClient:
    """From a configuration to a cleanup. Everything but `aim` runs in the executor's thread."""

    def __init__(
        self, node: Any, group: Group, names: tuple[str, ...], settings: NodeSettings, fail: Callable[[str], None]
    ) -> None:
        """names: of the group's joints; fail: told once what the gripper did not do."""
        self._node, self._output, self._name, self._names = node, group.output, group.topic, names
        self._effort, self._fail = settings.gripper_effort, fail
        self._action = ACTIONS[group.output]
        self._client = ActionClient(node, self._action, group.topic)
        self._goals, self._told = Goals(group.topic, settings.gripper_step), ""
        self._aim: GripperTarget | None = None
        self._closed = False
        self._timer = node.create_timer(PERIOD, self.look)

    def aim(self, target: GripperTarget) -> None:
        """Where the gripper shall go; from any thread, at once."""
        self._aim = target

    def missing(self) -> str:
        """What the gripper lacks; empty where nothing."""
        return "" if self._client.server_is_ready() else f"no server of the action {self._name}"

    def renew(self) -> None:
        """Begin anew, as the node does when it is activated or reset."""
        self.cancel()
        self._goals.renew()
        self._aim, self._told = None, ""

    def look(self) -> None:
        """Send a goal where one is due, cancel what is under way where the node stops, and see whether the server answers."""
        target, now = self._aim, time.monotonic()
        self._goals.watch(now)
        if target is not None and not target.driving:
            self.cancel()
        elif target is not None and self._goals.due(target, self._client.server_is_ready()):
            goal = self._goals.send(target, now)
            self._client.send_goal_async(self._goal(target)).add_done_callback(partial(self._on_answer, goal))
        self._tell()

    def cancel(self) -> None:
        """Ask the server to give up what is under way; what it holds the gripper with after that is its own affair."""
        for goal in self._goals.give_up(time.monotonic()):
            self._ask_to_cancel(goal)

    def close(self) -> None:
        """Cancel, and be gone. A goal that has no answer yet cannot be cancelled: the gripper goes as far as it was told."""
        self.cancel()
        self._closed = True
        self._timer.cancel()
        self._node.destroy_timer(self._timer)
        self._client.destroy()

    def _goal(self, target: GripperTarget) -> Any:
        goal = self._action.Goal()
        if self._output == "gripper_command":
            goal.command.position, goal.command.max_effort = target.position[0], self._effort
            return goal
        effort = [self._effort] * len(self._names) if self._effort else []
        goal.command = JointState(name=list(self._names), position=list(target.position), effort=effort)
        return goal

    def _ask_to_cancel(self, goal: Goal) -> None:
        goal.handle.cancel_goal_async().add_done_callback(partial(self._on_cancel, goal))

    def _on_answer(self, goal: Goal, future: Any) -> None:
        if self._closed:  # it was on its way already; the client cannot be used any more
            return
        if (error := future.exception()) is not None:
            self._goals.failed(goal, error)
        elif (handle := future.result()).accepted:
            handle.get_result_async().add_done_callback(partial(self._on_result, goal))
            if self._goals.accepted(goal, handle, time.monotonic()):
                self._ask_to_cancel(goal)
        else:
            self._goals.rejected(goal)
        self._tell()

    def _on_result(self, goal: Goal, future: Any) -> None:
        if (error := future.exception()) is not None:
            self._goals.failed(goal, error)
        else:
            response = future.result()
            self._goals.ended(goal, response.status, response.result.stalled)
        self._tell()

    def _on_cancel(self, goal: Goal, future: Any) -> None:
        if (error := future.exception()) is not None:
            self._goals.failed(goal, error)
        else:
            response = future.result()
            self._goals.cancel_answered(goal, response.return_code, bool(response.goals_canceling))
        self._tell()

    def _tell(self) -> None:
        """Say a fault once."""
        if self._goals.fault and not self._told and not self._closed:
            self._told = self._goals.fault
            self._fail(self._told)

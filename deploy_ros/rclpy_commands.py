"""The commands of a ROS 2 node: its publishers, whether anybody hears them, and who else commands the robot."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.duration import Duration

from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.groups import Group
from ashore.deploy_ros.messages import Published
from ashore.deploy_ros.rclpy_gripper import absent_action
from ashore.deploy_ros.rclpy_types import PUBLISH, TYPES

DELIVERY_TIME = 1.0  # s at most to see the last command delivered
UNHEARD, LISTENING_PERIOD = 1.0, 0.005  # s at most for those who listen to discover who sends, and between looks


WITHOUT_UNITREE = (
    "output = 'low_cmd' needs the messages of unitree_go, of github.com/unitreerobotics/unitree_ros2: build and source that "
    "workspace, or drive without ROS: ashore deploy --via dds"
)


class RivalError(RuntimeError):
    """Somebody else commands the robot; says who."""


def absent(groups: list[Group]) -> str:
    """Why commands of these groups cannot be sent: their messages come with a package that is not here."""
    if any(not group.is_action and getattr(TYPES, group.kind) is None for group in groups):
        return WITHOUT_UNITREE
    return next(filter(None, (absent_action(group) for group in groups if group.is_action)), "")


class Commands:
    """Publishers of a group's commands each, from an activation to a cleanup: who only waits disturbs nobody who drives."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._publishers: dict[str, Any] = {}  # by topic

    def open(self, groups: list[Group], listen: Callable[[], None]) -> None:
        """Announce them, and wait for those who take them; `listen` takes in what has come meanwhile."""
        for group in groups:
            if group.topic not in self._publishers and not group.is_action:
                # Ordinary publishers: lifecycle publishers would drop the hold that follows a deactivation.
                kind = getattr(TYPES, group.kind)
                self._publishers[group.topic] = self._node.create_publisher(kind, group.topic, PUBLISH)
        until = time.monotonic() + UNHEARD
        while time.monotonic() < until and not all(p.get_subscription_count() for p in self._publishers.values()):
            time.sleep(LISTENING_PERIOD)
            listen()

    def rivals(self, groups: list[Group]) -> str:
        """Who else commands the robot; empty where nobody does."""
        others = []
        for topic in (group.topic for group in groups if not group.is_action):
            names = [info.node_name for info in self._node.get_publishers_info_by_topic(topic)]
            if topic in self._publishers and self._node.get_name() in names:
                names.remove(self._node.get_name())
            others += [f"{topic} by node {name}" for name in sorted(names)]
        return f"somebody else commands the robot: {'; '.join(others)}" if others else ""

    def send(self, topic: str, content: Published) -> Any:
        """Publish it; gives the message."""
        message = ros.command(TYPES, content)
        self._publishers[topic].publish(message)
        return message

    def flush(self) -> None:
        """Wait until those who listen have the last command."""
        try:
            for publisher in self._publishers.values():
                publisher.wait_for_all_acked(Duration(seconds=DELIVERY_TIME))
        except Exception as error:  # not every middleware can
            self._node.get_logger().warning(f"whether the last command was delivered is not known: {error!r}")

    def close(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers = {}

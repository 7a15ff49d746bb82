"""The controllers of a twin: a trajectory and a forward controller for each group of joints; the last to be told drives.

Or motors that take LowCmd.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ashore.configs.contract import Interface
from ashore.deploy_ros.groups import Group, groups_of, require_topics
from ashore.deploy_ros.jtc import JointTrajectoryController
from ashore.deploy_ros.messages import Trajectory
from ashore.deploy_ros.settings import NodeSettings, topic_of
from ashore.deploy_ros.unitree import read_low_cmd


class Controllers:
    """Setpoints of all joints, from what came on each topic."""

    def __init__(self, interface: Interface, settings: NodeSettings, position: np.ndarray) -> None:
        """position: [n] rad, where the joints are."""
        self._names = tuple(j.name for j in interface.joints)
        self._groups: dict[str, Group] = {}
        groups = groups_of(interface, settings)
        require_topics(groups)
        for group in groups:
            if group.drives is not None:
                self._groups[group.topic] = group
                continue
            controller = group.topic.rsplit("/", 1)[0].lstrip("/")
            for output in ("trajectory", "forward"):
                topic = topic_of(controller, output)
                self._groups[topic] = group._replace(topic=topic, output=output)
        self.start(position, 0.0)

    @property
    def topics(self) -> list[tuple[str, str]]:
        """Where commands come, and as which message."""
        return [(topic, group.kind) for topic, group in self._groups.items()]

    def start(self, position: np.ndarray, now: float) -> None:
        """Hold these positions, [n] rad, and forget what was commanded."""
        self._rest = position.copy()  # rad, of joints that nobody has commanded
        self._joints = {
            topic: JointTrajectoryController(self._of(group), position[list(group.joints)], now)
            for topic, group in self._groups.items()
            if not group.forward
        }
        self._values: dict[tuple[int, ...], np.ndarray] = {}  # of groups that a forward controller drives, rad

    def accept_low_cmd(self, topic: str, message: Any, now: float) -> str:
        """As `accept`, of a LowCmd, which is checked as a robot does."""
        drives = self._groups[topic].drives
        assert drives is not None
        content, why = read_low_cmd(message, drives)
        return why or self.accept(topic, content, now)

    def accept(self, topic: str, content: Trajectory | list[float], now: float) -> str:
        """Take a command; or give why it is rejected."""
        group = self._groups[topic]
        if isinstance(content, Trajectory):
            if group.joints in self._values:  # from where the other controller has left them
                controller = JointTrajectoryController(self._of(group), self._values[group.joints], now)
            else:
                controller = self._joints[topic]
            if not (why := controller.accept(content, now)):
                self._joints[topic] = controller
                self._values.pop(group.joints, None)
            return why
        if len(content) != len(group.joints) or not np.isfinite(content).all():
            return f"{content}; allowed: {len(group.joints)} finite values, of {list(self._of(group))}"
        self._values[group.joints] = np.array(content)
        return ""

    def setpoint(self, now: float) -> np.ndarray:
        """[n] rad."""
        setpoint = self._rest.copy()
        for topic, controller in self._joints.items():
            setpoint[list(self._groups[topic].joints)] = controller.setpoint(now)[0]
        for joints, values in self._values.items():
            setpoint[list(joints)] = values
        return setpoint

    def states(self, now: float) -> list[tuple[str, tuple[str, ...], tuple[np.ndarray, np.ndarray]]]:
        """Of each trajectory controller that drives: where it says where it stands, of which joints, and its setpoint."""
        driving = [topic for topic in self._joints if self._groups[topic].joints not in self._values]
        groups = {topic: self._groups[topic] for topic in driving}
        return [(g.state_topic, self._of(g), self._joints[topic].setpoint(now)) for topic, g in groups.items()]

    def _of(self, group: Group) -> tuple[str, ...]:
        return tuple(self._names[joint] for joint in group.joints)

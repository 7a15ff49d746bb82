"""A robot, its controllers, its sensors and whoever commands it, for the fault matrix: what they send, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from ashore.configs.contract import Interface
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.safety import limits_of
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.twin_controllers import Controllers
from ashore.deploy_ros.twin_topics import Topics
from tests.deploy_ros.fault_clock import Clock
from tests.deploy_ros.twin_cell import Towards, plant

ROBOTS = {"arm": "arm_push", "arm and gripper": "arm_lift", "legs": "quadruped_velocity"}
TICKS = 10  # of the controllers in a control period
SWING = 0.3  # rad, what the policy does: all joints go to and fro, as far as their limits allow


@cache
def robot(name: str) -> tuple[Interface, dict[str, np.ndarray]]:
    """A robot's interface, and what its sensors say at home."""
    twin = plant(ROBOTS[name], "task.randomization={}")
    twin.begin_episode()
    return twin.interface, dict(twin.measure())


class Swinging(Towards):
    """A policy that keeps all joints in motion."""

    def __init__(self, interface: Interface) -> None:
        home = np.array([j.home for j in interface.joints])
        low, high, *_ = limits_of(interface)
        sway = np.minimum(SWING, 0.8 * np.minimum(home - low, high - home)).clip(min=0.0)
        super().__init__(interface, lambda t: home + sway * np.sin(4.0 * t))
        self.fails = ""

    def step(self, signals: Any, memory: Any) -> Any:
        if self.fails:
            raise RuntimeError(self.fails)
        return super().step(signals, memory)


class World:
    """The robot follows its controllers at once. All messages are those of a twin, on the test's clock.

    alter: what becomes of a message, by its topic: those that are sent in its place.
    """

    def __init__(self, name: str, clock: Clock, send: Callable[[str, Any], None], settings: NodeSettings) -> None:
        self.interface, self._seen = robot(name)
        self.clock, self._send, self._settings = clock, send, settings
        self.dead = False  # its process is
        self.alter: dict[str, Callable[[Any], list[Any]]] = {}
        self.sent: dict[str, Any] = {}  # the last message of each topic, as it was to be
        self.home = self._seen["joint_position"]
        self.restart()
        self.topics = Topics(self.interface, settings, self)  # type: ignore[arg-type]  # it only asks for writers
        self.rejected: list[str] = []

    def restart(self) -> None:
        """Robot and controllers begin anew, at home."""
        self.q, self.v = self.home.copy(), np.zeros_like(self.home)
        self.controllers = Controllers(self.interface, self._settings, self.home)
        self.path = [self.q]

    def writer(self, topic: str, _kind: Any, **_: Any) -> Any:
        """In the place of a participant's."""
        return SimpleNamespace(write=lambda message: self._write(topic, message))

    def publish(self) -> None:
        """What everybody sends in a control period."""
        self.topics.publish(self._seen | {"joint_position": self.q, "joint_velocity": self.v})
        for topic, names, setpoint in self.controllers.states(self.clock.monotonic()):
            self._write(topic, ros.controller_state(types, names, setpoint, self.clock.time()))

    def take(self, topic: str, message: Any) -> None:
        """A command."""
        points = hasattr(message, "points")
        content = ros.read_trajectory(message) if points else list(message.data)
        if why := self.controllers.accept(topic, content, self.clock.monotonic()):
            self.rejected.append(why)

    def move(self, began: float, ended: float) -> None:
        """From a time to another, s."""
        for t in np.linspace(began, ended, TICKS + 1)[1:]:
            before, self.q = self.q, self.controllers.setpoint(t)
            self.v = (self.q - before) / ((ended - began) / TICKS)
            self.path.append(self.q)

    def excess(self) -> tuple[float, float]:
        """Of all the robot did: the greatest share of a velocity limit, and rad beyond a position limit."""
        low, high, v_max, _ = limits_of(self.interface)
        path = np.array(self.path)
        speeds = np.abs(np.diff(path, axis=0)) / (self.interface.control_dt / TICKS)
        return float((speeds / v_max).max()), float(np.maximum(low - path, path - high).max())

    def _write(self, topic: str, message: Any) -> None:
        self.sent[topic] = message
        if self.dead:
            return
        for published in self.alter.get(topic, lambda m: [m])(message):
            self._send(topic, published)


def joints_changed(change: Callable[[list[str], list[float]], Any]) -> Callable[[Any], list[Any]]:
    """What changes names and positions of each joint state."""

    def alter(message: Any) -> list[Any]:
        names, position, velocity = list(message.name), list(message.position), list(message.velocity)
        change(names, position)
        return [replace(message, name=names, position=position, velocity=velocity[: len(names)])]

    return alter


def stamped(message: Any, seconds: float) -> Any:
    """The message with another stamp, s later."""
    stamp = ros.time_of(types, ros.seconds_of(message.header.stamp) + seconds)
    return replace(message, header=replace(message.header, stamp=stamp))

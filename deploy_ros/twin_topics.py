"""What a twin publishes: the messages that carry its signals, found by the same table that the node finds its signals by."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from ashore.configs.contract import Interface
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import quaternions
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant, Writer
from ashore.deploy_ros.groups import groups_of
from ashore.deploy_ros.inputs import Source, sources_of
from ashore.deploy_ros.messages import RoutingError
from ashore.deploy_ros.routes import GOAL, IMU, POLE, routes_of
from ashore.deploy_ros.settings import TF, NodeSettings
from ashore.deploy_ros.twin_faults import JOINT_STATE, Faults
from ashore.deploy_ros.unitree import low_state

GOAL_DT = 0.2  # s between repeats of the goal, for nodes that come late
DOWN = np.array([0.0, 0.0, -1.0])

Signals = Mapping[str, np.ndarray]  # [size] each, by name


class Topics:
    """The writers of one interface's sources. `publish` sends what the sensors told, or what `faults` make of it."""

    def __init__(
        self, interface: Interface, settings: NodeSettings, dds: Participant, faults: Faults | None = None
    ) -> None:
        self._settings, self._faults = settings, faults
        self._joints = tuple(j.name for j in interface.joints)
        routes = routes_of(interface)
        self._sources = sources_of(interface, settings, routes)
        self._pole = any(route.needs == POLE for route in routes.values())
        # Of each source the signals that tell of it, and of nothing else.
        self._of = {n: [s for s, r in routes.items() if r.sources == (n,)] for n in self._sources}
        self._motors = next((group.drives for group in groups_of(interface, settings)), None)
        self._tick = 0  # ms, of the last LowState
        if self._motors is not None and "joint_velocity" not in routes:
            raise RoutingError("a twin's LowState needs the signal joint_velocity, which this policy is not told")
        if self._motors is not None and faults is not None:
            raise RoutingError("faults of a LowState are not played; allowed: a twin with joint states")
        kind = types.JointState if self._motors is None else types.LowState
        self._states = dds.writer(settings.state_topic, kind, depth=5)
        self._of_own = [s for s in self._sources.values() if self._motors is None or s.name != IMU]  # topics
        self._writers = {}
        for source in self._of_own:
            frame = source.where.startswith(TF)
            name, topic = ("TFMessage", "/tf") if frame else (ros.TAKES[source.kind][0], source.where)
            latched = source.name == GOAL
            self._writers[source.name] = dds.writer(topic, getattr(types, name), depth=5 - 4 * latched, latched=latched)
        self.sensors = [s.name for s in self._of_own if s.ages]  # what cameras and the IMU tell
        self._told: np.ndarray | None = None  # the goal's pose that was sent last
        self._goal_due = 0.0

    def publish(self, signals: Signals) -> None:
        """Everything; the goal where it changed, and again from time to time."""
        state = self._joint_state(signals) if self._motors is None else self._low_state(signals)
        self._write(self._states, JOINT_STATE, state)
        for source in self._of_own:
            if source.name != GOAL:
                self._write(self._writers[source.name], source.name, self._message(source, signals))
        if (goal := self._sources.get(GOAL)) is not None:
            self._publish_goal(goal, signals)

    def _joint_state(self, signals: Signals) -> Any:
        names, position, velocity = self._joints, signals["joint_position"], signals.get("joint_velocity")
        if velocity is None:
            velocity = np.zeros(0)
        if self._pole:
            cos, sin = signals["pole_direction"]
            names = (*names, POLE)
            position, velocity = (
                np.append(position, np.arctan2(sin, cos)),
                np.append(velocity, signals["pole_velocity"]),
            )
        return ros.joint_state(types, names, position, velocity, time.time())

    def _low_state(self, signals: Signals) -> Any:
        assert self._motors is not None
        self._tick = max(self._tick + 1, round(time.monotonic() * 1e3))  # it advances from message to message
        position, velocity = signals["joint_position"], signals["joint_velocity"]
        return low_state(types, self._motors.motors, position, velocity, *self._imu(signals), self._tick)

    def _imu(self, signals: Signals) -> tuple[np.ndarray, np.ndarray]:
        """What an IMU tells, in its own frame: [3] rad/s, wxyz."""
        mount = np.array(self._settings.mount)
        turn = quaternions.rotate(quaternions.inverse(mount), signals.get("angular_velocity", np.zeros(3)))
        down = signals.get("projected_gravity", DOWN)
        attitude = quaternions.turning(down / np.linalg.norm(down), DOWN)
        return turn, quaternions.multiply(attitude, mount)

    def _write(self, writer: Writer, source: str, message: Any) -> None:
        for published in [message] if self._faults is None else self._faults.through(source, message):
            writer.write(published)

    def _publish_goal(self, source: Source, signals: Signals) -> None:
        pose = np.concatenate(self._pose(source.name, signals))
        if self._told is not None and np.array_equal(pose, self._told) and time.monotonic() < self._goal_due:
            return
        self._told, self._goal_due = pose, time.monotonic() + GOAL_DT
        self._writers[source.name].write(self._message(source, signals))

    def _message(self, source: Source, signals: Signals) -> Any:
        now, base = time.time(), self._settings.base_frame
        if source.kind == "scalar":
            return types.Float64(data=float(signals[source.name][0]))
        if source.kind == "twist":
            x, y = signals.get("linear_velocity_command", np.zeros(2))
            (yaw,) = signals.get("yaw_rate_command", np.zeros(1))
            return ros.twist(types, np.array([x, y, 0.0]), np.array([0.0, 0.0, yaw]))
        if source.kind == "imu":
            return ros.imu(types, *self._imu(signals), "imu", now)
        position, rotation = self._pose(source.name, signals)
        if source.where.startswith(TF):
            of = types.Transform(translation=ros.vector(types, position), rotation=ros.quaternion(types, rotation))
            header = types.Header(stamp=ros.time_of(types, now), frame_id=base)
            frame = source.where.removeprefix(TF)
            moved: Any = [types.TransformStamped(header=header, child_frame_id=frame, transform=of)]
            return types.TFMessage(transforms=moved)
        return ros.pose(types, position, rotation, base, now)

    def _pose(self, source: str, signals: Signals) -> tuple[np.ndarray, np.ndarray]:
        """Of an object or the goal, as far as signals tell: [3] m, and wxyz."""
        position, rotation = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
        for name in self._of[source]:
            value = signals[name]
            if name.endswith("_position"):
                position[: len(value)] = value
            elif name.endswith("_yaw"):
                rotation = quaternions.about_z(float(value[0]))
            elif len(value) == 6:
                rotation = quaternions.from_columns(value)
            else:
                rotation = value / np.linalg.norm(value)
        return position, rotation

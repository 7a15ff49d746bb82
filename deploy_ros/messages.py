"""Between ROS messages and what a policy takes and gives, free of any transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ashore.configs.contract import Interface, JointSpec
from ashore.configs.errors import AshoreError
from ashore.configs.laws.spline import cubic
from ashore.deploy_ros.safety import Command, Measured

LOOK_AHEAD = 2  # control periods from sending a trajectory point to its time


class MessageError(ValueError):
    """A message that cannot be used; says why."""


class RoutingError(AshoreError, ValueError):
    """The contract asks for a signal that no message carries."""


class Route(NamedTuple):
    """Where a signal comes from."""

    source: str  # "joint_state" or "goal"
    field: str  # of `Measured`, or of the PoseStamped
    size: int | None  # None: one value a joint
    frame: str


# Every signal that this node can take from messages. A new one is a line here.
ROUTES: Mapping[str, Route] = {
    "joint_position": Route("joint_state", "position", None, ""),
    "joint_velocity": Route("joint_state", "velocity", None, ""),
    "goal_position": Route("goal", "pose.position", 3, "b"),
}


def check_routes(interface: Interface) -> set[str]:
    """The sources that the interface's signals need; raises RoutingError where one has no route."""
    joints = len(interface.joints)
    for s in interface.signals:
        route = ROUTES.get(s.name)
        if route is None:
            raise RoutingError(f"signal {s.name!r} has no route from a ROS message; routable: {sorted(ROUTES)}")
        size = route.size or joints
        if (s.size, s.frame) != (size, route.frame):
            raise RoutingError(
                f"signal {s.name} has {s.size} values in frame {s.frame!r}; routable: {size} in frame {route.frame!r}"
            )
    return {ROUTES[s.name].source for s in interface.signals}


def signals_of(interface: Interface, measured: Measured, goal: np.ndarray | None) -> dict[str, np.ndarray]:
    """Signals by name, [size] each, from the joint state and the goal."""
    signals = {}
    for s in interface.signals:
        route = ROUTES[s.name]
        value = goal if route.source == "goal" else getattr(measured, route.field)
        if value is None:
            raise MessageError(f"signal {s.name} has no value yet")
        signals[s.name] = value
    return signals


class JointMap:
    """Picks a policy's joints out of JointState messages, by name."""

    def __init__(self, joints: Sequence[JointSpec], needs_velocity: bool) -> None:
        self.names = tuple(j.name for j in joints)
        self.needs_velocity = needs_velocity
        self._seen: tuple[str, ...] | None = None
        self._index = np.zeros(0, dtype=np.intp)

    def read(self, names: Sequence[str], position: Sequence[float], velocity: Sequence[float], now: float) -> Measured:
        """Position and velocity in the policy's order; velocity is zeros where the policy does not need it."""
        if (seen := tuple(names)) != self._seen:
            self._index = self._resolve(seen)
            self._seen = seen
        if len(position) != len(seen):
            raise MessageError(f"{len(position)} positions for {len(seen)} names")
        q = np.asarray(position, dtype=np.float64)[self._index]
        if not self.needs_velocity:
            return Measured(q, np.zeros_like(q), now)
        if len(velocity) != len(seen):
            raise MessageError(f"{len(velocity)} velocities for {len(seen)} names; the policy needs them")
        return Measured(q, np.asarray(velocity, dtype=np.float64)[self._index], now)

    def _resolve(self, names: tuple[str, ...]) -> np.ndarray:
        missing = [name for name in self.names if name not in names]
        if missing:
            raise MessageError(f"no joint {missing}; the message has {list(names)}")
        twice = [name for name in self.names if names.count(name) > 1]
        if twice:
            raise MessageError(f"joint {twice} is there more than once")
        return np.array([names.index(name) for name in self.names], dtype=np.intp)


class Point(NamedTuple):
    """Content of a JointTrajectoryPoint. An empty velocity: none given."""

    position: tuple[float, ...]  # [n] rad
    velocity: tuple[float, ...]  # [n] rad/s, or []
    time: float  # s from the trajectory's start


class Trajectory(NamedTuple):
    """Content of a JointTrajectory; start 0: when it is received."""

    joint_names: tuple[str, ...]
    points: tuple[Point, ...]
    start: float = 0.0  # s, on the receiver's clock


def trajectory_of(command: Command, interface: Interface) -> Trajectory:
    """The one point that asks a trajectory controller for a target: [n] rad, meant for one period T from now.

    Sent is where the joint goes on to, p + v T with velocity v, two periods ahead and within the position limits: the
    controller passes p at T, and a point that is late by up to a period is no stop. Measured on ros2_control at 50 Hz,
    tracking a 2 rad/s^2 sine, this keeps joint accelerations at 21 to 44 rad/s^2; one position-only point gives 316.
    """
    return chunk_of([command], interface)


def chunk_of(commands: Sequence[Command], interface: Interface) -> Trajectory:
    """As `trajectory_of`, for targets of the next periods: a point each, so that the controller lives through gaps."""
    low, high = _position_limits(interface)
    points = []
    for k, (position, velocity) in enumerate(commands):
        ahead = (position + velocity * interface.control_dt).clip(low, high)
        point = Point(tuple(ahead.tolist()), tuple(velocity.tolist()), (LOOK_AHEAD + k) * interface.control_dt)
        points.append(point)
    return Trajectory(tuple(j.name for j in interface.joints), tuple(points))


def forward_of(before: Command, after: Command, interface: Interface, t: float) -> list[float]:
    """Content of a Float64MultiArray for a forward controller, t s after `before` was due and `after` was computed."""
    if t >= interface.control_dt:
        return list(after.position.tolist())
    position, _ = cubic(before.position, before.velocity, after.position, after.velocity, interface.control_dt, t)
    return list(position.clip(*_position_limits(interface)).tolist())


def _position_limits(interface: Interface) -> tuple[np.ndarray, np.ndarray]:
    return np.array([j.low for j in interface.joints]), np.array([j.high for j in interface.joints])

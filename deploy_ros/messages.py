"""Between ROS messages and what a policy takes and gives, free of any transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ashore.configs.contract import Interface, JointSpec
from ashore.configs.errors import AshoreError
from ashore.configs.laws.limits import within_positions
from ashore.configs.laws.spline import cubic
from ashore.deploy_ros.following import LOOK_AHEAD, Measured
from ashore.deploy_ros.safety import Command, limits_of

STANDING = 0.1  # of its velocity limit: slower, a joint counts as standing still
OUTSIDE = 0.01  # of its range: further beyond a limit, a joint's position is not plausible
SHORTEST = 1e-3  # s between joint states: a shorter time gives no velocity


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


def numbers(what: str, values: Sequence[float]) -> np.ndarray:
    """Values of a message as float64; MessageError where they are texts, integers beyond any float, or something else."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise MessageError(f"{what} is no list of numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise MessageError(f"{what} is no list of numbers")
    return array.astype(np.float64)


class JointMap:
    """Picks a policy's joints out of JointState messages, by name."""

    def __init__(self, joints: Sequence[JointSpec], needs_velocity: bool) -> None:
        self.names = tuple(j.name for j in joints)
        self.needs_velocity = needs_velocity
        self._seen: tuple[str, ...] | None = None
        self._index = np.zeros(0, dtype=np.intp)
        self._before: Measured | None = None

    def read(self, names: Sequence[str], position: Sequence[float], velocity: Sequence[float], now: float) -> Measured:
        """Position and velocity in the policy's order.

        Velocity is the message's wherever it has one, for a robot that moves must be seen to move. Where it has none, and
        the policy needs none, it is how far the joints went since the message before.
        """
        if (seen := tuple(names)) != self._seen:
            self._index = self._resolve(seen)
            self._seen = seen
        if len(position) != len(seen):
            raise MessageError(f"{len(position)} positions for {len(seen)} names")
        q = numbers("position", position)[self._index]
        if len(velocity) == len(seen):
            measured = Measured(q, numbers("velocity", velocity)[self._index], now)
        elif self.needs_velocity or len(velocity):
            needed = "; the policy needs them" if self.needs_velocity else ""
            raise MessageError(f"{len(velocity)} velocities for {len(seen)} names{needed}")
        else:
            measured = Measured(q, self._difference(q, now), now)
        self._before = measured
        return measured

    def _difference(self, position: np.ndarray, now: float) -> np.ndarray:
        """Velocity [n] rad/s since the message before; messages that come in a burst count as one."""
        if self._before is None:
            return np.zeros_like(position)
        elapsed = now - self._before.time
        if elapsed < SHORTEST:
            return self._before.velocity
        return (position - self._before.position) / elapsed

    def _resolve(self, names: tuple[str, ...]) -> np.ndarray:
        missing = [name for name in self.names if name not in names]
        if missing:
            raise MessageError(f"no joint {missing}; the message has {list(names)}")
        twice = [name for name in self.names if names.count(name) > 1]
        if twice:
            raise MessageError(f"joint {twice} is there more than once")
        return np.array([names.index(name) for name in self.names], dtype=np.intp)


def implausible(joints: Sequence[JointSpec], measured: Measured) -> str:
    """Why this joint state is none to start from; empty where it is."""
    for joint, q, v in zip(joints, measured.position.tolist(), measured.velocity.tolist(), strict=True):
        slack = OUTSIDE * (joint.high - joint.low)
        if not joint.low - slack <= q <= joint.high + slack:
            return f"{joint.name} is at {q:.3f}, outside its limits [{joint.low:.3f}, {joint.high:.3f}]"
        if abs(v) > STANDING * joint.velocity:
            return f"{joint.name} is moving at {v:.3f} per s; it must stand still"
    return ""


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
    Where the robot is too far from that point for its velocity limits, the point is later, see `Command.extra`.
    """
    return chunk_of([command], interface)


def chunk_of(commands: Sequence[Command], interface: Interface) -> Trajectory:
    """As `trajectory_of`, for targets of the next periods: a point each, so that the controller lives through gaps."""
    limits, extra, points = limits_of(interface), 0.0, []
    for k, command in enumerate(commands):
        ahead = within_positions(command.position + command.velocity * interface.control_dt, limits)
        extra = max(extra, command.extra)  # times increase
        time = (LOOK_AHEAD + k) * interface.control_dt + extra
        point = Point(tuple(ahead.tolist()), tuple(command.velocity.tolist()), time)
        points.append(point)
    return Trajectory(tuple(j.name for j in interface.joints), tuple(points))


def forward_of(before: Command, after: Command, interface: Interface, t: float) -> list[float]:
    """Content of a Float64MultiArray for a forward controller, t s after `before` was due and `after` was computed.

    A target that was put back to the robot is not approached from where it was, where the robot is not.
    """
    limits, dt = limits_of(interface), interface.control_dt
    if t >= dt:
        return list(after.position.tolist())
    put_back = np.abs(after.position - before.position) > 2 * limits.velocity * dt
    position, _ = cubic(before.position, before.velocity, after.position, after.velocity, dt, t)
    return list(np.where(put_back, after.position, within_positions(position, limits)).tolist())

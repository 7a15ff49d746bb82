"""From messages to signals: which source carries a signal, and how its value follows from what came last. One table.

A source is what one topic, or one TF frame, tells; its reading is a flat vector, see `inputs.SIZES`. What is not in `ROUTES` by
its name is found by its ending: the position, orientation or yaw of any object that a pose tells of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ashore.configs.contract import Interface, SignalSpec
from ashore.configs.laws.tool_pose import Tool
from ashore.deploy_ros import quaternions
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.messages import RoutingError

JOINTS, IMU, TWIST, GOAL = "joint_state", "imu", "twist", "goal"  # sources there are one of
POLE = "hinge"  # the joint that nobody drives, of the cart with a pole


class Readings:
    """What the sources told last, in the frame of the robot's base."""

    def __init__(
        self, joints: Measured, others: Mapping[str, np.ndarray], tool: Tool | None, passive: Measured | None
    ) -> None:
        self.joints, self.others, self.tool, self.passive = joints, others, tool, passive

    def position(self, source: str) -> np.ndarray:
        """[3] m."""
        return self.others[source][:3]

    def rotation(self, source: str) -> np.ndarray:
        """Unit quaternion wxyz [4]."""
        return self.others[source][3:7]


class Route(NamedTuple):
    """Where a signal comes from."""

    sources: tuple[str, ...]
    kind: str  # of its first source: joints, pose, imu, twist or scalar
    sizes: tuple[int, ...]  # that the signal may have; none: one value a joint
    frame: str
    value: Callable[[Readings, int], np.ndarray]  # the readings and the signal's size -> [size]
    turned: bool = False  # the sources' orientation matters
    needs: str = ""  # tool: the contract's kinematics; else the joint that nobody drives


def _joints(field: str) -> Route:
    return Route((JOINTS,), "joints", (), "", lambda r, _: np.asarray(getattr(r.joints, field)))


def _tool(size: int, value: Callable[[Tool, np.ndarray], np.ndarray]) -> Route:
    def of(r: Readings, _: int) -> np.ndarray:
        assert r.tool is not None
        return value(r.tool, r.joints.position)

    return Route((JOINTS,), "joints", (size,), "b", of, needs="tool")


def _passive(size: int, value: Callable[[Measured], np.ndarray]) -> Route:
    def of(r: Readings, _: int) -> np.ndarray:
        assert r.passive is not None
        return value(r.passive)

    return Route((JOINTS,), "joints", (size,), "", of, needs=POLE)


def _position(source: str) -> Route:
    return Route((source,), "pose", (2, 3), "b", lambda r, n: r.position(source)[:n])


def _orientation(source: str) -> Route:
    def of(r: Readings, n: int) -> np.ndarray:
        q = r.rotation(source)
        return quaternions.canonical(q) if n == 4 else quaternions.columns(q)

    return Route((source,), "pose", (4, 6), "b", of, turned=True)


def _yaw(source: str) -> Route:
    return Route(
        (source,), "pose", (1,), "b", lambda r, _: np.array([quaternions.yaw(r.rotation(source))]), turned=True
    )


def _to_goal(source: str) -> Route:
    def of(r: Readings, _: int) -> np.ndarray:
        return quaternions.columns(quaternions.multiply(r.rotation(GOAL), quaternions.inverse(r.rotation(source))))

    return Route((source, GOAL), "pose", (6,), "b", of, turned=True)


def _scalar(name: str) -> Route:
    return Route((name,), "scalar", (1,), "", lambda r, _: r.others[name])


def _imu(value: Callable[[np.ndarray], np.ndarray]) -> Route:
    return Route((IMU,), "imu", (3,), "b", lambda r, _: value(r.others[IMU]))


def _twist(at: slice) -> Route:
    return Route((TWIST,), "twist", (at.stop - at.start,), "b", lambda r, _: r.others[TWIST][at])


# Every signal that a node can take from messages. A new one is a line here.
ROUTES: Mapping[str, Route] = {
    "joint_position": _joints("position"),
    "joint_velocity": _joints("velocity"),
    "tool_position": _tool(3, lambda tool, q: tool.pose(q)[:3, 3]),
    "tool_turn": _tool(1, lambda tool, q: np.array([tool.turn(q)])),
    "pole_direction": _passive(2, lambda pole: np.concatenate((np.cos(pole.position), np.sin(pole.position)))),
    "pole_velocity": _passive(1, lambda pole: pole.velocity),
    "goal_position": _position(GOAL),
    "goal_orientation": _orientation(GOAL),
    "rotation_to_goal": _to_goal("cube"),
    "cabinet_yaw": _yaw("handle"),  # the drawer slides: its handle is turned as the cabinet is
    "drawer_opening": _scalar("drawer_opening"),
    "angular_velocity": _imu(lambda imu: imu[:3]),
    "projected_gravity": _imu(lambda imu: quaternions.rotate(quaternions.inverse(imu[3:]), np.array([0.0, 0.0, -1.0]))),
    "linear_velocity_command": _twist(slice(0, 2)),
    "yaw_rate_command": _twist(slice(5, 6)),
}
# Of estimates whose name is not above: what a pose tells of the object that the rest of the name says.
ENDINGS: Mapping[str, Callable[[str], Route]] = {"_position": _position, "_orientation": _orientation, "_yaw": _yaw}


def route_of(signal: SignalSpec) -> Route | None:
    """The signal's route; None where no message carries it."""
    if signal.name in ROUTES:
        return ROUTES[signal.name]
    for ending, route in ENDINGS.items():
        if signal.kind == "estimate" and signal.name.endswith(ending) and signal.name != ending:
            return route(signal.name.removesuffix(ending))
    return None


def routes_of(interface: Interface) -> dict[str, Route]:
    """The routes of all signals; raises RoutingError where one has none."""
    joints, routes = len(interface.joints), {}
    for s in interface.signals:
        route = route_of(s)
        if route is None:
            raise RoutingError(
                f"signal {s.name!r} has no route from a ROS message; routable: {sorted(ROUTES)} and estimates OBJECT"
                + ", OBJECT".join(ENDINGS)
            )
        sizes = route.sizes or (joints,)
        if s.size not in sizes or s.frame != route.frame:
            routable = " or ".join(map(str, sizes))
            raise RoutingError(
                f"signal {s.name} has {s.size} values in frame {s.frame!r}; routable: {routable} in frame {route.frame!r}"
            )
        if route.needs == "tool" and interface.tool is None:
            raise RoutingError(
                f"signal {s.name} needs the arm's kinematics, which this policy file lacks; export the policy again"
            )
        routes[s.name] = route
    return routes

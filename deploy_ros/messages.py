"""Between ROS messages and what a policy takes and gives, free of any transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ashore.configs.contract import Interface
from ashore.configs.errors import AshoreError
from ashore.configs.laws.limits import within_positions
from ashore.configs.laws.spline import cubic
from ashore.deploy_ros.following import LOOK_AHEAD
from ashore.deploy_ros.gripper_goals import GripperTarget
from ashore.deploy_ros.safety import Command, limits_of
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.unitree import MotorTargets


class MessageError(ValueError):
    """A message that cannot be used; says why."""


class RoutingError(AshoreError, ValueError):
    """The contract asks for a signal that no message carries."""


def robots_own(interface: Interface, settings: NodeSettings) -> Interface:
    """The interface with the joint names of the robot; RoutingError where `joint_map` names none of the policy's joints."""
    names = [j.name for j in interface.joints]
    if unknown := [name for name in settings.mapped_joints if name not in names]:
        raise RoutingError(f"joint_map names {unknown}; allowed: the policy's joints {names}")
    joints = tuple(j.model_copy(update={"name": settings.renamed(j.name)}) for j in interface.joints)
    if len({j.name for j in joints}) < len(joints):
        raise RoutingError(f"joint_map gives {[j.name for j in joints]}; allowed: each joint of the robot once")
    return interface.model_copy(update={"joints": joints})


def numbers(what: str, values: Sequence[float]) -> np.ndarray:
    """Values of a message as float64; MessageError where they are texts, integers beyond any float, or something else."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise MessageError(f"{what} is no list of numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise MessageError(f"{what} is no list of numbers")
    return array.astype(np.float64)


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


# What a command says: of a trajectory, to a forward controller (rad), to motors; and, by no message, to a gripper's action.
Published = Trajectory | list[float] | MotorTargets
Content = Published | GripperTarget


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

    A target that was put back to the robot is not approached from where it was, where the robot is not; nor one at rest with a
    velocity that only time can have brought to rest.
    """
    limits, dt = limits_of(interface), interface.control_dt
    if t >= dt:
        return list(after.position.tolist())
    put_back = np.abs(after.position - before.position) > 2 * limits.velocity * dt
    rested = ~after.velocity.astype(bool) & (np.abs(before.velocity) > 1.01 * limits.acceleration * dt)
    position, _ = cubic(before.position, before.velocity, after.position, after.velocity, dt, t)
    return list(np.where(put_back | rested, after.position, within_positions(position, limits)).tolist())

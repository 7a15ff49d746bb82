"""Filling and reading ROS messages. `types` holds their classes: `ashore.deploy_ros.dds_types`, or rclpy's in a namespace.

Both know the same fields and take them as keywords, so that every message is built in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.low_states import LowStates
from ashore.deploy_ros.messages import Point, Published, Trajectory
from ashore.deploy_ros.routes import GOAL, IMU
from ashore.deploy_ros.settings import TF
from ashore.deploy_ros.transforms import Transform
from ashore.deploy_ros.unitree import MotorTargets, low_cmd


def time_of(types: Any, seconds: float) -> Any:
    """Seconds since the epoch as a Time."""
    nanoseconds = round(seconds * 1e9)
    return types.Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def seconds_of(time: Any) -> float:
    """A Time or Duration as seconds."""
    return float(time.sec + time.nanosec * 1e-9)


def joint_trajectory(types: Any, trajectory: Trajectory) -> Any:
    """A JointTrajectory; its stamp is zero where the trajectory starts on receipt."""
    points = []
    for p in trajectory.points:
        nanoseconds = round(p.time * 1e9)
        ahead = types.Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
        points.append(
            types.JointTrajectoryPoint(positions=list(p.position), velocities=list(p.velocity), time_from_start=ahead)
        )
    header = types.Header(stamp=time_of(types, trajectory.start))
    return types.JointTrajectory(header=header, joint_names=list(trajectory.joint_names), points=points)


def float_array(types: Any, values: list[float]) -> Any:
    """A Float64MultiArray, for a forward controller."""
    return types.Float64MultiArray(data=values)


def command(types: Any, content: Published) -> Any:
    """The message that carries what a command says."""
    if isinstance(content, Trajectory):
        return joint_trajectory(types, content)
    return low_cmd(types, content) if isinstance(content, MotorTargets) else float_array(types, content)


def kind_of(content: Published) -> str:
    """Its name among `types`."""
    if isinstance(content, Trajectory):
        return "JointTrajectory"
    return "LowCmd" if isinstance(content, MotorTargets) else "Float64MultiArray"


def read_trajectory(message: Any) -> Trajectory:
    """Content of a JointTrajectory; its start is a time since the epoch, or 0."""
    points = (Point(tuple(p.positions), tuple(p.velocities), seconds_of(p.time_from_start)) for p in message.points)
    return Trajectory(tuple(message.joint_names), tuple(points), seconds_of(message.header.stamp))


def joint_state(types: Any, names: tuple[str, ...], position: np.ndarray, velocity: np.ndarray, stamp: float) -> Any:
    """A JointState: [n] rad and rad/s; stamp in s since the epoch."""
    header = types.Header(stamp=time_of(types, stamp))
    return types.JointState(header=header, name=list(names), position=position.tolist(), velocity=velocity.tolist())


def pose(types: Any, position: np.ndarray, rotation: np.ndarray, frame: str, stamp: float) -> Any:
    """A PoseStamped: [3] m and wxyz in `frame`."""
    x, y, z = position.tolist()
    of = types.Pose(position=types.PointXYZ(x=x, y=y, z=z), orientation=quaternion(types, rotation))
    return types.PoseStamped(header=types.Header(stamp=time_of(types, stamp), frame_id=frame), pose=of)


def goal_pose(types: Any, position: np.ndarray, frame: str, stamp: float) -> Any:
    """A PoseStamped of a position alone, [3] m in `frame`."""
    return pose(types, position, np.array([1.0, 0.0, 0.0, 0.0]), frame, stamp)


def quaternion(types: Any, rotation: np.ndarray) -> Any:
    """A Quaternion, of wxyz."""
    w, x, y, z = rotation.tolist()
    return types.Quaternion(x=x, y=y, z=z, w=w)


def vector(types: Any, values: np.ndarray) -> Any:
    """A Vector3."""
    x, y, z = values.tolist()
    return types.Vector3(x=x, y=y, z=z)


def imu(types: Any, angular_velocity: np.ndarray, rotation: np.ndarray, frame: str, stamp: float) -> Any:
    """An Imu: [3] rad/s in its own frame, and how that is turned in the world, wxyz."""
    return types.Imu(
        header=types.Header(stamp=time_of(types, stamp), frame_id=frame),
        orientation=quaternion(types, rotation),
        angular_velocity=vector(types, angular_velocity),
    )


def twist(types: Any, linear: np.ndarray, angular: np.ndarray) -> Any:
    """A Twist: [3] m/s and rad/s."""
    return types.Twist(linear=vector(types, linear), angular=vector(types, angular))


def take_joint_state(controller: Controller, message: Any, now: float) -> str:
    """Hand a JointState to the controller; gives why it was refused, if it was."""
    stamp = seconds_of(message.header.stamp)
    return controller.on_joint_state(message.name, message.position, message.velocity, stamp, now)


def controller_state(types: Any, names: tuple[str, ...], reference: tuple[np.ndarray, np.ndarray], stamp: float) -> Any:
    """A JointTrajectoryControllerState whose setpoint is `reference`: [n] rad and rad/s; stamp in s since the epoch."""
    position, velocity = reference
    point = types.JointTrajectoryPoint(positions=position.tolist(), velocities=velocity.tolist())
    header = types.Header(stamp=time_of(types, stamp))
    return types.JointTrajectoryControllerState(header=header, joint_names=list(names), reference=point)


def take_controller_state(controller: Controller, message: Any, now: float) -> str:
    """Hand a JointTrajectoryControllerState to the controller; gives why it cannot be used, if so."""
    reference = message.reference
    return controller.on_controller_state(message.joint_names, reference.positions, reference.velocities, now)


def take_goal(controller: Controller, message: Any, now: float) -> str:
    """As `take_joint_state`, a goal's PoseStamped."""
    position, orientation = _pose(message.pose)
    return controller.on_goal(position, message.header.frame_id, orientation, now)


def take_pose(controller: Controller, message: Any, now: float, source: str) -> str:
    """As `take_joint_state`, an object's PoseStamped, or PoseWithCovarianceStamped, where the pose is one further in."""
    position, orientation = _pose(getattr(message.pose, "pose", message.pose))
    stamp = seconds_of(message.header.stamp)
    return controller.on_reading(source, (*position, *orientation), message.header.frame_id, now, stamp)


def take_imu(controller: Controller, message: Any, now: float, source: str) -> str:
    """As `take_joint_state`, an Imu."""
    values = (*_xyz(message.angular_velocity), *_wxyz(message.orientation))
    return controller.on_reading(source, values, message.header.frame_id, now, seconds_of(message.header.stamp))


def take_twist(controller: Controller, message: Any, now: float, source: str) -> str:
    """As `take_joint_state`, a Twist."""
    return controller.on_reading(source, (*_xyz(message.linear), *_xyz(message.angular)), "", now)


def take_scalar(controller: Controller, message: Any, now: float, source: str) -> str:
    """As `take_joint_state`, a Float64."""
    return controller.on_reading(source, (message.data,), "", now)


def take_transforms(controller: Controller, message: Any, now: float, static: bool) -> str:
    """As `take_joint_state`, a TFMessage."""
    transforms = [
        Transform(
            t.header.frame_id,
            t.child_frame_id,
            _xyz(t.transform.translation),
            _wxyz(t.transform.rotation),
            seconds_of(t.header.stamp),
        )
        for t in message.transforms
    ]
    return controller.on_transforms(transforms, static, now)


def take_switch(controller: Controller, message: Any, now: float, button: int | None) -> str:
    """As `take_joint_state`, a dead-man switch: a Bool, or a Joy with this button."""
    if button is None:
        return controller.on_deadman(bool(message.data), now)
    return controller.on_deadman(button < len(message.buttons) and message.buttons[button] == 1, now)


def _xyz(v: Any) -> tuple[float, float, float]:
    return v.x, v.y, v.z


def _wxyz(q: Any) -> tuple[float, float, float, float]:
    return q.w, q.x, q.y, q.z


def _pose(of: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return _xyz(of.position), _wxyz(of.orientation)


class Subscription(NamedTuple):
    """What a node listens to. `take`, given the controller, a message and the time, gives why it was refused."""

    topic: str
    kind: str  # of the message, a name of `types`
    take: Callable[[Controller, Any, float], str]
    aloud: bool  # a refusal is said; of what comes all the time it is only counted
    latched: bool = False  # reliable, and what was sent before is wanted too


TAKES = {
    "pose": ("PoseStamped", take_pose),
    "imu": ("Imu", take_imu),
    "twist": ("Twist", take_twist),
    "scalar": ("Float64", take_scalar),
}


def subscriptions(controller: Controller) -> list[Subscription]:
    """All that a configured controller takes in, whatever the transport."""
    settings = controller.settings
    low = settings.output == "low_cmd"
    found = [
        Subscription(settings.state_topic, "LowState", LowStates(), aloud=False)
        if low
        else Subscription(settings.state_topic, "JointState", take_joint_state, aloud=False),
        Subscription(settings.goal, "PoseStamped", take_goal, aloud=True),
    ]
    for source in controller.inputs.sources.values():
        if source.name == GOAL or source.where.startswith(TF) or (low and source.name == IMU):
            continue
        kind, take = TAKES[source.kind]
        if source.kind == "pose":
            kind = settings.object_type
        found.append(Subscription(source.where, kind, partial(take, source=source.name), aloud=False))
    for group in controller.groups:
        if not group.forward:
            kind = "JointTrajectoryControllerState"
            found.append(Subscription(group.state_topic, kind, take_controller_state, aloud=False))
    topic, button = settings.switch
    if topic:
        kind = "Bool" if button is None else "Joy"
        found.append(Subscription(topic, kind, partial(take_switch, button=button), aloud=False))
    if controller.inputs.transforms is not None:
        found.append(Subscription("/tf", "TFMessage", partial(take_transforms, static=False), aloud=False))
        found.append(
            Subscription("/tf_static", "TFMessage", partial(take_transforms, static=True), False, latched=True)
        )
    return found

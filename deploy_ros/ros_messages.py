"""Filling and reading ROS messages. `types` holds their classes: `ashore.deploy_ros.dds_types`, or rclpy's in a namespace.

Both know the same fields and take them as keywords, so that every message is built in one place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.messages import Point, Trajectory
from ashore.deploy_ros.safety import Reason
from ashore.deploy_ros.states import Output

LEVEL_OK, LEVEL_WARN, LEVEL_ERROR = 0, 1, 2  # diagnostic_msgs/DiagnosticStatus
DRIVING = (Reason.OK, Reason.LIMITED)


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


def read_trajectory(message: Any) -> Trajectory:
    """Content of a JointTrajectory; its start is a time since the epoch, or 0."""
    points = (Point(tuple(p.positions), tuple(p.velocities), seconds_of(p.time_from_start)) for p in message.points)
    return Trajectory(tuple(message.joint_names), tuple(points), seconds_of(message.header.stamp))


def joint_state(types: Any, names: tuple[str, ...], position: np.ndarray, velocity: np.ndarray, stamp: float) -> Any:
    """A JointState: [n] rad and rad/s; stamp in s since the epoch."""
    header = types.Header(stamp=time_of(types, stamp))
    return types.JointState(header=header, name=list(names), position=position.tolist(), velocity=velocity.tolist())


def goal_pose(types: Any, position: np.ndarray, frame: str, stamp: float) -> Any:
    """A PoseStamped with a goal's position, [3] m in `frame`."""
    x, y, z = position.tolist()
    pose = types.Pose(position=types.PointXYZ(x=x, y=y, z=z), orientation=types.Quaternion(w=1.0))
    return types.PoseStamped(header=types.Header(stamp=time_of(types, stamp), frame_id=frame), pose=pose)


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


def take_goal(controller: Controller, message: Any) -> str:
    """Hand a PoseStamped to the controller; gives why it was refused, if it was."""
    p = message.pose.position
    return controller.on_goal((p.x, p.y, p.z), message.header.frame_id)


def diagnostics(types: Any, name: str, controller: Controller, output: Output | None, stamp: float) -> Any:
    """A DiagnosticArray of one status: OK while the policy drives, ERROR once the gate is shut, else WARN."""
    p50, p99, worst = controller.latency()
    values = {
        "state": controller.state.value,
        "steps": str(controller.steps),
        "skipped periods": str(controller.skipped),
        "refused messages": str(controller.refusals.count),
        "last refusal": controller.refusals.last,
        "step p50 [s]": f"{p50:.6f}",
        "step p99 [s]": f"{p99:.6f}",
        "step max [s]": f"{worst:.6f}",
    }
    if output is None:
        level, text = LEVEL_WARN, "not active"
    else:
        level = LEVEL_ERROR if controller.latched else LEVEL_OK if output.reason in DRIVING else LEVEL_WARN
        text = output.status.reason
    status = types.DiagnosticStatus(
        level=types.level_of(level),
        name=f"{name}: policy",
        message=text,
        hardware_id="",
        values=[types.KeyValue(key=key, value=value) for key, value in values.items()],
    )
    return types.DiagnosticArray(header=types.Header(stamp=time_of(types, stamp)), status=[status])

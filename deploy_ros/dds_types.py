"""ROS 2 messages as DDS types. Names, order and encoding are the wire's: `<package>::msg::dds_::<Name>_`, final, XCDR1."""

# mypy: disable-error-code="assignment, type-arg"
# No `from __future__ import annotations`: cyclonedds reads the annotations as types.
from dataclasses import dataclass, field
from typing import Any

from cyclonedds.idl import IdlStruct
from cyclonedds.idl.annotations import final
from cyclonedds.idl.types import array, byte, float32, float64, int32, sequence, uint32

from ashore.deploy_ros.dds_unitree import BmsCmd as BmsCmd
from ashore.deploy_ros.dds_unitree import IMUState as IMUState
from ashore.deploy_ros.dds_unitree import LowCmd as LowCmd
from ashore.deploy_ros.dds_unitree import LowState as LowState
from ashore.deploy_ros.dds_unitree import MotorCmd as MotorCmd
from ashore.deploy_ros.dds_unitree import MotorState as MotorState
from ashore.deploy_ros.message_definitions import HASHES as HASHES


@dataclass
@final
class Time(IdlStruct, typename="builtin_interfaces.msg.dds_.Time_"):
    sec: int32 = 0
    nanosec: uint32 = 0


@dataclass
@final
class Duration(IdlStruct, typename="builtin_interfaces.msg.dds_.Duration_"):
    sec: int32 = 0
    nanosec: uint32 = 0


@dataclass
@final
class Header(IdlStruct, typename="std_msgs.msg.dds_.Header_"):
    stamp: Time = field(default_factory=Time)
    frame_id: str = ""


@dataclass
@final
class String(IdlStruct, typename="std_msgs.msg.dds_.String_"):
    data: str = ""


@dataclass
@final
class Bool(IdlStruct, typename="std_msgs.msg.dds_.Bool_"):
    data: bool = False


@dataclass
@final
class MultiArrayDimension(IdlStruct, typename="std_msgs.msg.dds_.MultiArrayDimension_"):
    label: str = ""
    size: uint32 = 0
    stride: uint32 = 0


@dataclass
@final
class MultiArrayLayout(IdlStruct, typename="std_msgs.msg.dds_.MultiArrayLayout_"):
    dim: sequence[MultiArrayDimension] = field(default_factory=list)
    data_offset: uint32 = 0


@dataclass
@final
class Float64MultiArray(IdlStruct, typename="std_msgs.msg.dds_.Float64MultiArray_"):
    layout: MultiArrayLayout = field(default_factory=MultiArrayLayout)
    data: sequence[float64] = field(default_factory=list)


@dataclass
@final
class JointState(IdlStruct, typename="sensor_msgs.msg.dds_.JointState_"):
    header: Header = field(default_factory=Header)
    name: sequence[str] = field(default_factory=list)
    position: sequence[float64] = field(default_factory=list)
    velocity: sequence[float64] = field(default_factory=list)
    effort: sequence[float64] = field(default_factory=list)


@dataclass
@final
class PointXYZ(IdlStruct, typename="geometry_msgs.msg.dds_.Point_"):
    x: float64 = 0.0
    y: float64 = 0.0
    z: float64 = 0.0


@dataclass
@final
class Quaternion(IdlStruct, typename="geometry_msgs.msg.dds_.Quaternion_"):
    """In ROS's order, xyzw."""

    x: float64 = 0.0
    y: float64 = 0.0
    z: float64 = 0.0
    w: float64 = 1.0


@dataclass
@final
class Pose(IdlStruct, typename="geometry_msgs.msg.dds_.Pose_"):
    position: PointXYZ = field(default_factory=PointXYZ)
    orientation: Quaternion = field(default_factory=Quaternion)


@dataclass
@final
class PoseStamped(IdlStruct, typename="geometry_msgs.msg.dds_.PoseStamped_"):
    header: Header = field(default_factory=Header)
    pose: Pose = field(default_factory=Pose)


PoseCovariance: Any = array[float64, 36]  # type: ignore[misc]


@dataclass
@final
class PoseWithCovariance(IdlStruct, typename="geometry_msgs.msg.dds_.PoseWithCovariance_"):
    pose: Pose = field(default_factory=Pose)
    covariance: PoseCovariance = field(default_factory=lambda: [0.0] * 36)


@dataclass
@final
class PoseWithCovarianceStamped(IdlStruct, typename="geometry_msgs.msg.dds_.PoseWithCovarianceStamped_"):
    header: Header = field(default_factory=Header)
    pose: PoseWithCovariance = field(default_factory=PoseWithCovariance)


@dataclass
@final
class Vector3(IdlStruct, typename="geometry_msgs.msg.dds_.Vector3_"):
    x: float64 = 0.0
    y: float64 = 0.0
    z: float64 = 0.0


@dataclass
@final
class Twist(IdlStruct, typename="geometry_msgs.msg.dds_.Twist_"):
    linear: Vector3 = field(default_factory=Vector3)
    angular: Vector3 = field(default_factory=Vector3)


Covariance: Any = array[float64, 9]  # type: ignore[misc]


def _unknown() -> list[float]:
    """A covariance: all zeros where it is not known."""
    return [0.0] * 9


@dataclass
@final
class Imu(IdlStruct, typename="sensor_msgs.msg.dds_.Imu_"):
    header: Header = field(default_factory=Header)
    orientation: Quaternion = field(default_factory=Quaternion)
    orientation_covariance: Covariance = field(default_factory=_unknown)
    angular_velocity: Vector3 = field(default_factory=Vector3)
    angular_velocity_covariance: Covariance = field(default_factory=_unknown)
    linear_acceleration: Vector3 = field(default_factory=Vector3)
    linear_acceleration_covariance: Covariance = field(default_factory=_unknown)


@dataclass
@final
class Joy(IdlStruct, typename="sensor_msgs.msg.dds_.Joy_"):
    header: Header = field(default_factory=Header)
    axes: sequence[float32] = field(default_factory=list)
    buttons: sequence[int32] = field(default_factory=list)


@dataclass
@final
class Float64(IdlStruct, typename="std_msgs.msg.dds_.Float64_"):
    data: float64 = 0.0


@dataclass
@final
class Transform(IdlStruct, typename="geometry_msgs.msg.dds_.Transform_"):
    translation: Vector3 = field(default_factory=Vector3)
    rotation: Quaternion = field(default_factory=Quaternion)


@dataclass
@final
class TransformStamped(IdlStruct, typename="geometry_msgs.msg.dds_.TransformStamped_"):
    header: Header = field(default_factory=Header)
    child_frame_id: str = ""
    transform: Transform = field(default_factory=Transform)


@dataclass
@final
class TFMessage(IdlStruct, typename="tf2_msgs.msg.dds_.TFMessage_"):
    transforms: sequence[TransformStamped] = field(default_factory=list)


@dataclass
@final
class JointTrajectoryPoint(IdlStruct, typename="trajectory_msgs.msg.dds_.JointTrajectoryPoint_"):
    positions: sequence[float64] = field(default_factory=list)
    velocities: sequence[float64] = field(default_factory=list)
    accelerations: sequence[float64] = field(default_factory=list)
    effort: sequence[float64] = field(default_factory=list)
    time_from_start: Duration = field(default_factory=Duration)


@dataclass
@final
class JointTrajectory(IdlStruct, typename="trajectory_msgs.msg.dds_.JointTrajectory_"):
    header: Header = field(default_factory=Header)
    joint_names: sequence[str] = field(default_factory=list)
    points: sequence[JointTrajectoryPoint] = field(default_factory=list)


@dataclass
@final
class MultiDOFJointTrajectoryPoint(IdlStruct, typename="trajectory_msgs.msg.dds_.MultiDOFJointTrajectoryPoint_"):
    transforms: sequence[Transform] = field(default_factory=list)
    velocities: sequence[Twist] = field(default_factory=list)
    accelerations: sequence[Twist] = field(default_factory=list)
    time_from_start: Duration = field(default_factory=Duration)


@dataclass
@final
class _ControllerSetpoint(IdlStruct, typename="control_msgs.msg.dds_.JointTrajectoryControllerState_"):
    """What every distribution's JointTrajectoryControllerState begins with."""

    header: Header = field(default_factory=Header)
    joint_names: sequence[str] = field(default_factory=list)
    reference: JointTrajectoryPoint = field(default_factory=JointTrajectoryPoint)


@dataclass
@final
class JointTrajectoryControllerState(IdlStruct, typename="control_msgs.msg.dds_.JointTrajectoryControllerState_"):
    """As Jazzy and later have it.

    Humble has two more points, `desired` and `actual`, after `output`: only the beginning is read.
    """

    header: Header = field(default_factory=Header)
    joint_names: sequence[str] = field(default_factory=list)
    reference: JointTrajectoryPoint = field(default_factory=JointTrajectoryPoint)
    feedback: JointTrajectoryPoint = field(default_factory=JointTrajectoryPoint)
    error: JointTrajectoryPoint = field(default_factory=JointTrajectoryPoint)
    output: JointTrajectoryPoint = field(default_factory=JointTrajectoryPoint)
    multi_dof_joint_names: sequence[str] = field(default_factory=list)
    multi_dof_reference: MultiDOFJointTrajectoryPoint = field(default_factory=MultiDOFJointTrajectoryPoint)
    multi_dof_feedback: MultiDOFJointTrajectoryPoint = field(default_factory=MultiDOFJointTrajectoryPoint)
    multi_dof_error: MultiDOFJointTrajectoryPoint = field(default_factory=MultiDOFJointTrajectoryPoint)
    multi_dof_output: MultiDOFJointTrajectoryPoint = field(default_factory=MultiDOFJointTrajectoryPoint)
    speed_scaling_factor: float64 = 0.0

    @classmethod
    def deserialize(cls, *arguments: Any, **options: Any) -> Any:
        """Its beginning, from any distribution's bytes."""
        begun = _ControllerSetpoint.deserialize(*arguments, **options)
        return cls(header=begun.header, joint_names=begun.joint_names, reference=begun.reference)


@dataclass
@final
class KeyValue(IdlStruct, typename="diagnostic_msgs.msg.dds_.KeyValue_"):
    key: str = ""
    value: str = ""


@dataclass
@final
class DiagnosticStatus(IdlStruct, typename="diagnostic_msgs.msg.dds_.DiagnosticStatus_"):
    level: byte = 0
    name: str = ""
    message: str = ""
    hardware_id: str = ""
    values: sequence[KeyValue] = field(default_factory=list)


@dataclass
@final
class DiagnosticArray(IdlStruct, typename="diagnostic_msgs.msg.dds_.DiagnosticArray_"):
    header: Header = field(default_factory=Header)
    status: sequence[DiagnosticStatus] = field(default_factory=list)


def ros_name(kind: type[IdlStruct]) -> str:
    """`sensor_msgs/msg/JointState` for JointState."""
    package, _, _, name = kind.__idl_typename__.split(".")
    return f"{package}/msg/{name.rstrip('_')}"


def level_of(level: int) -> int:
    """A diagnostic level as the field has it."""
    return level

"""The definitions of all ROS 2 messages that a node hears or sends, as `ros2 interface show` has them; one table.

A field is `type name`, `type[] name` or `type[N] name`; `type NAME=value` is a constant. Recordings carry these texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

NUMBERS = {
    "bool": "?",
    "byte": "B",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "float32": "f",
    "float64": "d",
}  # as `struct` calls them
_POINT = "trajectory_msgs/JointTrajectoryPoint"
_MULTI_DOF_POINT = "trajectory_msgs/MultiDOFJointTrajectoryPoint"
_SEPARATOR = "=" * 80

# Of unitree_go, as in unitreerobotics/unitree_ros2, cyclonedds_ws/src/unitree/unitree_go/msg.
_UNITREE_BEGINNING = (
    "uint8[2] head\nuint8 level_flag\nuint8 frame_reserve\nuint32[2] sn\nuint32[2] version\nuint16 bandwidth\n"
)
# Of control_msgs/JointTrajectoryControllerState as of Jazzy; Humble's has two points more, `desired` and `actual`.
DEFINITIONS: Mapping[str, str] = {
    "builtin_interfaces/Time": "int32 sec\nuint32 nanosec\n",
    "builtin_interfaces/Duration": "int32 sec\nuint32 nanosec\n",
    "std_msgs/Header": "builtin_interfaces/Time stamp\nstring frame_id\n",
    "std_msgs/String": "string data\n",
    "std_msgs/Bool": "bool data\n",
    "std_msgs/Float64": "float64 data\n",
    "std_msgs/MultiArrayDimension": "string label\nuint32 size\nuint32 stride\n",
    "std_msgs/MultiArrayLayout": "std_msgs/MultiArrayDimension[] dim\nuint32 data_offset\n",
    "std_msgs/Float64MultiArray": "std_msgs/MultiArrayLayout layout\nfloat64[] data\n",
    "geometry_msgs/Point": "float64 x\nfloat64 y\nfloat64 z\n",
    "geometry_msgs/Vector3": "float64 x\nfloat64 y\nfloat64 z\n",
    "geometry_msgs/Quaternion": "float64 x\nfloat64 y\nfloat64 z\nfloat64 w\n",
    "geometry_msgs/Pose": "geometry_msgs/Point position\ngeometry_msgs/Quaternion orientation\n",
    "geometry_msgs/PoseStamped": "std_msgs/Header header\ngeometry_msgs/Pose pose\n",
    "geometry_msgs/PoseWithCovariance": "geometry_msgs/Pose pose\nfloat64[36] covariance\n",
    "geometry_msgs/PoseWithCovarianceStamped": "std_msgs/Header header\ngeometry_msgs/PoseWithCovariance pose\n",
    "geometry_msgs/Twist": "geometry_msgs/Vector3 linear\ngeometry_msgs/Vector3 angular\n",
    "geometry_msgs/Transform": "geometry_msgs/Vector3 translation\ngeometry_msgs/Quaternion rotation\n",
    "geometry_msgs/TransformStamped": (
        "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/Transform transform\n"
    ),
    "tf2_msgs/TFMessage": "geometry_msgs/TransformStamped[] transforms\n",
    "sensor_msgs/JointState": (
        "std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\nfloat64[] effort\n"
    ),
    "sensor_msgs/Joy": "std_msgs/Header header\nfloat32[] axes\nint32[] buttons\n",
    "sensor_msgs/Imu": (
        "std_msgs/Header header\n"
        "geometry_msgs/Quaternion orientation\nfloat64[9] orientation_covariance\n"
        "geometry_msgs/Vector3 angular_velocity\nfloat64[9] angular_velocity_covariance\n"
        "geometry_msgs/Vector3 linear_acceleration\nfloat64[9] linear_acceleration_covariance\n"
    ),
    _POINT: (
        "float64[] positions\nfloat64[] velocities\nfloat64[] accelerations\nfloat64[] effort\n"
        "builtin_interfaces/Duration time_from_start\n"
    ),
    "trajectory_msgs/JointTrajectory": f"std_msgs/Header header\nstring[] joint_names\n{_POINT}[] points\n",
    _MULTI_DOF_POINT: (
        "geometry_msgs/Transform[] transforms\ngeometry_msgs/Twist[] velocities\ngeometry_msgs/Twist[] accelerations\n"
        "builtin_interfaces/Duration time_from_start\n"
    ),
    "control_msgs/JointTrajectoryControllerState": (
        "std_msgs/Header header\nstring[] joint_names\n"
        + "".join(f"{_POINT} {name}\n" for name in ("reference", "feedback", "error", "output"))
        + "string[] multi_dof_joint_names\n"
        + "".join(f"{_MULTI_DOF_POINT} multi_dof_{name}\n" for name in ("reference", "feedback", "error", "output"))
        + "float64 speed_scaling_factor\n"
    ),
    "diagnostic_msgs/KeyValue": "string key\nstring value\n",
    "diagnostic_msgs/DiagnosticStatus": (
        "byte OK=0\nbyte WARN=1\nbyte ERROR=2\nbyte STALE=3\nbyte level\n"
        "string name\nstring message\nstring hardware_id\ndiagnostic_msgs/KeyValue[] values\n"
    ),
    "diagnostic_msgs/DiagnosticArray": "std_msgs/Header header\ndiagnostic_msgs/DiagnosticStatus[] status\n",
    "unitree_go/MotorCmd": (
        "uint8 mode\nfloat32 q\nfloat32 dq\nfloat32 tau\nfloat32 kp\nfloat32 kd\nuint32[3] reserve\n"
    ),
    "unitree_go/BmsCmd": "uint8 off\nuint8[3] reserve\n",
    "unitree_go/LowCmd": (
        f"{_UNITREE_BEGINNING}unitree_go/MotorCmd[20] motor_cmd\nunitree_go/BmsCmd bms_cmd\nuint8[40] wireless_remote\n"
        "uint8[12] led\nuint8[2] fan\nuint8 gpio\nuint32 reserve\nuint32 crc\n"
    ),
    "unitree_go/IMUState": (
        "float32[4] quaternion\nfloat32[3] gyroscope\nfloat32[3] accelerometer\nfloat32[3] rpy\nint8 temperature\n"
    ),
    "unitree_go/MotorState": (
        "uint8 mode\nfloat32 q\nfloat32 dq\nfloat32 ddq\nfloat32 tau_est\nfloat32 q_raw\nfloat32 dq_raw\nfloat32 ddq_raw\n"
        "int8 temperature\nuint32 lost\nuint32[2] reserve\n"
    ),
    "unitree_go/BmsState": (
        "uint8 version_high\nuint8 version_low\nuint8 status\nuint8 soc\nint32 current\nuint16 cycle\n"
        "int8[2] bq_ntc\nint8[2] mcu_ntc\nuint16[15] cell_vol\n"
    ),
    "unitree_go/LowState": (
        f"{_UNITREE_BEGINNING}unitree_go/IMUState imu_state\nunitree_go/MotorState[20] motor_state\n"
        "unitree_go/BmsState bms_state\nint16[4] foot_force\nint16[4] foot_force_est\nuint32 tick\n"
        "uint8[40] wireless_remote\nuint8 bit_flag\nfloat32 adc_reel\nint8 temperature_ntc1\nint8 temperature_ntc2\n"
        "float32 power_v\nfloat32 power_a\nuint16[4] fan_frequency\nuint32 reserve\nuint32 crc\n"
    ),
}

# Type hashes (REP 2011), sent as the writers' user data so that `ros2 topic info -v` shows them; they do not affect matching.
HASHES = {
    "sensor_msgs/msg/JointState": "RIHS01_a13ee3a330e346c9d87b5aa18d24e11690752bd33a0350f11c5882bc9179260e",
    "geometry_msgs/msg/PoseStamped": "RIHS01_10f3786d7d40fd2b54367835614bff85d4ad3b5dab62bf8bca0cc232d73b4cd8",
    "geometry_msgs/msg/PoseWithCovarianceStamped": "RIHS01_26432f9803e43727d3c8f668d1fdb3c630f548af631e2f4e31382371bfea3b6e",
    "trajectory_msgs/msg/JointTrajectory": "RIHS01_179b33eba59d676f6d967ac71fe35e7ca2f64b2f3928f4a018cec115e213796e",
    "std_msgs/msg/Float64MultiArray": "RIHS01_1025ddc6b9552d191f89ef1a8d2f60f3d373e28b283d8891ddcc974e8c55397f",
    "std_msgs/msg/String": "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18",
    "std_msgs/msg/Bool": "RIHS01_feb91e995ff9ebd09c0cb3d2aed18b11077585839fb5db80193b62d74528f6c9",
    "control_msgs/msg/JointTrajectoryControllerState": "RIHS01_"
    "51d8dd89cc624cbe9daaeeb4d80d6de9b86168ffdc3be41fefc0953e3c26e480",
    "sensor_msgs/msg/Imu": "RIHS01_7d9a00ff131080897a5ec7e26e315954b8eae3353c3f995c55faf71574000b5b",
    "sensor_msgs/msg/Joy": "RIHS01_0d356c79cad3401e35ffeb75a96a96e08be3ef896b8b83841d73e890989372c5",
    "geometry_msgs/msg/Twist": "RIHS01_9c45bf16fe0983d80e3cfe750d6835843d265a9a6c46bd2e609fcddde6fb8d2a",
    "std_msgs/msg/Float64": "RIHS01_705ba9c3d1a09df43737eb67095534de36fd426c0587779bda2bc51fe790182a",
    "tf2_msgs/msg/TFMessage": "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
    "unitree_go/msg/LowCmd": "RIHS01_0da1142c994d184f6102948c3acf52b9557836cfe5062b924a1f08ac8b72dc34",
    "unitree_go/msg/LowState": "RIHS01_db5172cac933e3cfc0e705903343eb4eea42e65e224e9d726d3e672aec0caf0f",
    "diagnostic_msgs/msg/DiagnosticArray": "RIHS01_5a8a36efb05fb25070fa0fb3810290c0e6cd4862b54a8fb975a1ee8dc55a333e",
}


class Field(NamedTuple):
    """One field of a message."""

    name: str
    kind: str  # a key of NUMBERS or of DEFINITIONS, or string
    length: int | None  # None: one value; 0: a sequence; else an array of so many


@cache
def fields_of(name: str) -> tuple[Field, ...]:
    """The fields of a message, `sensor_msgs/JointState`."""
    found = []
    for line in DEFINITIONS[name].splitlines():
        kind, field = line.split()
        if "=" in field:
            continue
        base, bracket, length = kind.partition("[")
        found.append(Field(field, base, int(length.rstrip("]") or 0) if bracket else None))
    return tuple(found)


def full_text(name: str) -> str:
    """A definition with those of all messages within it, as recordings and ROS 2 tools have it."""
    names: list[str] = []

    def add(known: str) -> None:
        if known in DEFINITIONS and known not in names:
            names.append(known)
            for field in fields_of(known):
                add(field.kind)

    add(name)
    parts = [DEFINITIONS[name], *(f"MSG: {other}\n{DEFINITIONS[other]}" for other in names[1:])]
    return f"{_SEPARATOR}\n".join(parts)


def named(kind: str) -> str:
    """`sensor_msgs/JointState` for JointState."""
    return next(name for name in DEFINITIONS if name.endswith(f"/{kind}"))


def ros_name(name: str) -> str:
    """`sensor_msgs/msg/JointState` for sensor_msgs/JointState."""
    return name.replace("/", "/msg/")

"""What the ROS 2 shell takes from rclpy and its message packages, apart from the node: classes, qualities, messages."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, Twist
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import Imu, JointState, Joy
from std_msgs.msg import Bool, Float64, Float64MultiArray, Header
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

try:  # comes with ros2_controllers
    from control_msgs.msg import JointTrajectoryControllerState
except ImportError:
    JointTrajectoryControllerState = None
try:  # comes with unitreerobotics/unitree_ros2
    from unitree_go.msg import LowCmd, LowState, MotorCmd
except ImportError:
    LowCmd = LowState = MotorCmd = None

TYPES = SimpleNamespace(
    Time=Time,
    Duration=Duration,
    Header=Header,
    JointState=JointState,
    PoseStamped=PoseStamped,
    PoseWithCovarianceStamped=PoseWithCovarianceStamped,
    Imu=Imu,
    Joy=Joy,
    Bool=Bool,
    Twist=Twist,
    Float64=Float64,
    TFMessage=TFMessage,
    Float64MultiArray=Float64MultiArray,
    JointTrajectory=JointTrajectory,
    JointTrajectoryPoint=JointTrajectoryPoint,
    JointTrajectoryControllerState=JointTrajectoryControllerState,
    LowCmd=LowCmd,
    LowState=LowState,
    MotorCmd=MotorCmd,
    DiagnosticArray=DiagnosticArray,
    DiagnosticStatus=DiagnosticStatus,
    KeyValue=KeyValue,
    level_of=lambda level: bytes([level]),  # rclpy has a byte field as bytes
)
# Listening best effort matches every publisher; publishing reliably reaches every subscriber.
LISTEN = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
LISTEN_RELIABLY = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)  # matches reliable publishers alone
LISTEN_LATCHED = QoSProfile(  # and what was published before
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
PUBLISH = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


# Whether callbacks with two arguments are told when a message was sent.
TELLS_WHEN_SENT = hasattr(Subscription, "CallbackType")


def received(subscription: Any) -> Iterator[tuple[Any, ...]]:
    """What a subscription's callback is to be called with for each message that it holds, for where no executor can take them:
    taken as `rclpy.wait_for_message` does."""
    for _ in range(LISTEN_LATCHED.depth):
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return
        yield taken if _wants_both(subscription) else taken[:1]


def sent_at(info: Any) -> int:
    """When a message was sent, ns since the epoch by its sender's clock, from the information beside it; 0: not known."""
    return int(info.get("source_timestamp") or 0) if isinstance(info, dict) else 0


def _wants_both(subscription: Any) -> bool:
    """Whether the callback takes the information beside the message."""
    return TELLS_WHEN_SENT and subscription._callback_type is not Subscription.CallbackType.MessageOnly

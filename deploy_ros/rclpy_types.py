"""What the ROS 2 shell takes from rclpy and its message packages, apart from the node: classes, qualities, messages."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float64MultiArray, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

try:  # comes with ros2_controllers
    from control_msgs.msg import JointTrajectoryControllerState
except ImportError:
    JointTrajectoryControllerState = None

TYPES = SimpleNamespace(
    Time=Time,
    Duration=Duration,
    Header=Header,
    Float64MultiArray=Float64MultiArray,
    JointTrajectory=JointTrajectory,
    JointTrajectoryPoint=JointTrajectoryPoint,
    DiagnosticArray=DiagnosticArray,
    DiagnosticStatus=DiagnosticStatus,
    KeyValue=KeyValue,
    level_of=lambda level: bytes([level]),  # rclpy has a byte field as bytes
)
# Listening best effort matches every publisher; publishing reliably reaches every subscriber.
LISTEN = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
LISTEN_RELIABLY = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)  # matches reliable publishers alone
PUBLISH = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


def received(subscription: Any) -> Iterator[Any]:
    """The messages that a subscription holds, taken as `rclpy.wait_for_message` takes them, for where no executor can."""
    for _ in range(LISTEN.depth):
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return
        yield taken[0]  # beside it stands information on the message


def descriptor_of(field: Any) -> ParameterDescriptor:
    """Description, unit and range of a setting, as `ros2 param describe` shows them."""
    descriptor = ParameterDescriptor(description=field.description or "")
    bounds = {key: getattr(m, key) for m in field.metadata for key in ("ge", "gt", "le") if hasattr(m, key)}
    if "le" in bounds:
        low = float(bounds.get("ge", bounds.get("gt", 0.0)))
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=float(bounds["le"]), step=0.0)]
    return descriptor

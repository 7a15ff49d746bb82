"""The modules of rclpy and of messages, as stand-ins, for as long as a test needs them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.deploy_ros.fake_actions import EXECUTOR, SERVERS, ActionClient, GripperCommand, parallel_gripper_command
from tests.deploy_ros.fake_messages import message_classes
from tests.deploy_ros.fake_rclpy import (
    NODES,
    ChangeState,
    Executor,
    FakeNode,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    Message,
    Return,
)
from tests.deploy_ros.fake_topics import Subscription
from tests.deploy_ros.steady_clock import steady_nodes

PACKAGES = (
    "builtin_interfaces",
    "control_msgs",
    "diagnostic_msgs",
    "geometry_msgs",
    "rcl_interfaces",
    "sensor_msgs",
    "std_msgs",
    "tf2_msgs",
    "trajectory_msgs",
    "unitree_go",
)
OURS = tuple(
    f"ashore.deploy_ros.{name}"
    for name in (
        *("rclpy_types", "rclpy_parameters", "rclpy_buttons", "rclpy_gripper", "rclpy_commands", "autostart"),
        "lifecycle_node",
        "rclpy_spin",
    )
)


PARTS = ("action", "duration", "exceptions", "executors", "lifecycle", "parameter", "qos", "signals", "subscription")


@contextmanager
def stand_ins() -> Iterator[Any]:
    """`ashore.deploy_ros.rclpy_spin`, imported with stand-ins; what was there before comes back."""
    names = (
        "Duration", "Time", "DiagnosticArray", "DiagnosticStatus", "KeyValue", "PoseStamped", "Imu", "Joy", "Twist",
        "PoseWithCovarianceStamped", "Float64",
        "TFMessage", "FloatingPointRange",
        "ParameterDescriptor", "JointState", "Bool", "Float64MultiArray", "Header", "String", "JointTrajectory",
        "JointTrajectoryControllerState", "JointTrajectoryPoint", "QoSProfile", "SetParametersResult",
    )  # fmt: skip
    anything: dict[str, Any] = {name: type(name, (Message,), {}) for name in names}
    anything |= {"LifecycleNode": FakeNode, "TransitionCallbackReturn": Return, "SingleThreadedExecutor": Executor}
    anything |= {"ChangeState": ChangeState, "ReliabilityPolicy": SimpleNamespace(BEST_EFFORT=1, RELIABLE=2)}
    anything["Subscription"] = Subscription
    anything |= {"ActionClient": ActionClient, "GripperCommand": GripperCommand}
    anything["ParallelGripperCommand"] = parallel_gripper_command(anything["JointState"])
    for error in (InvalidParameterTypeException, InvalidParameterValueException):
        anything[error.__name__] = error
    anything |= {"DurabilityPolicy": SimpleNamespace(TRANSIENT_LOCAL=1)}
    anything["Parameter"] = lambda name, value: SimpleNamespace(name=name, value=value)
    anything["SignalHandlerOptions"] = SimpleNamespace(NO=0)
    anything |= {"init": lambda **_: None, "ok": lambda: True, "try_shutdown": lambda: None}
    parts = [f"rclpy.{part}" for part in PARTS]
    modules = ["rclpy", *parts, *PACKAGES, *(f"{p}.msg" for p in PACKAGES), "lifecycle_msgs", "lifecycle_msgs.srv"]
    modules.append("control_msgs.action")
    before = {name: sys.modules.get(name) for name in (*modules, *OURS)}
    for name in modules:
        stand_in = ModuleType(name)
        vars(stand_in).update(anything)
        if name == "unitree_go.msg":
            vars(stand_in).update(message_classes("unitree_go"))
        sys.modules[name] = stand_in
    for name in OURS:
        sys.modules.pop(name, None)
    NODES.clear()
    EXECUTOR.clear()
    SERVERS.clear()
    try:
        spin = importlib.import_module("ashore.deploy_ros.rclpy_spin")
        with steady_nodes():
            yield spin
    finally:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module

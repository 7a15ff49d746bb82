"""The ROS 2 shell, on stand-ins for the parts of rclpy that it uses: it starts, drives, holds and ends as it should."""

from __future__ import annotations

import enum
import importlib
import json
import py_compile
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.deploy_ros.policies import JOINTS

PACKAGE = Path(__file__).parents[2] / "deploy_ros" / "ros2_package"


class Return(enum.Enum):
    SUCCESS = 0
    FAILURE = 1


class FakeNode:
    """What `rclpy.lifecycle.LifecycleNode` offers to the node, kept in memory."""

    def __init__(self, name: str, *, parameter_overrides: list[Any]) -> None:
        self.name, self.log = name, []  # type: ignore[var-annotated]
        self.overrides = {p.name: p.value for p in parameter_overrides}
        self.reliabilities: dict[str, list[int]] = {}
        self.parameters, self.descriptors, self.listeners, self.sent, self.timers = {}, {}, {}, {}, []  # type: ignore[var-annotated]

    def declare_parameter(self, name: str, default: Any, descriptor: Any) -> None:
        self.parameters[name] = self.overrides.get(name, default)
        self.descriptors[name] = descriptor

    def get_parameter(self, name: str) -> Any:
        return SimpleNamespace(value=self.parameters[name])

    def get_logger(self) -> Any:
        return SimpleNamespace(info=self.log.append, warning=self.log.append, error=self.log.append)

    def create_publisher(self, kind: Any, topic: str, _qos: Any) -> Any:
        return SimpleNamespace(publish=self.sent.setdefault(topic, []).append)

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> None:
        self.listeners[topic] = callback
        self.reliabilities.setdefault(topic, []).append(qos.reliability)

    def create_timer(self, _period: float, callback: Any) -> Any:
        timer = SimpleNamespace(callback=callback, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

    def destroy_subscription(self, _: Any) -> None: ...
    def destroy_publisher(self, _: Any) -> None: ...

    def on_configure(self, _: Any) -> Return:
        return Return.SUCCESS

    on_activate = on_deactivate = on_cleanup = on_shutdown = on_error = on_configure

    def trigger_configure(self) -> Return:
        return self.on_configure(None)

    def trigger_activate(self) -> Return:
        return self.on_activate(None)

    def tick(self) -> None:
        for timer in self.timers:
            if not timer.cancelled:
                timer.callback()


class Message(SimpleNamespace):
    """Any ROS message."""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`ashore.deploy_ros.lifecycle_node`, imported with stand-ins."""
    anything = {name: type(name, (Message,), {}) for name in (
        "Duration", "Time", "DiagnosticArray", "DiagnosticStatus", "KeyValue", "PoseStamped", "FloatingPointRange",
        "ParameterDescriptor", "JointState", "Bool", "Float64MultiArray", "Header", "String", "JointTrajectory",
        "JointTrajectoryPoint", "SingleThreadedExecutor", "QoSProfile", "SignalHandlerOptions",
    )}  # fmt: skip
    anything |= {"LifecycleNode": FakeNode, "TransitionCallbackReturn": Return}
    anything["ReliabilityPolicy"] = SimpleNamespace(BEST_EFFORT=1, RELIABLE=2)  # type: ignore[assignment]
    anything["Parameter"] = lambda name, value: SimpleNamespace(name=name, value=value)  # type: ignore[assignment]
    packages = (
        "builtin_interfaces",
        "diagnostic_msgs",
        "geometry_msgs",
        "rcl_interfaces",
        "sensor_msgs",
        "std_msgs",
        "trajectory_msgs",
    )
    parts = [f"rclpy.{part}" for part in ("executors", "lifecycle", "parameter", "qos", "signals")]
    for name in ["rclpy", *parts, *packages, *(f"{p}.msg" for p in packages)]:
        stand_in = ModuleType(name)
        vars(stand_in).update(anything)
        monkeypatch.setitem(sys.modules, name, stand_in)
    sys.modules.pop("ashore.deploy_ros.lifecycle_node", None)
    yield importlib.import_module("ashore.deploy_ros.lifecycle_node")
    sys.modules.pop("ashore.deploy_ros.lifecycle_node", None)


def joint_state(position: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Message:
    seconds = time.time()
    stamp = Message(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))
    return Message(header=Message(stamp=stamp), name=list(JOINTS), position=list(position), velocity=[0.0, 0.0, 0.0])


def goal() -> Message:
    position = Message(x=0.5, y=-0.4, z=0.3)
    return Message(header=Message(frame_id="base"), pose=Message(position=position))


def feed(node: Any, until: Any) -> None:
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline, node.log
        node.listeners["/joint_states"](joint_state())
        time.sleep(0.005)


def test_it_waits_activates_drives_holds_and_ends(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    node.tick()
    assert [line for line in node.log if "waiting" in line] == ["waiting: no joint state on /joint_states"]
    assert node.on_activate(None) is Return.FAILURE and "not activated" in node.log[-1]
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    node.tick()
    commands = node.sent["/joint_trajectory_controller/joint_trajectory"]
    feed(node, lambda: len(commands) > 5)
    (point,) = commands[-1].points
    assert (
        commands[-1].joint_names == list(JOINTS)
        and len(point.positions) == 3
        and point.time_from_start.nanosec == 40_000_000
    )
    node.listeners["/ashore/stop"](Message(data=True))
    feed(node, lambda: json.loads(node.sent["/ashore/status"][-1].data)["reason"] == "stopped on request")
    node.tick()
    assert "holding: stopped on request" in node.log[-1] and node.sent["/diagnostics"][-1].status[0].level == b"\x02"
    feed(node, lambda: commands[-1].points[0].velocities == [0.0, 0.0, 0.0])
    node.listeners["/ashore/reset"](Message(data=True))
    assert node.log[-1] == "reset"
    assert node.on_deactivate(None) is Return.SUCCESS and commands[-1].points[0].velocities == [0.0, 0.0, 0.0]
    assert node.on_cleanup(None) is Return.SUCCESS and node.on_shutdown(None) is Return.SUCCESS and node.finalized


def test_a_stop_given_while_it_waits_holds_until_reset(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    wanted = "stopped on request; publish true to /ashore/reset"
    node.listeners["/ashore/stop"](Message(data=True))
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    node.tick()
    assert node.log[-1] == f"waiting: {wanted}"
    assert node.on_activate(None) is Return.FAILURE and node.log[-1] == f"not activated: {wanted}"
    assert node.on_cleanup(None) is Return.SUCCESS and node.on_configure(None) is Return.SUCCESS
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    assert node.on_activate(None) is Return.FAILURE and node.log[-1] == f"not activated: {wanted}"
    node.listeners["/ashore/reset"](Message(data=True))
    node.listeners["/joint_states"](joint_state())
    node.tick()
    commands = node.sent["/joint_trajectory_controller/joint_trajectory"]
    feed(node, lambda: len(commands) > 5)
    assert node.on_shutdown(None) is Return.SUCCESS


def test_a_stop_is_heard_reliably_and_from_best_effort_publishers(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.on_configure(None) is Return.SUCCESS
    best_effort, reliable = module.ReliabilityPolicy.BEST_EFFORT, module.ReliabilityPolicy.RELIABLE
    assert sorted(node.reliabilities["/ashore/stop"]) == [best_effort, reliable]
    assert node.reliabilities["/ashore/reset"] == [best_effort]


def test_a_file_or_parameter_that_cannot_be_used_fails_the_configuration(
    module: Any, tmp_path: Path, patient_file: Path
) -> None:
    assert module.PolicyNode({"policy": str(tmp_path / "none.onnx")}).on_configure(None) is Return.FAILURE
    node = module.PolicyNode({"policy": str(patient_file), "wait": -1.0})
    assert node.on_configure(None) is Return.FAILURE and "wait" in node.log[-1]


def test_parameters_say_what_they_are_and_their_range(module: Any) -> None:
    descriptors = module.PolicyNode({}).descriptors
    (interval,) = descriptors["rate"].floating_point_range
    assert (interval.from_value, interval.to_value) == (1.0, 2000.0) and descriptors["rate"].description.startswith(
        "Hz of"
    )
    assert "episodes" not in descriptors and {"policy", "autostart", "joint_states", "goal", "controller"} <= set(
        descriptors
    )


def test_the_ros_packages_files_compile_and_set_parameters_that_exist(module: Any) -> None:
    yaml = pytest.importorskip("yaml")
    for file in (PACKAGE / "setup.py", PACKAGE / "launch" / "policy.launch.py"):
        py_compile.compile(str(file), doraise=True)
    parameters = yaml.safe_load((PACKAGE / "config" / "policy.yaml").read_text())["/ashore"]["ros__parameters"]
    node = module.PolicyNode({})
    for name, value in parameters.items():
        assert node.parameters[name] == value and type(node.parameters[name]) is type(value)

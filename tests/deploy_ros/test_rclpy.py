"""The lifecycle node on the real rclpy, seen from an arm's driver. Skipped where there is none; wheels are on PyPI:

pip install 'ros-jazzy-rclpy[fastrtps]' ros-jazzy-lifecycle-msgs ros-jazzy-sensor-msgs ros-jazzy-trajectory-msgs \
    ros-jazzy-diagnostic-msgs ros-jazzy-rcl-interfaces ros-jazzy-rcl-lifecycle

tf2_msgs has no wheel: a module tf2_msgs.msg with an empty class TFMessage does, for these policies take no frames.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy_ros.policies import JOINTS
from tests.deploy_ros.processes import PATIENCE, new_domain

pytest.importorskip("rclpy")
pytestmark = pytest.mark.slow

FAST = 1.5  # rad/s of the first joint, from which it brakes over 0.14 rad
CONFIGURE, DEACTIVATE, ACTIVE_SHUTDOWN = 1, 4, 7  # lifecycle_msgs/msg/Transition
NODE = """
import os, sys
from ashore.deploy_ros import rclpy_node
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.settings import NodeSettings

def failing(method):
    def wrapped(*arguments):
        if os.path.exists(sys.argv[2]):
            raise RuntimeError("out of memory")
        return method(*arguments)
    return wrapped

if name := sys.argv[3]:
    setattr(Controller, name, failing(getattr(Controller, name)))
sys.exit(rclpy_node.run(sys.argv[1], NodeSettings()))
"""


class Driver:
    """An arm that is where it was last told to be, and is blocked once the node brakes."""

    def __init__(self) -> None:
        import rclpy
        from geometry_msgs.msg import PoseStamped
        from lifecycle_msgs.srv import ChangeState
        from rclpy.executors import SingleThreadedExecutor
        from sensor_msgs.msg import JointState
        from std_msgs.msg import Bool, String
        from trajectory_msgs.msg import JointTrajectory

        self.node = rclpy.create_node("driver")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.q, self.v = [0.0] * 3, [0.0] * 3
        self.stands: list[float] = []  # rad, where it is blocked
        self.commands, self.goal, self.ready = 0, 1.8, False
        self.reset = Bool(data=True)
        self.JointState, self.PoseStamped, self.ChangeState = JointState, PoseStamped, ChangeState
        self.node.create_subscription(
            JointTrajectory, "/joint_trajectory_controller/joint_trajectory", self.on_command, 10
        )
        self.node.create_subscription(String, "/ashore/status", self.on_status, 10)
        self.states = self.node.create_publisher(JointState, "/joint_states", 10)
        self.goals = self.node.create_publisher(PoseStamped, "/ashore/goal_pose", 10)
        self.resets = self.node.create_publisher(Bool, "/ashore/reset", 10)
        self.change_state = self.node.create_client(ChangeState, "/ashore/change_state")
        self.node.create_timer(0.004, self.sense)

    def on_command(self, message: Any) -> None:
        self.commands += 1
        self.point = message.points[0]
        if not self.stands:
            self.q, self.v = list(self.point.positions), list(self.point.velocities)

    def on_status(self, message: Any) -> None:
        status = json.loads(message.data)
        if not self.stands and status["state"] != "active":
            self.stands, self.v = self.q, [0.0] * 3
        if status["latched"] and not self.ready:  # a busy machine kept our joint states late: the other way, then
            self.goal = -1.8 if self.q[0] > 0.0 else 1.8
            self.resets.publish(self.reset)

    def sense(self) -> None:
        state = self.JointState(name=list(JOINTS), position=self.q, velocity=self.v)
        state.header.stamp = self.node.get_clock().now().to_msg()
        self.states.publish(state)
        goal = self.PoseStamped()
        goal.pose.position.x = self.goal
        self.goals.publish(goal)

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited too long"
            self.executor.spin_once(timeout_sec=0.01)

    def ask(self, transition: int) -> bool:
        request = self.ChangeState.Request()
        request.transition.id = transition
        answer = self.change_state.call_async(request)
        self.until(answer.done)
        return bool(answer.result().success)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    import rclpy

    for name, value in new_domain().items():
        monkeypatch.setenv(name, value)
    rclpy.init()
    driver = Driver()
    yield driver
    driver.executor.shutdown()
    driver.node.destroy_node()
    rclpy.shutdown()


@pytest.mark.parametrize(
    "end", ["deactivate", "shutdown", "SIGTERM", "SIGHUP", "SIGTSTP", "step", "on_goal", "none such"]
)
def test_the_node_ends_with_a_hold_and_does_not_press_an_arm_that_is_blocked(
    driver: Driver, patient_file: Path, tmp_path: Path, end: str
) -> None:
    fails, method = tmp_path / "fails", end if end in ("step", "on_goal") else ""
    arguments = [sys.executable, "-c", NODE, str(patient_file), str(fails), method]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            driver.until(lambda: abs(driver.v[0]) > FAST)
            driver.ready = True
            if end == "none such":
                assert not driver.ask(CONFIGURE)
                sent = driver.commands
                driver.until(lambda: driver.commands > sent + 5)
            if end in ("deactivate", "shutdown"):
                assert driver.ask(DEACTIVATE if end == "deactivate" else ACTIVE_SHUTDOWN)
            elif method:
                fails.touch()
            if end in ("deactivate", "none such") or end.startswith("SIG"):
                process.send_signal(signal.Signals[end] if end.startswith("SIG") else signal.SIGTERM)
            driver.until(lambda: process.poll() is not None)
        finally:
            process.kill()
        said = process.stderr.read() if process.stderr else ""
    assert process.returncode == (3 if method else 0) and ("out of memory" in said) is bool(method)
    assert not any(driver.point.velocities)
    if end != "step":  # without a status the driver does not know that the node brakes
        assert list(driver.point.positions) == pytest.approx(driver.stands, abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["wait:=1"], 1, "gave up after 1 s: no joint state on /joint_states"),
        (["rate:=5000.0"], 2, "Parameter rate out of range"),
        (["rate:=5000"], 2, "rate = 5000: "),
        (["auto_reset:=5"], 2, "auto_reset"),
        (["policy:=/none.onnx"], 2, "/none.onnx: there is no such file"),
    ],
)
def test_what_cannot_be_used_or_does_not_come_ends_the_node_in_one_line(
    monkeypatch: pytest.MonkeyPatch, patient_file: Path, arguments: list[str], code: int, said: str
) -> None:
    for name, value in new_domain().items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "ashore.deploy_ros.rclpy_node", "--ros-args", "-p", f"policy:={patient_file}"]
    for argument in arguments:
        command += ["-p", argument]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    *others, last = ended.stderr.splitlines()
    assert ended.returncode == code and said in last and all("waiting" in line for line in others)


def test_in_a_namespace_its_topics_follow_and_changes_without_effect_are_refused(
    driver: Driver, patient_file: Path
) -> None:
    from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
    from rcl_interfaces.srv import SetParameters

    command = [sys.executable, "-m", "ashore.deploy_ros.rclpy_node", "--ros-args"]
    command += ["-p", f"policy:={patient_file}", "-r", "__ns:=/left"]
    client = driver.node.create_client(SetParameters, "/left/ashore/set_parameters")
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=1.0)
    request = SetParameters.Request(parameters=[Parameter(name="tracking_lag", value=value)])
    with subprocess.Popen(command) as process:
        try:
            driver.until(lambda: driver.node.count_subscribers("/left/ashore/goal_pose"))  # it is configured
            assert driver.node.count_subscribers("/left/ashore/stop") == 2
            assert driver.node.count_subscribers("/ashore/stop") == 0
            driver.until(client.service_is_ready)
            answer = client.call_async(request)
            driver.until(answer.done)
            (result,) = answer.result().results
            assert not result.successful and "tracking_lag: read when the node is configured" in result.reason
        finally:
            process.terminate()

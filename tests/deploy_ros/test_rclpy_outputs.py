"""The lifecycle node on the real rclpy: goals of a gripper's action, and Unitree's LowCmd.

Skipped where rclpy, control_msgs and unitree_go are not there: of a distribution, or built against the wheels of test_rclpy.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros.unitree import MotorTargets, low_state, read_low_cmd
from tests.deploy_ros.policies import INPUTS, JOINTS, interface, make_policy
from tests.deploy_ros.policies import signal as signal_of
from tests.deploy_ros.processes import PATIENCE, new_domain

pytest.importorskip("rclpy")
pytest.importorskip("control_msgs.action")
unitree = pytest.importorskip("unitree_go.msg")
pytestmark = pytest.mark.slow

MAP = "a=RL_calf_joint,b=FR_hip_joint,c=FL_thigh_joint"
DRIVES = MotorTargets((11, 0, 4), (), (20.0, 21.0, 22.0), (0.5, 0.6, 0.7))
TYPES = SimpleNamespace(IMUState=unitree.IMUState, MotorState=unitree.MotorState, LowState=unitree.LowState)


class World:
    """What the node has beside it: an executor of several threads, the policy's goal, what the node says."""

    def __init__(self) -> None:
        import rclpy
        from geometry_msgs.msg import PoseStamped
        from rclpy.callback_groups import ReentrantCallbackGroup
        from rclpy.executors import MultiThreadedExecutor
        from std_msgs.msg import Bool, String

        self.node = rclpy.create_node("driver")
        self.group, self.Bool = ReentrantCallbackGroup(), Bool
        self.q, self.status = [0.0, 0.0, 0.0], dict[str, Any]()
        self.stops = self.node.create_publisher(Bool, "/ashore/stop", 10)
        self._goals, self._pose = self.node.create_publisher(PoseStamped, "/ashore/goal_pose", 10), PoseStamped()
        self._pose.pose.position.x, self._pose.pose.position.y, self._pose.pose.position.z = 0.5, -0.4, 0.8
        self.node.create_subscription(String, "/ashore/status", self._on_status, 10)
        self.node.create_timer(0.005, self._sense, callback_group=self.group)
        self.executor = MultiThreadedExecutor(num_threads=4)
        self.executor.add_node(self.node)
        self.sense: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()

    def _on_status(self, message: Any) -> None:
        self.status = json.loads(message.data)

    def _sense(self) -> None:
        self._goals.publish(self._pose)
        self.sense()

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.status
            time.sleep(0.005)

    def end(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    import rclpy

    for name, value in new_domain().items():
        monkeypatch.setenv(name, value)
    rclpy.init()
    world = World()
    yield world
    world.end()
    rclpy.shutdown()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    signals = tuple(signal_of(name, max_age=1.0) for name in INPUTS[:3])
    changes: list[dict[str, Any]] = [
        {"kp": 20.0, "kd": 0.5},
        {"kp": 21.0, "kd": 0.6},
        {"kp": 22.0, "kd": 0.7, "group": "gripper", "give": 2.0},
    ]
    joints = tuple(j.model_copy(update=change) for j, change in zip(interface().joints, changes, strict=True))
    return make_policy(tmp_path / "policy.onnx", interface(signals=signals, joints=joints))


def node(file: Path, *parameters: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ashore.deploy_ros.rclpy_node", "--ros-args", "-p", f"policy:={file}"]
    for parameter in (*parameters, "tracking_lag:=5.0", "tracking_time:=10.0"):
        command += ["-p", parameter]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


class Gripper:
    """An action server that goes to its goals at 0.5 a second, and does not where it is told to refuse."""

    def __init__(self, world: World, action: Any) -> None:
        from rclpy.action import ActionServer, CancelResponse, GoalResponse

        self.world, self.action, self.refuses = world, action, False
        self.ended: list[str] = []
        self.commands: list[Any] = []
        self.goals: list[float] = []
        self._newest = 0

        def accept(request: Any) -> Any:
            self.commands.append(request.command)
            self.goals.append(self._of(request.command))
            return GoalResponse.REJECT if self.refuses else GoalResponse.ACCEPT

        ActionServer(
            *(world.node, action, "/gripper_controller/gripper_cmd", self.go),
            goal_callback=accept,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=world.group,
        )

    @staticmethod
    def _of(command: Any) -> float:
        """The position, which ParallelGripperCommand has by name."""
        return float(command.position[0] if hasattr(command, "name") else command.position)

    def go(self, handle: Any) -> Any:
        self._newest += 1
        own, goal = self._newest, self._of(handle.request.command)
        while abs(self.world.q[2] - goal) > 1e-6 and own == self._newest and not handle.is_cancel_requested:
            self.world.q[2] += float(np.clip(goal - self.world.q[2], -0.0025, 0.0025))
            time.sleep(0.005)
        if handle.is_cancel_requested:
            self.ended.append("cancelled")
            handle.canceled()
        elif own != self._newest:
            self.ended.append("replaced")
            handle.abort()
        else:
            self.ended.append("reached")
            handle.succeed()
        return self.action.Result()


def arm(world: World) -> None:
    """Joint states of an arm that is where it is told to be, and of its gripper."""
    from sensor_msgs.msg import JointState
    from trajectory_msgs.msg import JointTrajectory

    states = world.node.create_publisher(JointState, "/joint_states", 10)

    def on_command(message: Any) -> None:
        world.q[:2] = message.points[0].positions

    def sense() -> None:
        state = JointState(name=list(JOINTS), position=list(world.q), velocity=[0.0] * 3)
        state.header.stamp = world.node.get_clock().now().to_msg()
        states.publish(state)

    topic = "/joint_trajectory_controller/joint_trajectory"
    world.node.create_subscription(JointTrajectory, topic, on_command, 10)
    world.sense = sense


def test_a_gripper_goes_by_goals_is_cancelled_by_a_stop_and_what_it_refuses_is_named(world: World, file: Path) -> None:
    from control_msgs.action import GripperCommand

    gripper = Gripper(world, GripperCommand)
    arm(world)
    with node(file, "gripper_output:=gripper_command", "gripper_step:=0.05") as process:
        try:
            world.until(lambda: len(gripper.goals) > 3 and world.q[2] > 0.1)
            assert set(gripper.ended) <= {"replaced", "reached"}
            world.stops.publish(world.Bool(data=True))
            world.until(lambda: "cancelled" in gripper.ended and world.status["latched"])
            assert world.status["reason"] == "stopped on request"
            sent = len(gripper.goals)
            reset = world.node.create_publisher(world.Bool, "/ashore/reset", 10)
            gripper.refuses = True

            def refused() -> bool:
                if world.status["reason"] == "stopped on request":
                    reset.publish(world.Bool(data=True))
                return "rejected its goal" in str(world.status["reason"])

            world.until(refused)
            assert world.status["reason"].startswith("the gripper does not do what it was told: ")
            assert len(gripper.goals) == sent + 1
        finally:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0, said


def test_a_parallel_gripper_goes_by_name(world: World, file: Path) -> None:
    from control_msgs.action import ParallelGripperCommand

    gripper = Gripper(world, ParallelGripperCommand)
    arm(world)
    with node(file, "gripper_output:=parallel_gripper_command", "gripper_effort:=5.0") as process:
        try:
            world.until(lambda: len(gripper.goals) > 3)
        finally:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0 and world.status["refused"] == 0, said
    assert {(tuple(c.name), tuple(c.effort)) for c in gripper.commands} == {(("c",), (5.0,))}


def test_legs_go_by_low_cmd(world: World, file: Path) -> None:
    told: list[Any] = []
    faults: list[str] = []
    states = world.node.create_publisher(unitree.LowState, "/lowstate", 10)
    tick = iter(range(1, 10**6))

    def on_command(message: Any) -> None:
        position, why = read_low_cmd(message, DRIVES)
        if why:
            faults.append(why)
        else:
            told.append(message)
            world.q = position

    def sense() -> None:
        upright = np.array([1.0, 0.0, 0.0, 0.0])
        own = np.array(world.q), np.zeros(3), np.zeros(3), upright, next(tick)
        states.publish(low_state(TYPES, DRIVES.motors, *own))

    world.node.create_subscription(unitree.LowCmd, "/lowcmd", on_command, 10)
    world.sense = sense
    joints = ("output:=low_cmd", f"joint_map:={MAP}", "rate:=100.0", "gripper_output:=forward")
    single = make_single(file)
    with node(single, *joints) as process:
        try:
            world.until(lambda: len(told) > 50 and max(map(abs, world.q)) > 0.1)
        finally:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0 and not faults, said
    last, before = (read_low_cmd(message, DRIVES)[0] for message in (told[-1], told[-2]))
    assert last == before, "it holds"


def make_single(file: Path) -> Path:
    """The same policy, whose joints are all legs'."""
    joints = tuple(
        j.model_copy(update={"kp": kp, "kd": kd})
        for j, kp, kd in zip(interface().joints, DRIVES.kp, DRIVES.kd, strict=True)
    )
    signals = tuple(signal_of(name, max_age=1.0) for name in INPUTS[:3])
    return make_policy(file.with_name("legs.onnx"), interface(signals=signals, joints=joints))

"""The lifecycle node, on stand-ins for rclpy, drives legs by LowCmd; its messages are checked as rosidl's are."""

from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ashore.configs.contract import TARGET, TARGET_VELOCITY, JointSpec
from ashore.deploy_ros.unitree import LOW_CMD, MOTORS, checksum, low_state, read_low_cmd
from tests.deploy_ros.fake_messages import message_classes
from tests.deploy_ros.policies import interface, signal

JOINTS = (*reversed(MOTORS),)
TYPES = SimpleNamespace(**message_classes("unitree_go"))


class Shift:
    """As a policy: brings all joints by 0.01 rad a step from where they were, as far as 0.3 rad."""

    def __init__(self) -> None:
        limits: dict[str, Any] = {"low": -1.0, "high": 1.0, "velocity": 5.0, "acceleration": 500.0, "home": 0.0}
        limits |= {"kp": 35.0, "kd": 0.5}
        joints = tuple(JointSpec(name=name, **limits, give=1.0) for name in JOINTS)
        own = [signal(name, size=12, max_age=1.0) for name in ("joint_position", "joint_velocity")]
        imu = [signal(n, kind="measurement", frame="b", max_age=1.0) for n in ("angular_velocity", "projected_gravity")]
        face = interface(signals=(*own, *imu), joints=joints, action_scale=(1.0,) * 12, memory=())
        self.contract = SimpleNamespace(interface=face, settings={}, trained_on=())
        self.seen: list[dict[str, Any]] = []

    def initial_memory(self, signals: Any) -> dict[str, np.ndarray]:
        return {TARGET: np.asarray(signals["joint_position"], np.float32), TARGET_VELOCITY: np.zeros(12, np.float32)}

    def step(self, signals: Any, memory: Any) -> Any:
        self.seen.append(signals)
        target = np.minimum(memory[TARGET] + np.float32(0.01), np.float32(0.3))
        return target, (target - memory[TARGET]) / 0.02, memory


@pytest.fixture
def policy(module: Any, monkeypatch: pytest.MonkeyPatch) -> Shift:
    import ashore.deploy_ros.lifecycle_node as lifecycle  # the stand-ins' one

    monkeypatch.setattr(lifecycle, "load_policy", lambda _path: policy)
    policy = Shift()
    return policy


def test_it_drives_legs_by_low_cmd(module: Any, policy: Shift) -> None:
    node = module.PolicyNode({"policy": "x", "output": "low_cmd", "rate": 100.0, "tracking_lag": 5.0})
    node.tick()
    assert {"/lowstate"} <= set(node.listeners) and not {"/joint_states", "/imu/data"} & set(node.listeners)
    sent: list[Any] = node.sent.setdefault("/lowcmd", [])
    order = tuple(MOTORS.index(name) for name in JOINTS)
    deadline, tick = time.monotonic() + 20, 0
    while len(policy.seen) < 20:
        assert time.monotonic() < deadline, node.log
        tick += 1
        q = np.array([sent[-1].motor_cmd[motor].q for motor in order]) if sent else 0.001 * np.arange(12.0)
        rotation, turn = np.array([0.8, 0.6, 0.0, 0.0]), np.array([0.1, 0.2, 0.3])
        node.listeners["/lowstate"](low_state(TYPES, order, q, np.zeros(12), turn, rotation, tick))
        node.tick()
        time.sleep(0.002)
    node.trigger_deactivate()
    (group,) = node._controller.groups
    first, last = (read_low_cmd(sent[k], group.drives) for k in (0, -1))
    assert first[1] == last[1] == "" and all(m.crc == checksum(LOW_CMD, m) for m in sent)
    assert np.all(np.array(last[0]) > 0.05) and np.all(np.array(last[0]) < 0.31)
    assert policy.seen[0]["joint_position"] == pytest.approx(0.001 * np.arange(12.0), abs=1e-6)
    assert policy.seen[0]["angular_velocity"] == pytest.approx([0.1, 0.2, 0.3])
    assert policy.seen[0]["projected_gravity"] == pytest.approx([0.0, -0.96, -0.28])
    assert json.loads(node.sent["/ashore/status"][-1].data)["steps"] > 2
    idle = sent[-1].motor_cmd[12]
    assert (idle.q, idle.dq, idle.kp, idle.kd) == (2.146e9, 16000.0, 0.0, 0.0)


def test_without_unitrees_messages_it_says_what_to_source(module: Any, policy: Shift) -> None:
    types = sys.modules["ashore.deploy_ros.rclpy_types"].TYPES
    types.LowCmd = types.LowState = types.MotorCmd = None
    node = module.PolicyNode({"policy": "x", "output": "low_cmd"})
    node.tick()
    assert node.exit_code == 2
    assert any("needs the messages of unitree_go" in line and "--via dds" in line for line in node.log), node.log


def test_a_stand_in_refuses_what_rosidl_refuses() -> None:
    for wrong in ({"q": 1}, {"q": np.float32(1.0)}, {"mode": 256}, {"kp": 1e39}, {"torque": 0.0}, {"reserve": [0, 0]}):
        with pytest.raises(AssertionError):
            TYPES.MotorCmd(**wrong)
    with pytest.raises(AssertionError):
        TYPES.LowCmd(motor_cmd=[TYPES.MotorCmd()] * 19)
    assert TYPES.LowCmd(head=[0xFE, 0xEF]).head.dtype == np.uint8

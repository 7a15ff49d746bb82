"""The lifecycle node, on stand-ins for rclpy, hears every source that a policy needs, and drives arm and gripper apart."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ashore.configs.contract import TARGET, TARGET_VELOCITY
from tests.deploy_ros.fake_rclpy import Message
from tests.deploy_ros.lifecycle_rig import joint_state
from tests.deploy_ros.policies import interface, signal


class Still:
    """As a policy: stays where it began, and keeps what it saw."""

    def __init__(self) -> None:
        rows: dict[str, dict[str, Any]] = {
            "puck_position": {"size": 2},
            "drawer_opening": {"size": 1, "frame": ""},
            "projected_gravity": {"kind": "measurement", "unit": "1"},
            "yaw_rate_command": {"kind": "command", "size": 1, "unit": "rad/s"},
        }
        own = [signal(name, **({"frame": "b", "max_age": 10.0} | row)) for name, row in rows.items()]
        joints = [signal(name, max_age=1.0) for name in ("joint_position", "joint_velocity")]
        *arm, finger = interface().joints
        parts = (*arm, finger.model_copy(update={"group": "gripper"}))
        self.contract = SimpleNamespace(
            interface=interface(signals=(*joints, *own), joints=parts), settings={}, trained_on=()
        )
        self.seen: list[dict[str, Any]] = []

    def initial_memory(self, _signals: Any) -> dict[str, np.ndarray]:
        return {TARGET: np.zeros(3, np.float32), TARGET_VELOCITY: np.zeros(3, np.float32)}

    def step(self, signals: Any, memory: Any) -> Any:
        self.seen.append(signals)
        return np.zeros(3), np.zeros(3), memory


def vector(x: float, y: float, z: float) -> Message:
    return Message(x=x, y=y, z=z)


def test_every_source_is_heard_and_each_group_is_told(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import ashore.deploy_ros.lifecycle_node as lifecycle  # the stand-ins' one

    policy, level, stamp = Still(), Message(x=0.0, y=0.0, z=0.0, w=1.0), Message(sec=0, nanosec=0)
    monkeypatch.setattr(lifecycle, "load_policy", lambda _path: policy)
    node = module.PolicyNode({"policy": "x", "object": "puck=tf:puck", "gripper_output": "forward"})
    node.tick()
    up = Message(translation=vector(0.4, 0.1, 0.0), rotation=level)
    frame = Message(header=Message(frame_id="base", stamp=stamp), child_frame_id="puck", transform=up)
    messages = {
        "/joint_states": joint_state(),
        "/tf_static": Message(transforms=[frame]),
        "/ashore/drawer_opening": Message(data=0.25),
        "/imu/data": Message(
            header=Message(frame_id="i", stamp=stamp), angular_velocity=vector(0.0, 0.0, 0.1), orientation=level
        ),
        "/cmd_vel": Message(linear=vector(0.0, 0.0, 0.0), angular=vector(0.0, 0.0, 0.3)),
    }
    assert {*messages, "/tf"} <= set(node.listeners) and "/ashore/puck_pose" not in node.listeners
    waited = []
    for topic, message in messages.items():
        node.tick()
        waited.append(node.log[-1])
        node.listeners[topic](message)
    assert [line.removeprefix("waiting: no ") for line in waited[:4]] == [
        "joint state on /joint_states",
        "puck pose on tf:puck",
        "drawer_opening on /ashore/drawer_opening",
        "imu on /imu/data",
    ]
    node.tick()
    deadline = time.monotonic() + 20
    while len(policy.seen) < 3:
        assert time.monotonic() < deadline, node.log
        time.sleep(0.002)
    node.trigger_shutdown()
    assert {name: np.round(x, 6).tolist() for name, x in policy.seen[0].items()} == {
        "joint_position": [0.0] * 3,
        "joint_velocity": [0.0] * 3,
        "puck_position": [0.4, 0.1],
        "drawer_opening": [0.25],
        "projected_gravity": [0.0, 0.0, -1.0],
        "yaw_rate_command": [0.3],
    }
    (point,) = node.sent["/joint_trajectory_controller/joint_trajectory"][-1].points
    assert len(point.positions) == 2 and len(node.sent["/gripper_controller/commands"][-1].data) == 1
    assert json.loads(node.sent["/ashore/status"][-1].data)["steps"] > 2

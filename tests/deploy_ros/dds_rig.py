"""What a test of the wire has beside the node: a robot's driver in the same domain, and the node in a thread."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.dds_node import run_node
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.policies import JOINTS
from tests.deploy_ros.processes import PATIENCE
from tests.deploy_ros.steady_clock import STEADY


def spin_until(participant: Participant, condition: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "waited too long"
        participant.spin(0.02)


class Robot:
    """A robot's driver that stands where it was last told to be, and what it heard."""

    def __init__(self, dds: Participant, forward: bool = False) -> None:
        self.dds = dds
        self.states = dds.writer("/joint_states", types.JointState)
        self.goals = dds.writer("/ashore/goal_pose", types.PoseStamped)
        self.setpoints = dds.writer(
            "/joint_trajectory_controller/controller_state", types.JointTrajectoryControllerState
        )
        self.rejects = False  # every point, and says so
        self.repeats_goal = True
        self.q, self.commands, self.statuses, self.diagnostics = np.zeros(3), [], [], []  # type: ignore[var-annotated]
        topic, kind = ("commands", types.Float64MultiArray) if forward else ("joint_trajectory", types.JointTrajectory)
        dds.reader(f"/joint_trajectory_controller/{topic}", kind, self.on_command, reliable=True, depth=100)
        dds.reader("/ashore/status", types.String, lambda m: self.statuses.append(json.loads(m.data)))
        dds.reader("/diagnostics", types.DiagnosticArray, self.diagnostics.append)

    def on_command(self, message: Any) -> None:
        self.commands.append(message)
        if self.rejects:
            self.setpoints.write(ros.controller_state(types, JOINTS, (self.q, np.zeros(3)), STEADY.time()))
            return
        self.q = np.array(message.data if hasattr(message, "data") else message.points[-1].positions)

    def spin_until(self, condition: Callable[[], Any]) -> None:
        def sense_and_look() -> bool:
            self.states.write(ros.joint_state(types, JOINTS, self.q, np.zeros(3), STEADY.time()))
            if self.repeats_goal:
                position, level = np.array([0.5, -0.4, 0.3]), np.array([1.0, 0.0, 0.0, 0.0])
                self.goals.write(ros.pose(types, position, level, "base", STEADY.time()))
            return bool(condition())

        spin_until(self.dds, sense_and_look)

    @property
    def reason(self) -> str:
        return self.statuses[-1]["reason"] if self.statuses else ""


# Node and robot share a process, beside whatever else a busy machine does: neither may judge the other by the clock.
PATIENT: dict[str, Any] = {"tracking_lag": 5.0, "tracking_time": 10.0}


class Node:
    """A node in a thread."""

    def __init__(self, patient_file: Path, **settings: Any) -> None:
        self.said: list[str] = []
        self.stop, self.code = threading.Event(), -1
        self.thread = threading.Thread(target=self._run, args=(patient_file, NodeSettings(**(PATIENT | settings))))

    def _run(self, patient_file: Path, settings: NodeSettings) -> None:
        self.code = run_node(patient_file, settings, stop=self.stop, say=self.said.append)

    def __enter__(self) -> Node:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

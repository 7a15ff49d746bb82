"""A run by LowCmd over DDS, with a damaged state and a stop under way: it replays to the bit, and ends at rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.unitree import MotorTargets, low_state, read_low_cmd
from tests.deploy_ros.dds_rig import Node, spin_until
from tests.deploy_ros.policies import INPUTS, interface, make_policy, signal
from tests.deploy_ros.recordings import replayed

MAP = "a=RL_calf_joint,b=FR_hip_joint,c=FL_thigh_joint"
DRIVES = MotorTargets((11, 0, 4), (), (20.0, 21.0, 22.0), (0.5, 0.6, 0.7))


class Legs:
    """A robot that is where it is told to be, over DDS."""

    def __init__(self, dds: Participant) -> None:
        self.dds, self.q, self.tick, self.damaged = dds, np.zeros(3), 0, 0
        self.faults: list[str] = []
        self.commands: list[Any] = []
        self.statuses: list[dict[str, Any]] = []
        self._states = dds.writer("/lowstate", types.LowState)
        self._goals = dds.writer("/ashore/goal_pose", types.PoseStamped)
        self.stops = dds.writer("/ashore/stop", types.Bool)
        dds.reader("/lowcmd", types.LowCmd, self._on_command, depth=100)
        dds.reader("/ashore/status", types.String, lambda m: self.statuses.append(json.loads(m.data)))

    def _on_command(self, message: Any) -> None:
        told, why = read_low_cmd(message, DRIVES)
        self.commands.append(message)
        if why:
            self.faults.append(why)
        else:
            self.q = np.array(told)

    def until(self, condition: Any) -> None:
        def sense_and_look() -> bool:
            self.tick += 1
            state = low_state(
                types, DRIVES.motors, self.q, np.zeros(3), np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), self.tick
            )
            if self.damaged:
                self.damaged -= 1
                state.crc ^= 1
            self._states.write(state)
            goal = types.PoseStamped()
            goal.pose.position.x, goal.pose.position.y, goal.pose.position.z = 0.5, -0.4, 0.3
            self._goals.write(goal)
            return bool(condition())

        spin_until(self.dds, sense_and_look)

    @property
    def reason(self) -> str:
        return self.statuses[-1]["reason"] if self.statuses else ""


@pytest.mark.slow
def test_a_run_by_low_cmd_replays_to_the_bit(participant: Participant, tmp_path: Path) -> None:
    signals = tuple(signal(name, max_age=1.0) for name in INPUTS[:3])
    joints = tuple(j.model_copy(update={"kp": 20.0 + k, "kd": 0.5 + 0.1 * k}) for k, j in enumerate(interface().joints))
    file = make_policy(tmp_path / "policy.onnx", interface(signals=signals, joints=joints))
    legs, path = Legs(participant), tmp_path / "run.mcap"
    with Node(file, output="low_cmd", joint_map=MAP, rate=100.0, record=str(path)) as node:
        legs.until(lambda: legs.reason == "following the policy")
        legs.damaged = 3
        legs.until(lambda: legs.statuses[-1]["refused"] >= 3)
        legs.until(lambda: np.abs(legs.q).max() > 0.1)
        legs.stops.write(types.Bool(data=True))
        legs.until(lambda: legs.reason == "stopped on request" and legs.statuses[-1]["latched"])
        legs.until(lambda: len(legs.statuses) > 100)
    assert node.code == 0 and not legs.faults
    ends = [read_low_cmd(message, DRIVES)[0] for message in legs.commands[-10:]]
    assert all(end == ends[-1] for end in ends), "it holds"
    code, said = replayed(path, file)
    assert code == 0 and said[0].startswith("equal to the bit: ") and len(said) == 1, said
    assert int(said[0].split()[6]) > int(said[0].split()[4]) > 50, "several commands a step"

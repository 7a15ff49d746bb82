"""A policy file of every family of tasks drives its twin over DDS: what it sees is what the twin's channel told."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("cyclonedds")

from ashore.configs.loader import load_run
from ashore.deploy_ros import dds_node
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.profile_files import with_profile
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.twin import run_twin
from ashore.deploy_ros.twin_results import EpisodeResult
from ashore.sim.robot_simulator import RobotSimulator
from tests.deploy_ros.twin_cell import plant
from tests.untrained import export_untrained

# With a participant in the domain, which two threads cannot open at once.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("participant")]
# Both run in one process, beside whatever else a busy machine does: nothing may depend on when messages come.
PATIENT: dict[str, Any] = {"tracking_lag": 5.0, "tracking_time": 10.0, "wait": 60.0}
TASKS = (
    "arm_push", "arm_insert", "arm_drawer", "arm_lift", "quadruped_velocity", "quadruped_getup", "cartpole_swingup",
    "hand_reorient",
)  # fmt: skip


class Watched:
    """A policy that keeps what it saw, and waits long for late signals."""

    def __init__(self, policy: Policy) -> None:
        face = policy.contract.interface
        signals = tuple(s.model_copy(update={"max_age": 30.0}) for s in face.signals)
        interface = face.model_copy(update={"signals": signals})
        self.contract = policy.contract.model_copy(update={"interface": interface})
        self.initial_memory, self._step = policy.initial_memory, policy.step
        self.seen: list[dict[str, np.ndarray]] = []

    def step(self, signals: Any, memory: Any) -> Any:
        self.seen.append({name: np.array(value) for name, value in signals.items()})
        return self._step(signals, memory)


class Told:
    """A twin's robot that keeps what it told."""

    def __init__(self, robot: RobotSimulator) -> None:
        self._robot, self.told = robot, list[dict[str, np.ndarray]]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._robot, name)

    def measure(self) -> dict[str, np.ndarray]:
        self.told.append(self._robot.measure())
        return self.told[-1]


def drive(
    task: str, folder: Path, monkeypatch: pytest.MonkeyPatch, episodes: int, **settings: Any
) -> tuple[list[EpisodeResult], Watched, Told, list[str]]:
    """An untrained policy through its twin, for episodes of 1 s."""
    short = ["task.episode_seconds=1.0", "task.randomization={}"]
    export_untrained(load_run(task, short), folder / "policy.onnx")
    policy, robot = Watched(load_policy(folder / "policy.onnx")), Told(plant(task, *short))
    monkeypatch.setattr(dds_node, "load_policy", lambda _path: policy)
    said: list[str] = []
    own, stop = NodeSettings(**PATIENT, **settings), threading.Event()
    node = threading.Thread(target=dds_node.run_node, args=("", own), kwargs={"stop": stop, "say": said.append})
    node.start()
    try:
        results = run_twin(robot, episodes, settings=with_profile(own)[0], say=said.append)
    finally:
        stop.set()
        node.join()
    return results, policy, robot, said


@pytest.mark.parametrize("task", TASKS)
def test_an_exported_policy_drives_its_twin_and_sees_what_the_twin_told(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, policy, robot, said = drive(task, tmp_path, monkeypatch, 2)
    assert [(r.index, r.rejected, r.note) for r in results] == [(0, 0, ""), (1, 0, "")], said
    assert all(r.commands > 5 for r in results)
    assert not [line for line in said if "holding: " in line and "stopped on request" not in line], said
    assert len(policy.seen) > 20
    for name in policy.seen[0]:
        told = np.unique([t[name] for t in robot.told], axis=0)
        seen = np.unique([s[name] for s in policy.seen], axis=0)
        away = np.abs(seen[:, None] - told[None]).max(2).min(1)
        assert away.max() < 5e-5, f"{name}: {away.max()}"


def test_forward_controllers_take_targets_of_arm_and_gripper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = {"output": "forward", "gripper_output": "forward", "rate": 100.0}
    results, policy, robot, said = drive("arm_lift", tmp_path, monkeypatch, 1, **forward)
    assert [(r.rejected, r.note) for r in results] == [(0, "")], said
    moved = np.array([t["joint_position"] for t in robot.told])
    assert np.ptp(moved, axis=0).max() > 1e-3 and len(policy.seen) > 20


def test_an_object_may_come_as_a_tf_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, policy, robot, said = drive("arm_insert", tmp_path, monkeypatch, 1, object="hole=tf:block")
    assert [(r.rejected, r.note) for r in results] == [(0, "")], said
    holes = np.unique([t["hole_position"] for t in robot.told], axis=0)
    seen = np.unique([s["hole_position"] for s in policy.seen], axis=0)
    assert np.abs(seen[:, None] - holes[None]).max(2).min(1).max() < 1e-6


def test_legs_are_driven_by_low_cmd_and_seen_by_low_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, policy, robot, said = drive("quadruped_velocity", tmp_path, monkeypatch, 2, profile="go2", rate=100.0)
    assert [(r.index, r.rejected, r.note) for r in results] == [(0, 0, ""), (1, 0, "")], said
    assert all(r.commands > 5 for r in results)
    assert not [line for line in said if "holding: " in line and "stopped on request" not in line], said
    assert any("to /lowcmd" in line for line in said)
    for name in policy.seen[0]:  # LowState has float32
        told = np.unique([t[name] for t in robot.told], axis=0)
        seen = np.unique([s[name] for s in policy.seen], axis=0)
        assert np.abs(seen[:, None] - told[None]).max(2).min(1).max() < 5e-5, name


def test_a_twin_has_the_joint_names_and_topics_of_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, policy, _robot, said = drive("arm_lift", tmp_path, monkeypatch, 1, profile="panda")
    assert [(r.rejected, r.note) for r in results] == [(0, "")], said
    assert len(policy.seen) > 20 and any("/panda_arm_controller/joint_trajectory" in line for line in said)

"""Both nodes record from one hook: a run over DDS, and one of the lifecycle node, replay to the bit."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant, Writer
from ashore.deploy_ros.mcap import Metadata, Reader
from tests.deploy_ros import lifecycle_rig
from tests.deploy_ros.dds_rig import Node, Robot
from tests.deploy_ros.fake_rclpy import FakeNode, Message
from tests.deploy_ros.processes import Process
from tests.deploy_ros.recordings import replayed
from tests.deploy_ros.steady_clock import STEADY


def topics(path: Path) -> set[str]:
    return {record.topic for record in Reader(path) if not isinstance(record, Metadata)}


@pytest.mark.slow
@pytest.mark.parametrize("output", ["trajectory", "forward"])
def test_a_run_over_dds_with_a_stop_a_reset_and_a_refused_goal_replays_to_the_bit(
    participant: Participant, patient_file: Path, tmp_path: Path, output: str
) -> None:
    robot, path = Robot(participant, output == "forward"), tmp_path / "run.mcap"
    stop, reset = (participant.writer(f"/ashore/{name}", types.Bool) for name in ("stop", "reset"))

    def press(button: Writer, condition: Callable[[], bool]) -> None:
        def pressed() -> bool:
            button.write(types.Bool(data=True))
            return condition()

        robot.spin_until(pressed)

    report = tmp_path / "run.json"
    with Node(patient_file, record=str(path), report=str(report), output=output) as node:
        robot.spin_until(lambda: robot.reason == "following the policy")
        elsewhere = ros.goal_pose(types, np.array([0.1, 0.1, 0.1]), "elsewhere", STEADY.time())

        def refused() -> bool:
            robot.goals.write(elsewhere)
            return any(line.startswith("refused: goal: in frame 'elsewhere'") for line in node.said)

        robot.spin_until(refused)
        press(stop, lambda: robot.reason == "stopped on request" and robot.statuses[-1]["latched"])
        press(reset, lambda: robot.reason == "following the policy")
        robot.spin_until(lambda: len(robot.diagnostics) > 1)
    assert node.code == 0 and node.said[-1].startswith("recorded ") and "did not fit" not in node.said[-1]
    code, said = replayed(path, patient_file)
    assert code == 0 and said[0].startswith("equal to the bit: ") and len(said) == 1, said
    delays = json.loads(report.read_text())["delays"]
    assert set(delays) == {"command to motion", "joint state"} and 0 <= delays["joint state"]["p50"] < 1
    assert {"command to motion [s]", "joint state [s]"} <= {v.key for v in robot.diagnostics[-1].status[0].values}
    steps, sent = (int(said[0].split()[k]) for k in (4, 6))
    assert steps > 50 and sent >= steps
    command = "commands" if output == "forward" else "joint_trajectory"
    assert topics(path) == {
        *("/joint_states", "/ashore/goal_pose", "/ashore/status", "/diagnostics", "/ashore/stop", "/ashore/reset"),
        *("/ashore/record", f"/joint_trajectory_controller/{command}"),
    }


def test_a_run_of_the_lifecycle_node_replays_to_the_bit(module: Any, patient_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"

    def then(turn: Any) -> Iterator[Any]:
        def press(topic: str) -> Any:
            return lambda node: node.receive(topic, Message(data=True))

        yield press("/ashore/stop")
        for _ in range(100):
            yield turn
        yield press("/ashore/reset")
        for _ in range(100):
            yield turn
        yield lambda _: os.kill(os.getpid(), signal.SIGINT)

    report = tmp_path / "run.json"
    code, node = lifecycle_rig.run(module, patient_file, then, record=str(path), report=str(report))
    assert code == 0 and isinstance(node, FakeNode)
    exit_code, said = replayed(path, patient_file)
    assert exit_code == 0 and said[0].startswith("equal to the bit: "), said
    assert {"/ashore/stop", "/ashore/reset", "/joint_states", "/ashore/status"} <= topics(path)
    assert json.loads(report.read_text())["delays"]["joint state"]["p50"] >= 0


@pytest.mark.slow
def test_a_node_that_is_killed_leaves_a_file_that_replays_to_its_last_chunk(
    participant: Participant, patient_file: Path, tmp_path: Path
) -> None:
    robot, path = Robot(participant), tmp_path / "run.mcap"
    with Process(dict(os.environ), "ashore", "deploy", str(patient_file), "--record", str(path)) as node:
        robot.spin_until(lambda: len(robot.statuses) > 120)
        node.send(signal.SIGKILL)
        node.exit_code()
    code, said = replayed(path, patient_file)
    assert code == 1 and said[0].startswith("equal to the bit: ") and said[1].startswith(f"{path} is cut off")
    assert int(said[0].split()[4]) > 20

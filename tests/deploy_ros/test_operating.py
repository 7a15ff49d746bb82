"""What a person tells a node from the command line arrives, and the person is told what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cyclonedds")

from ashore.cli import main
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.operating import UnheardError, send_goal, send_reset, send_stop
from tests.deploy_ros.dds_rig import Node, Robot
from tests.deploy_ros.processes import PATIENCE

pytestmark = pytest.mark.slow
LEVEL = (1.0, 0.0, 0.0, 0.0)


class Person(threading.Thread):
    """Tells it from a thread, while the robot is kept running."""

    def __init__(self, tell: Callable[..., None], *arguments: Any) -> None:
        super().__init__(daemon=True)
        self.heard: list[str] = []
        self.refused = ""
        self._tell = lambda: tell(*arguments, self.heard.append)
        self.start()

    def run(self) -> None:
        try:
            self._tell()
        except UnheardError as error:
            self.refused = str(error)


def told(robot: Robot, tell: Callable[..., None], *arguments: Any) -> Person:
    person = Person(tell, *arguments)
    robot.spin_until(lambda: not person.is_alive())
    return person


def test_a_node_is_stopped_and_let_go_on(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    with Node(patient_file):
        robot.spin_until(lambda: robot.reason == "following the policy")
        assert "nothing to reset" in told(robot, send_reset, PATIENCE).heard[0]
        assert told(robot, send_stop, PATIENCE).heard[0].startswith("stopped; to go on: ashore reset")
        robot.spin_until(lambda: not any(robot.commands[-1].points[0].velocities))
        assert robot.reason == "stopped on request"
        assert told(robot, send_reset, PATIENCE).heard == ["reset: the node is following the policy"]


def test_a_goal_is_taken_or_refused_with_the_nodes_reason(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    with Node(patient_file):
        robot.spin_until(lambda: robot.reason == "following the policy")
        robot.repeats_goal = False
        goal = ((0.4, -0.3, 0.2), LEVEL)
        assert (
            told(robot, send_goal, *goal, "base", "/ashore/goal_pose", PATIENCE)
            .heard[0]
            .startswith("the node has the goal")
        )
        person = told(robot, send_goal, *goal, "kitchen", "/ashore/goal_pose", PATIENCE)
        assert person.heard == [] and "goal: in frame 'kitchen'" in person.refused


def test_a_node_that_waits_has_the_stop_and_the_reset(participant: Participant, patient_file: Path) -> None:
    heard: list[str] = []
    with Node(patient_file) as node:
        send_stop(PATIENCE, heard.append)
        assert heard == ["the node has the stop; it was not driving"]
        send_reset(PATIENCE, heard.append)
        assert heard[1:] == ["the node has the reset; it is not driving"]
    assert node.code == 0


def test_without_a_node_it_says_so(participant: Participant, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", "--wait", "0.2"]) == 2
    error = capsys.readouterr().err
    assert "NOT STOPPED: no node listens on /ashore/stop" in error and "own emergency stop" in error
    assert main(["reset", "--wait", "0.2"]) == 2 and "no node listens on /ashore/reset" in capsys.readouterr().err
    assert main(["goal", "0.4", "-0.1", "0.3", "--wait", "0.2"]) == 2
    assert "no node listens on /ashore/goal_pose" in capsys.readouterr().err
    assert main(["goal", "nan", "0", "0"]) == 2 and "allowed: finite numbers" in capsys.readouterr().err

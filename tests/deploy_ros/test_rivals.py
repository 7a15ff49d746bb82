"""Two that command one robot: the second is refused, and one that comes later stops the node, which brakes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.dds import Participant
from tests.deploy_ros.dds_rig import Node, Robot
from tests.deploy_ros.fake_rclpy import ACTIVATE, CONFIGURE
from tests.deploy_ros.lifecycle_rig import Arm, run
from tests.deploy_ros.processes import Process

TOPIC = "/joint_trajectory_controller/joint_trajectory"
PATIENT: dict[str, Any] = {"tracking_lag": 5.0, "tracking_time": 10.0}


def holds(robot: Robot) -> bool:
    return not any(robot.commands[-1].points[-1].velocities)


def test_over_dds_a_node_is_refused_where_somebody_else_commands(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    other = participant.writer(TOPIC, types.JointTrajectory)
    with Node(patient_file, **PATIENT) as node:
        robot.spin_until(lambda: not node.thread.is_alive())
    assert node.code == 1 and other is not None
    (why,) = (line for line in node.said if line.startswith("refused: "))
    assert why.startswith(f"refused: somebody else commands the robot: {TOPIC} by process ")
    assert not robot.commands


def test_over_dds_a_second_node_is_refused_and_does_not_disturb_the_first(
    participant: Participant, patient_file: Path
) -> None:
    robot = Robot(participant)
    with Node(patient_file, **PATIENT) as first:
        robot.spin_until(lambda: len(robot.commands) > 5)
        with Node(patient_file, **PATIENT) as second:
            robot.spin_until(lambda: not second.thread.is_alive())
        assert second.code == 1 and first.thread.is_alive(), (first.said, second.said)
        sent = len(robot.commands)
        robot.spin_until(lambda: len(robot.commands) > sent + 10)
    assert first.code == 0, first.said


def test_over_dds_one_that_comes_later_stops_the_node(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    with Node(patient_file, **PATIENT) as node:
        robot.spin_until(lambda: len(robot.commands) > 5)
        with Process({}, "tests.deploy_ros.stranger", TOPIC):
            robot.spin_until(lambda: not node.thread.is_alive())
    assert node.code == 3, node.said
    assert any("somebody else commands the robot" in line and "braking, then ending" in line for line in node.said)
    assert holds(robot)


def test_a_ros_node_is_refused_where_somebody_else_commands(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.strangers[TOPIC] = ["rqt"]
    assert node.change_state(CONFIGURE)
    Arm(node).sense()
    assert not node.change_state(ACTIVATE) and not node.sent.get(TOPIC)
    assert f"not activated: somebody else commands the robot: {TOPIC} by node rqt" in node.log
    node.strangers.clear()
    Arm(node).sense()
    assert node.change_state(ACTIVATE)
    node.end()


def test_a_ros_node_that_starts_by_itself_ends_where_somebody_else_commands(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.strangers[TOPIC] = ["ashore"]  # another one of us
    node.tick()
    Arm(node).sense()
    node.tick()
    assert node.exit_code == 1 and any(line.startswith("refused: ") for line in node.log)


def test_one_that_comes_later_stops_a_ros_node(module: Any, patient_file: Path) -> None:
    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: node.strangers.__setitem__(TOPIC, ["ashore"])
        while True:
            yield turn

    code, node = run(module, patient_file, then)
    assert code == 3 and any("braking, then ending" in line for line in node.log), node.log
    assert Arm(node).holds and np.isfinite(Arm(node).commands[-1].points[0].positions).all()


def test_over_dds_a_publisher_that_is_silent_may_be_put_up_with(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    other = participant.writer(TOPIC, types.JointTrajectory)
    with Node(patient_file, beside_others=True, **PATIENT) as node:
        robot.spin_until(lambda: len(robot.commands) > 5)
    assert node.code == 0 and other is not None

"""The ROS 2 shell, on stand-ins for the parts of rclpy that it uses: it starts, drives, holds and ends as it should."""

from __future__ import annotations

import json
import py_compile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy_ros.fake_rclpy import (
    ACTIVATE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    NODES,
    Message,
    Return,
)
from tests.deploy_ros.lifecycle_rig import Arm, feed, goal, joint_state, run
from tests.deploy_ros.policies import JOINTS

PACKAGE = Path(__file__).parents[2] / "deploy_ros" / "ros2_package"


def test_it_waits_activates_drives_holds_and_ends(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    node.tick()
    assert [line for line in node.log if "waiting" in line] == ["waiting: no joint state on /joint_states"]
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    node.tick()
    commands = node.sent["/joint_trajectory_controller/joint_trajectory"]
    feed(node, lambda: len(commands) > 5)
    (point,) = commands[-1].points
    assert (
        commands[-1].joint_names == list(JOINTS)
        and len(point.positions) == 3
        and point.time_from_start.nanosec == 40_000_000
    )
    node.listeners["/ashore/stop"](Message(data=True))
    feed(node, lambda: json.loads(node.sent["/ashore/status"][-1].data)["reason"] == "stopped on request")
    node.tick()
    assert "holding: stopped on request" in node.log[-1] and node.sent["/diagnostics"][-1].status[0].level == b"\x02"
    feed(node, lambda: commands[-1].points[0].velocities == [0.0, 0.0, 0.0])
    node.listeners["/ashore/reset"](Message(data=True))
    assert node.log[-1] == "reset"
    assert node.trigger_deactivate() is Return.SUCCESS and commands[-1].points[0].velocities == [0.0, 0.0, 0.0]
    assert node.trigger_cleanup() is Return.SUCCESS and node.trigger_shutdown() is Return.SUCCESS and node.finalized


@pytest.mark.parametrize("follows", [False, True])
def test_a_controller_that_says_where_it_stands_is_heard(module: Any, patient_file: Path, follows: bool) -> None:
    """The robot stands still all the time; its controller too, or it goes where it is told."""
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    node.tick()
    commands = node.sent["/joint_trajectory_controller/joint_trajectory"]
    states = node.sent["/ashore/status"]
    deadline = time.monotonic() + 20
    while not (states and json.loads(states[-1].data)["latched"]):
        assert time.monotonic() < deadline, node.log
        q = commands[-1].points[0].positions if follows and commands else [0.0] * 3
        setpoint = Message(joint_names=list(JOINTS), reference=Message(positions=list(q), velocities=[0.0] * 3))
        node.listeners["/joint_trajectory_controller/controller_state"](setpoint)
        node.listeners["/joint_states"](joint_state())
        time.sleep(0.002)
    expected = (
        "the controller follows its commands, and the robot" if follows else "commands are sent, and the controller"
    )
    assert json.loads(states[-1].data)["reason"].startswith(expected)
    assert node.trigger_shutdown() is Return.SUCCESS


def test_a_stop_given_while_it_waits_holds_until_reset(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    wanted = "stopped on request; publish true to /ashore/reset"
    node.listeners["/ashore/stop"](Message(data=True))
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    node.tick()
    assert node.log[-1] == f"waiting: {wanted}"
    assert node.trigger_activate() is Return.FAILURE and node.log[-1] == f"not activated: {wanted}"
    assert node.trigger_cleanup() is Return.SUCCESS and node.trigger_configure() is Return.SUCCESS
    node.listeners["/ashore/goal_pose"](goal())
    node.listeners["/joint_states"](joint_state())
    assert node.trigger_activate() is Return.FAILURE and node.log[-1] == f"not activated: {wanted}"
    node.listeners["/ashore/reset"](Message(data=True))
    node.listeners["/joint_states"](joint_state())
    assert node.trigger_activate() is Return.SUCCESS
    commands = node.sent["/joint_trajectory_controller/joint_trajectory"]
    feed(node, lambda: len(commands) > 5)
    assert node.trigger_shutdown() is Return.SUCCESS


def test_stop_and_reset_are_heard_reliably_and_from_best_effort_publishers(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.trigger_configure() is Return.SUCCESS
    best_effort, reliable = 1, 2  # as in the stand-ins
    assert sorted(node.reliabilities["/ashore/stop"]) == [best_effort, reliable]
    assert sorted(node.reliabilities["/ashore/reset"]) == [best_effort, reliable]


def test_a_file_or_parameter_that_cannot_be_used_fails_the_configuration(
    module: Any, tmp_path: Path, patient_file: Path
) -> None:
    assert module.PolicyNode({"policy": str(tmp_path / "none.onnx")}).trigger_configure() is Return.FAILURE
    node = module.PolicyNode({"policy": str(patient_file), "wait": -1})
    assert node.trigger_configure() is Return.FAILURE and "wait" in node.log[-1]


def test_parameters_say_what_they_are_and_their_range(module: Any) -> None:
    descriptors = module.PolicyNode({}).descriptors
    (interval,) = descriptors["rate"].floating_point_range
    assert (interval.from_value, interval.to_value) == (1.0, 2000.0) and descriptors["rate"].description.startswith(
        "Hz of"
    )
    assert {"policy", "autostart", "joint_states", "goal", "controller", "episodes", "time_limit"} <= set(descriptors)


def test_the_ros_packages_files_compile_and_set_parameters_that_exist(module: Any) -> None:
    yaml = pytest.importorskip("yaml")
    for file in (PACKAGE / "setup.py", PACKAGE / "launch" / "policy.launch.py"):
        py_compile.compile(str(file), doraise=True)
    parameters = yaml.safe_load((PACKAGE / "config" / "policy.yaml").read_text())["/ashore"]["ros__parameters"]
    node = module.PolicyNode({})
    for name, value in parameters.items():
        assert node.parameters[name] == value and type(node.parameters[name]) is type(value)


@pytest.mark.parametrize("asked", [CONFIGURE, ACTIVATE, CLEANUP, 99])
def test_a_transition_that_does_not_exist_is_refused_and_nothing_else_happens(
    module: Any, patient_file: Path, asked: int
) -> None:
    answers: list[bool] = []

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: answers.append(node.change_state(asked))
        sent = len(Arm(NODES[0]).commands)
        while len(Arm(NODES[0]).commands) < sent + 5:
            yield turn
        assert NODES[0].label == "active"
        answers.append(Arm(NODES[0]).moves)
        yield lambda node: answers.append(node.change_state(DEACTIVATE))
        answers.append(Arm(NODES[0]).holds)
        yield lambda node: node.trigger_shutdown()

    code, node = run(module, patient_file, then)
    assert code == 0 and answers == [False, True, True, True]
    assert any(f"no transition {asked} while active: refused" in line for line in node.log)


def test_autostart_that_a_manager_overtakes_does_nothing(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.change_state(CONFIGURE)
    Arm(node).sense()
    assert node.change_state(ACTIVATE)
    node.tick()
    assert node.label == "active" and node.timers[1].cancelled
    node.end()


def test_a_stop_is_heard_before_the_node_is_configured(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.listeners["/ashore/stop"](Message(data=True))
    assert node.change_state(CONFIGURE)
    Arm(node).sense()
    assert not node.change_state(ACTIVATE) and "stopped on request" in node.log[-1]
    node.end()

"""The wire is ROS 2's: names, types, bytes, discovery; and the node behaves, seen from another participant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")


from cyclonedds.core import Policy
from cyclonedds.pub import DataWriter
from cyclonedds.topic import Topic

from ashore.deploy_ros import dds
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.dds import Participant, Writer
from ashore.deploy_ros.dds_node import run_node
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.states import State
from tests.deploy_ros.dds_rig import Node, Robot, spin_until
from tests.deploy_ros.policies import JOINTS
from tests.deploy_ros.processes import PATIENCE


@pytest.mark.slow
def test_the_node_sends_trajectories_status_and_diagnostics_and_ends_with_a_hold(
    participant: Participant, patient_file: Path
) -> None:
    robot = Robot(participant)
    with Node(patient_file) as node:
        robot.spin_until(lambda: len(robot.statuses) > 70 and len(robot.diagnostics) > 1)
        node.stop.set()
        robot.spin_until(lambda: not node.thread.is_alive())
    assert node.code == 0 and node.said[-1].startswith("stopped and holding")
    first, last = robot.commands[0], robot.commands[-1]
    assert first.joint_names == list(JOINTS) and len(first.points) == 1 and ros.seconds_of(first.header.stamp) == 0.0
    assert ros.seconds_of(first.points[0].time_from_start) == 0.04
    assert first.points[0].velocities != [0.0, 0.0, 0.0] and last.points[0].velocities == [0.0, 0.0, 0.0]
    assert robot.statuses[0]["state"] == "active" and robot.statuses[-1]["state"] == "inactive"
    (status,) = robot.diagnostics[0].status
    assert (
        status.name == "ashore: policy"
        and status.level == 0
        and {v.key for v in status.values} >= {"state", "step p99 [s]"}
    )


@pytest.mark.slow
def test_a_controller_that_says_that_it_stands_still_is_named(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    robot.rejects = True
    with Node(patient_file, tracking_lag=0.2):
        robot.spin_until(lambda: robot.reason.startswith("commands are sent, and the controller stands still"))
    assert not any(robot.commands[-1].points[0].velocities)


@pytest.mark.slow
def test_a_stop_holds_until_a_reset(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    stop, reset = (participant.writer(f"/ashore/{name}", types.Bool) for name in ("stop", "reset"))

    def press(button: Writer, condition: Callable[[], bool]) -> None:
        # Repeated, as a button that is held: a first message may come before the node has found this writer.
        def pressed() -> bool:
            button.write(types.Bool(data=True))
            return condition()

        robot.spin_until(pressed)

    with Node(patient_file) as node:
        robot.spin_until(lambda: robot.reason == "following the policy")
        press(stop, lambda: robot.reason == "stopped on request" and robot.statuses[-1]["latched"])
        robot.spin_until(lambda: robot.commands[-1].points[0].velocities == [0.0, 0.0, 0.0])
        press(reset, lambda: robot.reason == "following the policy")
    assert node.code == 0 and "reset" in node.said and any("holding: stopped on request" in line for line in node.said)


@pytest.mark.slow
@pytest.mark.parametrize("reliable", [True, False])
def test_one_stop_while_the_node_waits_holds_until_a_reset(
    participant: Participant, patient_file: Path, reliable: bool
) -> None:
    robot = Robot(participant)
    reset = participant.writer("/ashore/reset", types.Bool)
    own = participant._participant
    best_effort = dds._qos(Policy.Reliability.BestEffort, Policy.Durability.Volatile, 1)
    stop = (
        participant.writer("/ashore/stop", types.Bool)._writer
        if reliable
        else DataWriter(own, Topic(own, "rt/ashore/stop", types.Bool, qos=dds._representation()), qos=best_effort)
    )

    def reset_and_look() -> bool:
        reset.write(types.Bool(data=True))
        return robot.reason == "following the policy"

    with Node(patient_file) as node:
        # A reliable writer has a reliable reader and a best-effort one, a best-effort writer the latter.
        spin_until(participant, lambda: len(stop.get_matched_subscriptions()) == 1 + reliable)
        stop.write(types.Bool(data=True))
        spin_until(participant, lambda: any(line.startswith("waiting: stopped on request") for line in node.said))
        until = time.monotonic() + 1.0
        robot.spin_until(lambda: time.monotonic() > until)
        assert node.said[-1] == "waiting: stopped on request; publish true to /ashore/reset" and not robot.commands
        robot.spin_until(reset_and_look)
    assert node.code == 0 and "reset" in node.said


@pytest.mark.slow
def test_a_forward_controller_is_driven_to_the_goal(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant, forward=True)
    with Node(patient_file, output="forward", rate=250.0, tracking_time=10.0) as node:
        robot.spin_until(lambda: np.allclose(robot.q, [0.5, -0.4, 0.3], atol=1e-3))
    assert node.code == 0 and all(len(c.data) == 3 for c in robot.commands)


@pytest.mark.slow
def test_a_node_that_finds_no_robot_gives_up_and_says_what_it_missed(
    participant: Participant, patient_file: Path
) -> None:
    with Node(patient_file, wait=0.5) as node:
        node.thread.join(PATIENCE)
    assert node.code == 1 and node.said[-1] == "gave up after 0.5 s: no joint state on /joint_states"


@pytest.mark.slow
def test_a_control_thread_that_fails_ends_the_node_and_is_reported(
    participant: Participant, patient_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_controller: Controller, _now: float) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Controller, "step", fail)
    robot = Robot(participant)
    with Node(patient_file) as node:
        robot.spin_until(lambda: not node.thread.is_alive())
    assert node.code == 3 and "out of memory" in node.said[-1]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["thread", "callback"])
def test_whatever_fails_under_way_the_robot_is_braked_and_held_before_the_node_ends(
    participant: Participant, patient_file: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    fails = threading.Event()

    def once(method: Any) -> Any:
        def wrapped(*arguments: Any) -> Any:
            if fails.is_set():
                raise RuntimeError("out of memory")
            return method(*arguments)

        return wrapped

    heard_braking: list[bool] = []
    on_joint_state = Controller.on_joint_state

    def heard(controller: Controller, *arguments: Any) -> str:
        if fails.is_set() and controller.state is State.INACTIVE:
            heard_braking.append(not controller.at_rest)
        return on_joint_state(controller, *arguments)

    monkeypatch.setattr(Controller, "on_joint_state", heard)
    name = "step" if where == "thread" else "on_goal"
    monkeypatch.setattr(Controller, name, once(getattr(Controller, name)))
    robot = Robot(participant)
    with Node(patient_file) as node:
        robot.spin_until(lambda: robot.commands and any(robot.commands[-1].points[0].velocities))
        fails.set()
        robot.spin_until(lambda: not node.thread.is_alive())
    assert node.code == 3 and any("out of memory" in line for line in node.said)
    assert robot.commands[-1].points[0].velocities == [0.0, 0.0, 0.0]
    assert any(heard_braking) or where == "thread"


@pytest.mark.slow
def test_the_last_command_is_waited_for_where_nothing_can_be_said(
    participant: Participant, patient_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[float] = []
    monkeypatch.setattr(Writer, "flush", lambda _writer, seconds: flushed.append(seconds))
    fails, ended = threading.Event(), threading.Event()

    def say(text: str) -> None:
        if "failed" in text:
            raise BrokenPipeError

    def run() -> None:
        with pytest.raises(BrokenPipeError):
            run_node(patient_file, NodeSettings(), say=say)
        ended.set()

    def on_goal(*_: Any) -> str:
        if fails.is_set():
            raise RuntimeError("out of memory")
        return original(*_)

    original = Controller.on_goal
    monkeypatch.setattr(Controller, "on_goal", on_goal)
    robot, thread = Robot(participant), threading.Thread(target=run)
    thread.start()
    robot.spin_until(lambda: robot.commands and any(robot.commands[-1].points[0].velocities))
    fails.set()
    robot.spin_until(ended.is_set)
    thread.join(PATIENCE)
    assert flushed and robot.commands[-1].points[0].velocities == [0.0, 0.0, 0.0]


class NoUtf8(types.String):
    """Of the right type, with bytes that are none of its field's."""

    def serialize(self, *_: Any, **__: Any) -> bytes:
        return b"\x00\x01\x00\x00" + b"\x02\x00\x00\x00" + b"\xff\x00"  # CDR, little-endian; length 2; no UTF-8


@pytest.mark.slow
def test_bytes_that_are_no_message_are_left_out_and_counted_and_what_came_with_them_is_heard(
    participant: Participant,
) -> None:
    heard: list[str] = []
    participant.reader("/ashore/episode", types.String, lambda message: heard.append(message.data), reliable=True)
    writer = participant.writer("/ashore/episode", types.String, depth=10)
    spin_until(participant, lambda: writer.heard)
    for message in (types.String(data="before"), NoUtf8(), NoUtf8(), types.String(data="after")):
        writer.write(message)
    spin_until(participant, lambda: "after" in heard)
    assert heard == ["before", "after"] and participant.unreadable == 2
    assert "rt/ashore/episode that cannot be read: UnicodeDecodeError" in participant.last_unreadable


@pytest.mark.slow
def test_bytes_that_are_no_message_are_said_once_however_many_come(
    participant: Participant, patient_file: Path
) -> None:
    episodes = participant.writer("/ashore/episode", types.String)
    with Node(patient_file, wait=30.0) as node:

        def write_and_look() -> bool:
            episodes.write(NoUtf8())
            return any("rt/ashore/episode that cannot be read" in line for line in node.said)

        spin_until(participant, lambda: episodes.heard)
        spin_until(participant, write_and_look)
        for _ in range(10):
            episodes.write(NoUtf8())
            participant.spin(0.02)
    assert len([line for line in node.said if "cannot be read" in line]) == 1, node.said


def test_a_patient_file_that_is_none_ends_the_node_in_one_line(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "p.onnx").write_bytes(b"nothing of the kind")
    assert run_node(tmp_path / "p.onnx", say=said.append) == 2
    assert len(said) == 1 and "not an ONNX file" in said[0]


@pytest.mark.parametrize(("name", "why"), [("report", "cannot be written"), ("record", "No such file or directory")])
def test_a_place_that_cannot_be_written_ends_the_node_before_it_starts(
    patient_file: Path, tmp_path: Path, name: str, why: str
) -> None:
    said: list[str] = []
    (tmp_path / "file").touch()
    places = {"report": str(tmp_path / "run.json"), "record": str(tmp_path / "run.mcap")}
    places[name] = str(tmp_path / ("file" if name == "report" else "absent") / "run")
    assert run_node(patient_file, NodeSettings(**places), say=said.append) == 2
    assert len(said) == 1 and why in said[0]
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]

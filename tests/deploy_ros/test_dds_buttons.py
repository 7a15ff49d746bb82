"""Stop and reset over DDS, each of which may come once; a late reset undoes no stop. And types' hashes in our user data."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("cyclonedds")

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.core import Policy as QosPolicy

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.dds_node import _Node
from ashore.deploy_ros.dds_types import HASHES
from ashore.deploy_ros.recording import Tape
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.dds_rig import Node, Robot, spin_until


def button(sent: int) -> Any:
    """A message of a stop or reset button, sent at this time, ns."""
    return SimpleNamespace(data=True, sample_info=SimpleNamespace(source_timestamp=sent))


@pytest.mark.slow
def test_a_reset_comes_through_that_is_sent_once(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    stop, reset = (participant.writer(f"/ashore/{name}", types.Bool) for name in ("stop", "reset"))
    with Node(patient_file) as node:
        robot.spin_until(lambda: robot.reason == "following the policy")
        # A reliable reader and a best-effort one each.
        robot.spin_until(lambda: all(len(w._writer.get_matched_subscriptions()) == 2 for w in (stop, reset)))
        stop.write(types.Bool(data=True))
        robot.spin_until(lambda: robot.reason == "stopped on request" and robot.statuses[-1]["latched"])
        sent = len(robot.commands)
        robot.spin_until(lambda: len(robot.commands) > sent + 20)
        reset.write(types.Bool(data=True))
        robot.spin_until(lambda: robot.reason.startswith("following the policy"))
    assert node.code == 0 and node.said.count("reset") == 1  # though two readers heard it
    assert len([line for line in node.said if line.startswith("holding")]) == 1


def test_a_reset_that_was_sent_before_the_stop_does_not_undo_it(participant: Participant, policy: Policy) -> None:
    said: list[str] = []
    node = _Node(policy, NodeSettings(), None, participant, SimpleNamespace(), said.append, Tape())  # type: ignore[arg-type]
    node._on_reset(button(10))
    node._on_stop(button(20))
    node._on_reset(button(10))  # its copy
    node._on_reset(button(15))  # one that was lost and is sent again
    assert node._controller.stopped and "sent before the stop" in said[-1]
    node._on_reset(button(25))
    assert not node._controller.stopped and said[-1] == "reset"


@pytest.mark.slow
def test_readers_and_writers_tell_their_types_hash(participant: Participant) -> None:
    participant.reader("/joint_states", types.JointState, lambda _: None)
    writer = participant.writer("/ashore/status", types.String)
    with Participant() as other:
        for topic, name, kind in (
            ("rt/joint_states", "sensor_msgs/msg/JointState", BuiltinTopicDcpsSubscription),
            ("rt/ashore/status", "std_msgs/msg/String", BuiltinTopicDcpsPublication),
        ):
            found: list[Any] = []
            endpoints = BuiltinDataReader(other._participant, kind)

            def look(found: list[Any] = found, endpoints: Any = endpoints, topic: str = topic) -> bool:
                found += [e for e in endpoints.take(100) if getattr(e, "topic_name", "") == topic]
                return bool(found)

            spin_until(other, look)
            assert writer and found[0].qos[QosPolicy.Userdata].data == f"typehash={HASHES[name]};".encode()


@pytest.mark.slow
def test_goals_that_are_refused_again_and_again_are_said_once(participant: Participant, patient_file: Path) -> None:
    robot = Robot(participant)
    with Node(patient_file, base_frame="world") as node:
        until = time.monotonic() + 1.0
        robot.spin_until(lambda: any("refused" in line for line in node.said) and time.monotonic() > until)
    assert len([line for line in node.said if line.startswith("refused: goal: in frame 'base'")]) == 1

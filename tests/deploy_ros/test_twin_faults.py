"""A twin with faults: what is published in place of what the sensors say, and when; numbers by hand."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.twin import run_twin
from ashore.deploy_ros.twin_faults import (
    JOINT_STATE,
    KINDS,
    RATE,
    Fault,
    FaultError,
    Faults,
    MotionWatch,
    read_faults,
)
from ashore.deploy_ros.twin_results import EpisodeResult, summarize
from ashore.deploy_ros.twin_topics import Topics
from tests.deploy_ros.dds_rig import Node
from tests.deploy_ros.gantry import Gantry
from tests.deploy_ros.policies import JOINTS, interface, signal

STEP = 0.01  # s between joint states


def state(k: int) -> Any:
    """The joint state at step k: all positions are k."""
    return ros.joint_state(types, JOINTS, np.full(3, float(k)), np.ones(3), 100.0 + k * STEP)


def published(fault: Fault, steps: int = 20, source: str = JOINT_STATE) -> list[tuple[int, float, float]]:
    """Of each message that comes: the step at which it does, its stamp in steps, and where it says that joint b is."""
    faults = Faults({}, 0)
    faults._drawn = [fault]
    told: list[tuple[int, float, float]] = []
    for k in range(steps):
        faults.at(k * STEP)
        for message in faults.through(source, state(k)):
            stamp = round((ros.seconds_of(message.header.stamp) - 100.0) / STEP)
            told.append((k, stamp, message.position[1]))
    return told


def fault(kind: str, begin: float, end: float, amount: float = 0.0, where: str = "b") -> Fault:
    """From and to so many steps."""
    return Fault(kind, (begin - 0.5) * STEP, (end + 0.5) * STEP, where, amount)


HEALTHY = [(k, k, k) for k in range(20)]


def test_joint_states_are_lost_while_they_are() -> None:
    assert published(fault("drop", 5, 8)) == HEALTHY[:5] + HEALTHY[9:]


def test_joint_states_that_are_late_come_all_of_them_and_out_of_order_at_the_end() -> None:
    told = published(fault("late", 5, 8, amount=2.5 * STEP))
    assert told[:5] == HEALTHY[:5]
    assert told[5:11] == [(8, 5, 5), (9, 6, 6), (9, 9, 9), (10, 7, 7), (10, 10, 10), (11, 8, 8)]
    assert told[11:] == HEALTHY[11:]


def test_joint_states_that_are_frozen_have_new_stamps_and_repeated_ones_have_not() -> None:
    assert published(fault("freeze", 5, 8)) == [*HEALTHY[:5], (5, 5, 5), (6, 6, 5), (7, 7, 5), (8, 8, 5), *HEALTHY[9:]]
    assert published(fault("repeat", 5, 8)) == [*HEALTHY[:5], (5, 5, 5), (6, 5, 5), (7, 5, 5), (8, 5, 5), *HEALTHY[9:]]


def test_encoders_that_are_off_are_so_by_a_turn_or_a_jump_or_are_not_a_number() -> None:
    wrapped = published(fault("wrap", 5, math.inf, -math.tau))
    assert wrapped == [*HEALTHY[:5], *((k, k, k - math.tau) for k in range(5, 20))]
    assert published(fault("jump", 5, 5, 0.4)) == [*HEALTHY[:5], (5, 5, 5.4), *HEALTHY[6:]]
    told = published(fault("nan", 5, 6))
    assert [k for k, _, q in told if math.isnan(q)] == [5, 6]
    assert published(fault("jump", 5, 5, 0.4, where="a")) == HEALTHY, "of another joint"


def test_what_a_camera_loses_is_not_sent_and_what_sticks_is_sent_again_as_it_was() -> None:
    assert published(fault("lose", 5, 8, where="puck"), source="puck") == HEALTHY[:5] + HEALTHY[9:]
    told = published(fault("stick", 5, 8, where="puck"), source="puck")
    assert told == [*HEALTHY[:5], (5, 5, 5), (6, 5, 5), (7, 5, 5), (8, 5, 5), *HEALTHY[9:]]
    assert published(fault("lose", 5, 8, where="puck"), source="cube") == HEALTHY


def drawn(rates: dict[str, float], seed: int, episode: int, sensors: tuple[str, ...] = ()) -> list[Fault]:
    faults = Faults(rates, seed)
    faults.begin(episode, 1000.0, JOINTS, sensors)
    faults.at(1000.0)
    return faults.end()


def test_faults_come_as_often_as_asked_and_are_those_of_the_seed_and_the_episode() -> None:
    often = drawn({"nan": 0.5}, 1, 0)
    assert len(often) == pytest.approx(500, rel=0.2) and {f.where for f in often} == set(JOINTS)
    assert often == drawn({"nan": 0.5}, 1, 0)
    assert often != drawn({"nan": 0.5}, 2, 0) and often != drawn({"nan": 0.5}, 1, 1)
    low, high = KINDS["drop"].lasts
    assert all(low <= f.end - f.begin <= high for f in drawn({"drop": 1.0}, 1, 0))
    assert len(drawn({"wrap": 5.0}, 1, 0)) == 1, "it lasts"
    assert drawn({"lose": 1.0}, 1, 0) == [] and drawn({"lose": 1.0}, 1, 0, ("puck",))[0].where == "puck"


def test_before_and_after_an_episode_nothing_goes_wrong() -> None:
    faults = Faults({"drop": 100.0}, 0)
    assert len(faults.through(JOINT_STATE, state(0))) == 1
    faults.begin(0, 5.0, JOINTS, ())
    assert len(faults.through(JOINT_STATE, state(1))) == 1
    assert faults.at(2.0) and faults.end()
    assert len(faults.through(JOINT_STATE, state(2))) == 1 and not faults.end()


def test_faults_are_read_from_text_and_what_is_none_says_what_is() -> None:
    assert read_faults("late,drop:0.5") == {"late": RATE, "drop": 0.5} and read_faults("") == {}
    for text in ("lat", "late:often", "drop:0", "drop:-1", "nan:nan", "nan:1e9"):
        with pytest.raises(FaultError, match="allowed: late, drop, freeze, repeat, nan, wrap, jump, lose, stick"):
            read_faults(text)


def test_a_watch_says_how_far_a_robot_went() -> None:
    watch = MotionWatch(interface())
    watch.look(np.array([2.01, 0.0, 0.0]), np.array([0.0, -1.2, 0.5]))  # limits: 2.0 rad; 1.5 and 1.0 rad/s
    assert (watch.beyond, watch.fastest) == (pytest.approx(0.01), pytest.approx(0.8))
    watch.begin()
    assert (watch.beyond, watch.fastest) == (0.0, 0.0)


def test_every_message_of_a_twin_goes_through_its_faults() -> None:
    """Of a robot with a puck: joint states and the puck's pose; the goal is somebody's wish, and never wrong."""
    heard: list[str] = []
    dds = SimpleNamespace(writer=lambda topic, *_, **__: SimpleNamespace(write=lambda _m: heard.append(topic)))
    face = interface(signals=(*interface().signals, signal("puck_position")))
    asked: list[str] = []

    def through(source: str, message: Any) -> list[Any]:
        asked.append(source)
        return [message, message]

    faults: Any = SimpleNamespace(through=through)
    topics = Topics(face, NodeSettings(), dds, faults)  # type: ignore[arg-type]
    assert topics.sensors == ["puck"]
    topics.publish({s.name: np.zeros(3) for s in face.signals})
    assert asked == [JOINT_STATE, "puck"]
    assert sorted(heard) == ["/ashore/goal_pose"] + 2 * ["/ashore/puck_pose"] + 2 * ["/joint_states"]


@pytest.mark.slow
def test_a_node_is_driven_through_faults_and_is_reset_after_each_episode(
    participant: Participant, patient_file: Path
) -> None:
    said: list[str] = []
    with Node(patient_file) as node:
        results = run_twin(Gantry(time_limit=1.5), 3, faults=Faults({"nan": 20.0}, 0), say=said.append)
    assert [r.index for r in results] == [0, 1, 2], said
    for result in results:
        assert result.faults and result.faults[0]["kind"] == "nan"
        assert "a value that is not finite" in result.note, "it holds, and is reset for the next"
        assert result.beyond == 0.0 and result.fastest < 1.2
    assert node.said.count("reset") >= 2, node.said
    assert "; faults: nan of " in said[-1] and "the robot stayed within its limits, its fastest joint at 0." in said[-1]


def test_a_summary_counts_faults_and_has_the_furthest_of_all() -> None:
    def result(beyond: float) -> EpisodeResult:
        wrong = ({"kind": "nan"}, {"kind": "drop"}, {"kind": "nan"})
        return EpisodeResult(0, False, "", 1.0, (), {}, 1.0, 1, 0, "", {}, wrong, 0.5, beyond)

    summary = summarize([result(0.0), result(0.2)], 2)
    assert summary["faults"] == {"drop": 2, "nan": 4} and summary["beyond"] == 0.2 and summary["fastest"] == 0.5

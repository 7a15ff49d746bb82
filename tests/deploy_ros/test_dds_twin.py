"""The twin over the wire, seen from another participant: a robot's topics, what it rejects, what it sums up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")


from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.messages import Point, Trajectory
from ashore.deploy_ros.node_remote import NodeRemote
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.twin import run_twin
from ashore.deploy_ros.twin_results import EpisodeResult, summarize
from tests.deploy_ros.dds_rig import Node, spin_until
from tests.deploy_ros.gantry import Gantry
from tests.deploy_ros.policies import JOINTS


@pytest.mark.slow
def test_a_twin_without_a_node_stands_still_and_gives_up(participant: Participant) -> None:
    said: list[str] = []
    plant = Gantry()
    assert run_twin(plant, 2, settings=NodeSettings(wait=0.8), say=said.append) == []
    assert plant.total == 0 and any("waiting for commands" in s for s in said) and "gave up" in said[-1]


@pytest.mark.slow
def test_a_twin_offers_a_robots_topics_and_says_what_it_rejects_and_that_it_is_slow(participant: Participant) -> None:
    said, results, heard = [], [], {"states": [], "goals": [], "episodes": []}  # type: ignore[var-annotated]
    participant.reader("/joint_states", types.JointState, heard["states"].append)
    participant.reader("/ashore/goal_pose", types.PoseStamped, heard["goals"].append, reliable=True, latched=True)
    participant.reader(
        "/ashore/episode",
        types.String,
        lambda m: heard["episodes"].append(json.loads(m.data)),
        reliable=True,
        latched=True,
    )
    commands = participant.writer("/joint_trajectory_controller/joint_trajectory", types.JointTrajectory)
    plant = Gantry(time_limit=0.4, slow=0.01)  # 10 ms of work for 4 ms of physics

    def run() -> None:
        results.extend(run_twin(plant, 1, say=said.append))

    twin = threading.Thread(target=run)
    twin.start()

    def commanded() -> bool:
        for position in ((0.1, 0.1, 0.1), (0.1, float("nan"), 0.1)):
            commands.write(ros.joint_trajectory(types, Trajectory(JOINTS, (Point(position, (), 0.04),))))
        return not twin.is_alive()

    spin_until(participant, commanded)
    spin_until(participant, lambda: heard["episodes"])
    (result,) = results
    assert isinstance(result, EpisodeResult) and result.failed == "time limit" and result.rejected > 0
    assert result.real_time_factor < 0.7 and "of real time" in said[-1]
    assert any("trajectory rejected: point 0 has a value that is not finite" in s for s in said)
    assert heard["episodes"][0]["index"] == 0 and heard["goals"][0].header.frame_id == "base"
    assert heard["states"][-1].name == list(JOINTS) and np.allclose(heard["states"][-1].position, 0.1, atol=0.02)
    assert summarize(results, 2)["finished"] is False and summarize(results, 1)["success"] == 0.0


def test_a_summary_has_the_means_over_the_episodes_that_were_played() -> None:
    def result(success: bool, factor: float) -> EpisodeResult:
        return EpisodeResult(0, success, "", 1.0, (0.0, 0.0, 0.0), {}, factor, 1, 0, "", {})

    summary = summarize([result(True, 1.0), result(False, 0.5)], 2)
    assert summary.pop("episodes")[1]["real_time_factor"] == 0.5
    assert summary == {"finished": True, "success": 0.5, "real_time_factor": 0.75}
    assert summarize([], 1) == {"finished": False, "success": 0.0, "real_time_factor": 0.0, "episodes": []}


class Anew(Gantry):
    """Each of its episodes begins at home."""

    starts_anew = True

    def begin_episode(self) -> Any:
        self.q = self.home.copy()
        return super().begin_episode()


@pytest.mark.slow
def test_what_somebody_else_has_stopped_the_twin_does_not_let_go_on(
    participant: Participant, patient_file: Path
) -> None:
    said: list[str] = []
    person = NodeRemote(participant)
    results: list[EpisodeResult] = []
    twin = threading.Thread(target=lambda: results.extend(run_twin(Anew(time_limit=1.5), 3, say=said.append)))
    waiting = "twin: somebody else has stopped the node; waiting for true on /ashore/reset"

    def until(condition: Callable[[], Any], ask: Callable[[], None] = lambda: None) -> None:
        def asked() -> bool:
            ask()
            return bool(condition())

        spin_until(participant, asked)

    with Node(patient_file):
        twin.start()
        until(lambda: "episode 0" in " ".join(said))
        until(lambda: person.drives and not person.latched)
        until(lambda: person.stopped, person.stop)
        until(lambda: waiting in said)
        began = len(said)
        for _ in range(20):
            participant.spin(0.02)
        assert person.stopped and len(said) == began
        until(lambda: not person.latched, person.reset)
        until(lambda: not twin.is_alive())
    assert len(results) == 3 and said.count(waiting) == 1

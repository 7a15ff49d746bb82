"""A node's process drives a twin's process over DDS on loopback; and comes to rest when anything goes wrong."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cyclonedds")

from tests.deploy_ros.processes import Process, new_domain

pytestmark = pytest.mark.slow
PATIENT = '{"tracking_time": 10.0}'  # s; a busy machine may be late
NODE, TWIN = "tests.deploy_ros.node", "tests.deploy_ros.gantry"


def outcome(twin: Process) -> dict[str, Any]:
    """What the twin prints at its end."""
    result: dict[str, Any] = json.loads(twin.wait_for('{"results"'))
    assert twin.exit_code() == 0
    return result


def test_the_policy_reaches_every_goal_through_the_twin(patient_file: Path) -> None:
    domain = new_domain()
    with (
        Process(domain, TWIN, "--episodes", "3") as twin,
        Process(domain, NODE, str(patient_file), '{"episodes": 3, "tracking_time": 10.0}') as node,
    ):
        results = outcome(twin)["results"]
        assert node.exit_code() == 0
    assert [(r["index"], r["success"], r["failed"], r["rejected"]) for r in results] == [
        (k, True, "", 0) for k in range(3)
    ]
    assert all(r["commands"] > 10 and r["world"] == {"lag": 0.03} for r in results)
    node.wait_for("stopped and holding")
    assert not any("holding: " in line for line in node.lines)


def test_a_robot_that_disappears_leaves_the_node_holding_and_saying_so(patient_file: Path) -> None:
    domain = new_domain()
    with Process(domain, TWIN, "--time-limit", "60") as twin, Process(domain, NODE, str(patient_file), PATIENT) as node:
        node.wait_for("active")
        twin.send(signal.SIGKILL)
        line = node.wait_for("holding: ")
        assert "the joint state is stale" in line and "publish true to /ashore/reset" in line
        node.send(signal.SIGTERM)
        assert node.exit_code() == 0


def test_a_node_that_is_interrupted_brakes_and_the_robot_holds(patient_file: Path) -> None:
    domain = new_domain()
    arguments = ("--time-limit", "3", "--episodes", "2", "--wait", "2")
    with Process(domain, TWIN, *arguments) as twin, Process(domain, NODE, str(patient_file), PATIENT) as node:
        node.wait_for("active")
        node.send(signal.SIGINT)
        node.wait_for("stopped and holding")
        assert node.exit_code() == 0
        result = outcome(twin)
    (episode,) = result["results"]  # none begins without a node
    assert not episode["success"] and episode["failed"] == "time limit" and "no command from" in episode["note"]
    assert any("gave up: no command" in line for line in twin.lines)


def test_a_state_that_is_not_finite_shuts_the_gate_and_says_so(patient_file: Path) -> None:
    domain = new_domain()
    arguments = ("--time-limit", "1.5", "--nan-at", "0.3")
    with Process(domain, TWIN, *arguments) as twin, Process(domain, NODE, str(patient_file), PATIENT) as node:
        assert "a value that is not finite" in node.wait_for("holding: ")
        result = outcome(twin)
        # The node keeps sending the point that it holds; and the twin hears why.
        assert not result["results"][0]["success"] and "a value that is not finite" in result["results"][0]["note"]
        assert max(map(abs, result["q"])) < 0.4
        node.send(signal.SIGINT)
        assert node.exit_code() == 0


def test_an_interrupted_twin_ends_cleanly_with_the_episodes_it_played(patient_file: Path) -> None:
    domain = new_domain()
    with Process(domain, TWIN, "--episodes", "1000") as twin, Process(domain, NODE, str(patient_file), PATIENT):
        twin.wait_for("episode 0: success")
        twin.send(signal.SIGINT)
        assert len(outcome(twin)["results"]) >= 1

"""How the ROS 2 node is set and how it ends: parameters, namespaces, limits of time, managers, resets that are late."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy_ros.fake_rclpy import ACTIVATE, CLEANUP, NODES, Executor, FakeNode, Message, Return
from tests.deploy_ros.lifecycle_rig import Arm, feed, goal, joint_state, run

COMMANDS = "/joint_trajectory_controller/joint_trajectory"


def spin(module: Any, **parameters: Any) -> int:
    """The process with nothing around it but its timers."""
    deadline = time.monotonic() + 20

    def turn(node: FakeNode) -> None:
        assert time.monotonic() < deadline, node.log
        node.tick()

    Executor.script = itertools.repeat(turn)
    return int(module.spin([], parameters))


def driving(module: Any, file: Path) -> Any:
    node = module.PolicyNode({"policy": str(file)})
    node.tick()
    Arm(node).sense()
    node.tick()
    assert node.label == "active"
    feed(node, lambda: Arm(node).moves)
    return node


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rate": 5000.0}, "5000.0"),
        ({"auto_reset": 5}, "auto_reset"),
        ({"rate": 5000}, "rate = 5000: "),
        ({"report": "/dev/null/run.json"}, "/dev/null/run.json cannot be written: /dev/null is no folder"),
        ({"record": "/dev/null/run.mcap"}, "record = '/dev/null/run.mcap': Not a directory"),
    ],
)
def test_a_parameter_that_cannot_be_used_ends_the_process_in_one_line(
    module: Any, patient_file: Path, capsys: pytest.CaptureFixture[str], wrong: dict[str, Any], why: str
) -> None:
    assert spin(module, policy=str(patient_file), **wrong) == 2
    (line,) = [*capsys.readouterr().err.splitlines(), *(line for node in NODES for line in node.log)]
    assert why in line


def test_a_whole_number_is_as_good_as_one_with_a_point(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file), "wait": 5})
    assert node.trigger_configure() is Return.SUCCESS and node.settings.wait == 5.0


def test_without_a_manager_it_ends_as_the_dds_node_does_where_it_cannot_start(
    module: Any, patient_file: Path, tmp_path: Path
) -> None:
    assert spin(module, policy=str(tmp_path / "none.onnx")) == 2
    assert spin(module, policy=str(patient_file), wait=0.05) == 1
    assert (
        NODES[-1].log[-1] == "gave up after 0.05 s: no joint state on /joint_states" and NODES[-1].label == "destroyed"
    )


@pytest.mark.parametrize("limit", [{"time_limit": 0.3}, {"episodes": 2}])
def test_its_time_and_its_episodes_may_be_limited(module: Any, patient_file: Path, limit: dict[str, Any]) -> None:
    def then(turn: Any) -> Iterator[Any]:
        for _ in range(2):
            yield lambda node: node.listeners["/ashore/episode"](Message(data="{}"))
        while True:
            yield turn

    code, node = run(module, patient_file, then, **limit)
    assert code == 0 and Arm(node).holds


def test_parameters_that_would_have_no_effect_are_refused_with_a_reason(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.set_parameter("wait", 50.0).successful
    node.tick()
    Arm(node).sense()
    node.tick()
    result = node.set_parameter("tracking_lag", 1.0)
    assert not result.successful and "tracking_lag" in result.reason and "it is active" in result.reason
    assert node.set_parameter("use_sim_time", True).successful
    node.end()


def test_what_a_manager_cleaned_up_stays_so(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.tick()
    assert node.change_state(CLEANUP)
    for _ in range(3):
        node.tick()
    assert node.label == "unconfigured" and node.exit_code is None
    assert any("by a manager" in line for line in node.log)


def test_its_own_topics_follow_its_namespace(module: Any, patient_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeNode, "namespace", "/left")
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.trigger_configure() is Return.SUCCESS
    own = {f"/left/ashore/{name}" for name in ("stop", "reset", "goal_pose", "episode", "status")}
    assert own <= {*node.listeners, *node.sent} and not any(
        t.startswith("/ashore") for t in (*node.listeners, *node.sent)
    )
    node.listeners["/left/ashore/stop"](Message(data=True))
    assert not node.change_state(ACTIVATE) and "publish true to /left/ashore/reset" in node.log[-1]


def test_the_late_copy_of_a_reset_does_not_undo_a_stop(module: Any, patient_file: Path) -> None:
    node = driving(module, patient_file)
    stop, reset = node.listeners["/ashore/stop"], node.listeners["/ashore/reset"]
    sent = itertools.count(2_000)

    def held() -> bool:
        return Arm(node).holds and bool(json.loads(node.sent["/ashore/status"][-1].data)["latched"])

    def opened() -> bool:
        reset(Message(data=True), next(sent))
        return str(node.log[-1]) == "reset"

    stop(Message(data=True), 1_000)
    feed(node, opened)
    feed(node, lambda: Arm(node).moves)
    sent = itertools.count(3_500)
    stop(Message(data=True), 3_000)
    feed(node, held)
    said = len(node.log)
    reset(Message(data=True), 2_000)  # the copy
    reset(Message(data=True), 2_500)  # one that was lost, and is sent again
    feed(node, lambda: True)
    assert held() and "sent before the stop" in node.log[-1] and len(node.log) == said + 1
    feed(node, opened)
    node.end()


def test_why_it_holds_is_said_once(module: Any, patient_file: Path) -> None:
    node = driving(module, patient_file)
    node.listeners["/ashore/stop"](Message(data=True))
    feed(node, lambda: Arm(node).holds)
    for _ in range(5):
        node.tick()
    assert len([line for line in node.log if line.startswith("holding")]) == 1
    node.end()


def test_a_driver_without_velocities_is_named_in_the_status(module: Any, patient_file: Path) -> None:
    node = driving(module, patient_file)
    deadline = time.monotonic() + 20
    while "stale" not in (reason := json.loads(node.sent["/ashore/status"][-1].data)["reason"]):
        assert time.monotonic() < deadline
        state = joint_state()
        state.velocity = []
        node.listeners["/joint_states"](state)
        node.listeners["/ashore/goal_pose"](goal())
        time.sleep(0.005)
    assert "they come without velocities, which the policy needs" in reason
    node.end()

"""The lifecycle node, on stand-ins for rclpy, drives a gripper by goals of an action, beside an arm by trajectories."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ashore.deploy_ros import gripper_goals
from ashore.deploy_ros.dds_node import run_node
from ashore.deploy_ros.groups import groups_of
from ashore.deploy_ros.messages import RoutingError
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.twin_controllers import Controllers
from tests.deploy_ros.fake_actions import ABORTED, CANCELED, SERVERS, SUCCEEDED, Server, cancel_response
from tests.deploy_ros.fake_rclpy import Message
from tests.deploy_ros.lifecycle_rig import goal, joint_state
from tests.deploy_ros.policies import INPUTS, interface, make_policy, signal
from tests.deploy_ros.recordings import replayed

NAME = "/gripper_controller/gripper_cmd"
PATIENT: dict[str, Any] = {"tracking_lag": 10.0, "tracking_time": 10.0}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy whose third joint is a gripper's."""
    *arm, finger = interface().joints
    joints = (*arm, finger.model_copy(update={"group": "gripper", "give": 1.0}))
    signals = tuple(signal(name, max_age=1.0) for name in INPUTS[:3])
    return make_policy(tmp_path_factory.mktemp("policy") / "policy.onnx", interface(joints=joints, signals=signals))


class Cell:
    """The node, an arm that follows it, and a server of the gripper's action."""

    def __init__(self, module: Any, file: Path, server: Server | None, **settings: Any) -> None:
        if server is not None:
            SERVERS[NAME] = server
        self.server = server or Server()
        own = {"policy": str(file), "gripper_output": "gripper_command"} | PATIENT | settings
        self.node = module.PolicyNode(own)
        self.q = [0.0, 0.0, 0.0]

    def until(self, condition: Callable[[], Any], finish: bool = True) -> None:
        """Turn the executor; goals that came are at once fulfilled where they are to `finish`."""
        deadline, sent = time.monotonic() + 20, self.node.sent
        while not condition():
            assert time.monotonic() < deadline, self.node.log
            self.node.tick()
            if "/joint_states" in self.node.listeners:
                self.node.listeners["/joint_states"](joint_state(self.q))
                self.node.listeners["/ashore/goal_pose"](goal())
            if points := sent.get("/joint_trajectory_controller/joint_trajectory"):
                self.q[:2] = points[-1].points[0].positions
            if finish and self.server.handles:
                self.q[2] = self.server.positions[-1]
            time.sleep(0.002)

    @property
    def status(self) -> dict[str, Any]:
        statuses = self.node.sent["/ashore/status"]
        return json.loads(statuses[-1].data) if statuses else {"reason": "", "latched": False}


def test_targets_become_goals_a_step_apart_and_the_arm_goes_on(module: Any, file: Path) -> None:
    cell = Cell(module, file, Server(), gripper_step=0.05, gripper_effort=12.0)
    cell.until(lambda: cell.q[2] > 0.2)
    positions = cell.server.positions
    assert all(b - a > 0.049 for a, b in pairwise(positions)), positions
    assert 1 < len(positions) < 12 and {g.command.max_effort for g in cell.server.goals} == {12.0}
    cell.server.end(SUCCEEDED)
    count = len(positions)
    cell.until(lambda: len(cell.server.goals) > count)
    assert "gripper" not in cell.status["reason"] and not cell.server.cancelled
    (point,) = cell.node.sent["/joint_trajectory_controller/joint_trajectory"][-1].points
    assert len(point.positions) == 2 and NAME not in cell.node.sent
    cell.node.trigger_deactivate()
    cell.node.tick()  # what was not answered before
    assert cell.server.cancelled[-1] is cell.server.handles[-1]
    cell.node.trigger_cleanup()
    assert all(client.destroyed for client in cell.node.action_clients)
    assert len(cell.node.timers) == 3, "the gripper's is gone"


def test_a_stop_cancels_what_is_under_way_and_a_reset_begins_anew(module: Any, file: Path) -> None:
    cell = Cell(module, file, Server())
    cell.until(lambda: len(cell.server.handles) > 2)
    cell.node.listeners["/ashore/stop"](Message(data=True))
    cell.until(lambda: cell.server.cancelled)
    cell.server.end(CANCELED)
    count = len(cell.server.goals)
    cell.until(lambda: cell.status["reason"] == "stopped on request" and cell.status["latched"])
    steps = cell.status["steps"]
    cell.until(lambda: cell.status["steps"] > steps + 20)
    assert len(cell.server.goals) == count and cell.server.cancelled == [cell.server.handles[-1]]
    assert "gripper" not in cell.status["reason"]
    cell.node.listeners["/ashore/reset"](Message(data=True))
    cell.until(lambda: len(cell.server.goals) > count)


def test_a_goal_that_is_accepted_after_a_stop_is_cancelled_then(
    module: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gripper_goals, "PATIENCE", 1e9)
    cell = Cell(module, file, Server(answers=False))
    cell.until(lambda: cell.server.goals)
    cell.node.listeners["/ashore/stop"](Message(data=True))
    cell.until(lambda: cell.status["reason"] == "stopped on request")
    cell.server.answer()
    cell.until(lambda: cell.server.cancelled)
    assert cell.server.cancelled == cell.server.handles


@pytest.mark.parametrize(
    ("response", "patience", "says"),
    [
        (cancel_response(1, 0), 1e9, "refuses to cancel its goal of "),
        (cancel_response(0, 0), 1e9, "refuses to cancel its goal of "),
        (None, 0.05, "gives no answer to a request to cancel its goal of "),
    ],
)
def test_a_gripper_that_is_not_cancelled_after_a_stop_is_said_and_needs_a_reset(
    module: Any, file: Path, monkeypatch: pytest.MonkeyPatch, response: Any, patience: float, says: str
) -> None:
    monkeypatch.setattr(gripper_goals, "PATIENCE", 1e9)
    cell = Cell(module, file, Server())
    cell.until(lambda: cell.server.handles)
    monkeypatch.setattr(gripper_goals, "PATIENCE", patience)
    cell.server.to_cancel = response
    cell.node.listeners["/ashore/stop"](Message(data=True))
    cell.until(lambda: says in cell.status["reason"])
    fault = f"the gripper does not do what it was told: {NAME} {says}"
    assert cell.status["reason"].startswith(f"stopped on request; {fault}") and cell.status["latched"]
    assert len([line for line in cell.node.log if says in line and "holding" not in line]) == 1, cell.node.log
    cell.server.to_cancel = cancel_response(0, 1)
    monkeypatch.setattr(gripper_goals, "PATIENCE", 1e9)

    def goes_on() -> bool:
        if "reset" not in cell.node.log:
            cell.node.listeners["/ashore/reset"](Message(data=True))  # in vain while it brakes
        return bool(cell.status["reason"].startswith("following"))

    cell.until(goes_on)


def test_an_answer_that_comes_after_a_cleanup_is_not_heeded(module: Any, file: Path) -> None:
    cell = Cell(module, file, Server(answers=False))
    cell.until(lambda: cell.server.goals)
    cell.node.trigger_deactivate()
    cell.server.answer()  # the executor has not come to it yet
    cell.node.trigger_cleanup()
    cell.node.tick()
    assert not cell.server.cancelled


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("rejects", "rejected its goal of "),
        ("aborts", "aborted its goal of "),
        ("dies", "there is no server of /gripper_controller/gripper_cmd any more"),
        ("silent", "gives no answer to its goal"),
    ],
)
def test_what_the_gripper_does_not_do_brakes_the_robot_and_is_said_once(
    module: Any, file: Path, what: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gripper_goals, "PATIENCE", 1e9)
    cell = Cell(module, file, Server(), record=str(tmp_path / "run.mcap"))
    cell.until(lambda: len(cell.server.handles) > 2)
    if what == "silent":
        monkeypatch.setattr(gripper_goals, "PATIENCE", 0.05)
    if what == "aborts":
        cell.server.end(ABORTED)
    cell.server.accepts, cell.server.answers = what != "rejects", what != "silent"
    cell.server.ready = what != "dies"
    cell.until(lambda: cell.status["latched"])
    monkeypatch.setattr(gripper_goals, "PATIENCE", 1e9)
    assert (
        cell.status["reason"].startswith("the gripper does not do what it was told: ") and says in cell.status["reason"]
    )
    steps = cell.status["steps"]
    cell.until(lambda: cell.status["steps"] > steps + 20)
    assert len([line for line in cell.node.log if says in line and "holding" not in line]) == 1, cell.node.log
    cell.server.accepts = cell.server.answers = cell.server.ready = True
    count = len(cell.server.goals)

    def goes_on() -> bool:
        if "reset" not in cell.node.log:
            cell.node.listeners["/ashore/reset"](Message(data=True))  # in vain while it brakes
        return len(cell.server.goals) > count and cell.status["reason"].startswith("following")

    cell.until(goes_on)
    cell.node.end()
    code, said = replayed(tmp_path / "run.mcap", file)
    assert code == 0 and said[0].startswith("equal to the bit: "), said


def test_a_gripper_that_holds_something_is_no_fault(module: Any, file: Path) -> None:
    cell = Cell(module, file, Server())
    cell.until(lambda: len(cell.server.handles) > 1)
    cell.server.end(ABORTED, stalled=True)
    steps = cell.status["steps"]
    cell.until(lambda: cell.status["steps"] > steps + 20)
    assert not cell.status["latched"]


def test_without_a_server_the_node_waits_and_says_for_what(module: Any, file: Path) -> None:
    cell = Cell(module, file, None)
    cell.until(lambda: f"waiting: no server of the action {NAME}" in cell.node.log)
    SERVERS[NAME] = cell.server
    cell.until(lambda: cell.server.goals)


def test_a_parallel_gripper_is_told_by_name(module: Any, file: Path) -> None:
    own = {"gripper_output": "parallel_gripper_command", "gripper_action": "/hand/gripper_cmd", "gripper_effort": 5.0}
    SERVERS["/hand/gripper_cmd"] = server = Server()
    cell = Cell(module, file, None, **own)
    cell.until(lambda: server.goals, finish=False)
    command = server.goals[-1].command
    assert (command.name, command.effort) == (["c"], [5.0]) and len(command.position) == 1


def test_a_shadow_sends_no_goals(module: Any, file: Path) -> None:
    cell = Cell(module, file, Server(), shadow=True)
    cell.until(lambda: cell.status["reason"] and cell.status["steps"] > 20)
    assert not cell.server.goals and not cell.node.action_clients


def test_where_control_msgs_has_no_such_action_it_says_what_is_allowed(module: Any, file: Path) -> None:
    sys.modules["ashore.deploy_ros.rclpy_gripper"].ACTIONS["parallel_gripper_command"] = None
    cell = Cell(module, file, Server(), gripper_output="parallel_gripper_command")
    cell.node.tick()
    assert cell.node.exit_code == 2
    assert any(
        "no ParallelGripperCommand in control_msgs; allowed: trajectory, forward, gripper_command" in x
        for x in cell.node.log
    )


def test_plain_dds_says_that_actions_need_rclpy(file: Path) -> None:
    pytest.importorskip("cyclonedds")
    said: list[str] = []
    assert run_node(file, NodeSettings(gripper_output="gripper_command"), say=said.append) == 2
    assert len(said) == 1 and said[0].startswith("gripper_output = 'gripper_command' is an action, which needs rclpy")
    face = interface(joints=tuple(j.model_copy(update={"group": "gripper"}) for j in interface().joints))
    with pytest.raises(RoutingError, match=r"one position, and the gripper has joints \['a', 'b', 'c'\]"):
        groups_of(face, NodeSettings(gripper_output="gripper_command"))
    with pytest.raises(RoutingError, match="which needs rclpy"):
        Controllers(face, NodeSettings(gripper_output="parallel_gripper_command"), file)  # type: ignore[arg-type]

"""Whatever fails in the ROS 2 shell, or whoever ends it under way: the robot is braked and held first."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy_ros.fake_rclpy import (
    ACTIVATE,
    ACTIVE_SHUTDOWN,
    CONFIGURE,
    DEACTIVATE,
    INACTIVE_SHUTDOWN,
    NODES,
    FakeNode,
    Message,
    Return,
)
from tests.deploy_ros.lifecycle_rig import FAST, Arm, Driver, run


@pytest.mark.parametrize("where", ["callback", "rclpy", "timer", "interrupt"])
def test_whatever_is_raised_the_robot_is_braked_and_held_before_the_node_ends(
    module: Any, patient_file: Path, where: str
) -> None:
    def fail(node: FakeNode) -> None:
        if where == "callback":
            node.listeners["/ashore/goal_pose"](Message())  # no pose in it: an AttributeError
        elif where == "timer":
            node.broken = lambda topic: _raise(OSError("no memory")) if topic == "/diagnostics" else None
            node.tick()
        _raise(KeyboardInterrupt() if where == "interrupt" else RuntimeError("from rclpy"))

    def then(_turn: Any) -> Iterator[Any]:
        yield fail

    if where == "interrupt":  # no ordinary exception: it leaves, after the hold
        with pytest.raises(KeyboardInterrupt):
            run(module, patient_file, then)
        node = NODES[0]
    else:
        code, node = run(module, patient_file, then)
        assert code == 3 and any("failed: " in line and "braking, then ending" in line for line in node.log)
    assert Arm(node).holds and node.finalized and node.label == "destroyed"


def test_it_brakes_and_holds_before_it_ends_where_rclpy_refuses_the_shutdown(module: Any, patient_file: Path) -> None:
    def fail(node: FakeNode) -> None:
        node.trigger_shutdown = lambda: _raise(RuntimeError("no state machine"))  # type: ignore[method-assign]
        _raise(RuntimeError("from rclpy"))

    def then(_turn: Any) -> Iterator[Any]:
        yield fail

    code, node = run(module, patient_file, then)
    assert code == 3 and Arm(node).holds and any("no orderly shutdown" in line for line in node.log)


@pytest.mark.parametrize("end", ["deactivate", "shutdown", "signal", "callback", "poison"])
def test_an_arm_that_is_blocked_while_the_node_brakes_is_not_pressed(module: Any, patient_file: Path, end: str) -> None:
    ends = {
        "deactivate": lambda node: node.change_state(DEACTIVATE),
        "shutdown": lambda node: node.change_state(ACTIVE_SHUTDOWN),
        "signal": lambda node: signal.raise_signal(signal.SIGTERM),
        "callback": lambda node: _raise(RuntimeError("from a callback")),
        "poison": lambda node: node.change_state(DEACTIVATE),  # and goals that cannot be used come while it brakes
    }
    drivers: list[Driver] = []

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: drivers.append(Driver(node, end == "poison"))
        deadline = time.monotonic() + 20
        while Arm(NODES[0]).commands[-1].points[0].velocities[0] < FAST:
            assert time.monotonic() < deadline, NODES[0].log
            yield lambda _node: time.sleep(0.002)
        yield ends[end]
        if end == "deactivate":
            yield lambda node: node.change_state(INACTIVE_SHUTDOWN)

    try:
        code, node = run(module, patient_file, then, tracking_lag=0.2)
    finally:
        drivers[0].over.set()
    assert code == (3 if end in ("callback", "poison") else 0) and node.finalized and Arm(node).holds
    assert Arm(node).commands[-1].points[0].positions == pytest.approx(drivers[0].stands, abs=0.05)


@pytest.mark.parametrize("asked", [None, DEACTIVATE, ACTIVE_SHUTDOWN])
@pytest.mark.parametrize("topic", ["trajectory", "status"])
@pytest.mark.parametrize("times", [1, 10])
def test_a_failed_control_thread_brakes_holds_and_ends_the_node(
    module: Any, patient_file: Path, times: int, topic: str, asked: int | None
) -> None:
    left = [times]

    def broken(name: str) -> None:
        if topic in name and left[0]:
            left[0] -= 1
            raise OSError("the publisher is gone")

    def then(turn: Any) -> Iterator[Any]:
        yield lambda node: setattr(node, "broken", broken)
        if asked is not None:
            yield lambda node: node.change_state(asked)

    code, node = run(module, patient_file, then)
    assert code == 3 and Arm(node).holds and node.finalized and node.label == "destroyed"
    assert not any("then ending" in line for line in node.log), "the executor raised nothing"
    assert any("the control loop failed: OSError('the publisher is gone')" in line for line in node.log)


def test_the_last_command_is_waited_for_before_its_publisher_goes(module: Any, patient_file: Path) -> None:
    def then(_turn: Any) -> Iterator[Any]:
        yield lambda node: node.change_state(ACTIVE_SHUTDOWN)

    code, node = run(module, patient_file, then)
    assert code == 0 and Arm(node).holds
    assert node.delivered["/joint_trajectory_controller/joint_trajectory"] == len(Arm(node).commands)


def test_an_activation_that_fails_half_way_has_sent_nothing(
    module: Any, patient_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    assert node.change_state(CONFIGURE)
    Arm(node).sense()
    monkeypatch.setattr(FakeNode, "on_activate", lambda *_: _raise(RuntimeError("no event")))
    assert not node.change_state(ACTIVATE) and node.label == "unconfigured" and not Arm(node).commands
    node.end()


def test_an_error_transition_that_fails_ends_the_node(
    module: Any, patient_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeNode, "on_deactivate", lambda *_: _raise(RuntimeError("no event")))
    monkeypatch.setattr(FakeNode, "on_error", lambda *_: _raise(RuntimeError("nor this")))

    def then(_turn: Any) -> Iterator[Any]:
        yield lambda node: node.change_state(DEACTIVATE)

    code, node = run(module, patient_file, then)
    assert code == 3 and Arm(node).holds and node.log[-1] == "on_error: RuntimeError('nor this')"


def test_a_transition_that_fails_half_way_is_said_and_leaves_the_node_unconfigured(
    module: Any, patient_file: Path
) -> None:
    node = module.PolicyNode({"policy": str(patient_file)})
    node.create_subscription = lambda *_: _raise(RuntimeError("no such type"))
    assert node.trigger_configure() is Return.ERROR and node.label == "unconfigured"
    assert "on_configure: RuntimeError('no such type')" in node.log
    del node.create_subscription
    assert node.trigger_configure() is Return.SUCCESS


def _raise(error: BaseException) -> None:
    raise error

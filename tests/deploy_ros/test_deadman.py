"""A robot moves while a person holds the switch: let go, it brakes; pressed again, it goes on from where it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.deadman import FRESH, DeadMan
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.dds_rig import Node, Robot
from tests.deploy_ros.fake_rclpy import Message
from tests.deploy_ros.lifecycle_rig import Arm, feed
from tests.deploy_ros.policies import DT, LIMITS
from tests.deploy_ros.rig import Rig


class Held(Rig):
    """A rig whose switch says every step what `pressed` is; None: nothing."""

    def __init__(self, policy: Policy, **settings: Any) -> None:
        super().__init__(policy, deadman="/deadman", **settings)
        self.pressed: bool | None = True

    def sense(self, **changes: Any) -> str:
        if self.pressed is not None:
            self.controller.on_deadman(self.pressed, self.now)
        return super().sense(**changes)

    def started(self) -> Held:
        super().started()
        return self

    def until_it_holds(self) -> int:
        """Steps until it does, which brake within the limits."""
        for k in range(100):
            before = self.v
            output = self.step()
            assert (np.abs(self.v - before) <= LIMITS.acceleration * DT * 1.001).all()
            if not output.velocity.any():
                return k
        raise AssertionError(output)


def test_without_the_switch_it_does_not_begin(policy: Policy) -> None:
    rig = Held(policy)
    rig.pressed = None
    rig.sense()
    rig.controller.on_goal((0.5, -0.4, 0.3), "base")
    assert rig.controller.activate(rig.now) == "the dead-man switch is not held: nothing comes on /deadman"
    rig.pressed = False
    rig.sense()
    assert rig.controller.activate(rig.now) == "the dead-man switch is not held (on /deadman)"
    rig.pressed = True
    rig.sense()
    assert rig.controller.activate(rig.now) == ""


@pytest.mark.parametrize("letting_go", [False, None])
def test_let_go_or_silent_it_brakes_and_holds(policy: Policy, letting_go: bool | None) -> None:
    rig = Held(policy).started()
    for _ in range(10):
        assert rig.step().reason in (Reason.OK, Reason.LIMITED)
    rig.pressed = letting_go
    steps = rig.until_it_holds()
    assert steps * DT < (LIMITS.velocity / LIMITS.acceleration).max() + DT + (FRESH if letting_go is None else 0.0)
    where = rig.q
    for _ in range(50):
        output = rig.step()
        np.testing.assert_array_equal(output.position, where)
        assert "the dead-man switch is not held" in output.status.reason and not output.status.latched


def test_pressed_again_it_goes_on_from_rest_where_the_robot_stands(policy: Policy) -> None:
    rig = Held(policy).started()
    for _ in range(10):
        rig.step()
    rig.pressed = False
    rig.step()
    rig.pressed = True  # while it still brakes
    rig.until_it_holds()
    rig.q = rig.q + 0.02  # somebody leant on it
    where, output = rig.q, rig.step()
    assert output.reason in (Reason.OK, Reason.LIMITED)
    assert (np.abs(output.position - where) <= LIMITS.acceleration * DT**2 * 1.001).all()
    for _ in range(200):
        output = rig.step()
    np.testing.assert_allclose(output.position, (0.5, -0.4, 0.3), atol=0.01)


def test_after_a_silence_it_takes_an_open_switch_and_a_press_or_a_reset(policy: Policy) -> None:
    rig = Held(policy).started()
    rig.pressed = None
    for _ in range(40):
        rig.step()
    where = rig.q
    rig.pressed = True  # the radio is back, and the hand may have held it all the while
    for _ in range(40):
        output = rig.step()
    np.testing.assert_array_equal(output.position, where)
    assert output.status.reason == "the dead-man switch was silent: let go and press it, or reset"
    rig.pressed = False
    rig.step()
    rig.pressed = True
    assert rig.step().reason in (Reason.OK, Reason.LIMITED)
    rig.pressed = None
    for _ in range(40):
        rig.step()
    rig.pressed = True
    rig.step()
    assert rig.controller.reset(rig.now) == ""
    assert rig.step().reason in (Reason.OK, Reason.LIMITED)


def test_an_emergency_stop_is_not_lifted_by_the_switch(policy: Policy) -> None:
    rig = Held(policy).started()
    rig.step()
    rig.pressed = False
    rig.step()
    rig.controller.stop()
    rig.pressed = True
    for _ in range(60):
        output = rig.step()
    assert output.reason is Reason.ESTOP and output.status.latched
    rig.pressed = False
    rig.step()
    assert "not held" in rig.controller.reset(rig.now)
    rig.pressed = True
    rig.step()
    assert rig.controller.reset(rig.now) == ""
    assert rig.step().reason in (Reason.OK, Reason.LIMITED)


def test_what_a_gripper_did_not_do_is_not_forgiven_by_the_switch(policy: Policy) -> None:
    """Even where it is told in the very period in which the switch is pressed again."""
    rig = Held(policy).started()
    for _ in range(10):
        rig.step()
    rig.pressed = False
    rig.until_it_holds()
    rig.pressed = True
    rig.controller.on_gripper("it rejected its goal")
    for _ in range(20):
        output = rig.step()
        assert output.reason is Reason.GRIPPER and output.status.latched
    assert rig.controller.reset(rig.now) == "" and rig.step().reason in (Reason.OK, Reason.LIMITED)


def test_the_clock_of_the_switch() -> None:
    switch = DeadMan("/deadman")
    assert "nothing comes" in switch.loose(0.0)
    switch.take(True, 1.0)
    assert switch.loose(0.99 + FRESH) == "" and "for 0.31 s" in switch.loose(1.31)
    assert DeadMan("").loose(5.0) == ""


@pytest.mark.parametrize("kind", ["Bool", "Joy"])
def test_over_dds(participant: Any, patient_file: Path, kind: str) -> None:
    robot = Robot(participant)
    switch = participant.writer("/switch", getattr(types, kind))
    pressed = [True]

    def message() -> Any:
        return types.Bool(data=pressed[0]) if kind == "Bool" else types.Joy(buttons=[1, 0, int(pressed[0])])  # type: ignore[arg-type]

    def hold(condition: Any) -> None:
        robot.spin_until(lambda: switch.write(message()) or condition())

    # A busy machine may be silent for longer than the switch may, so that only a reset goes on.
    with Node(patient_file, deadman="/switch" + (":2" if kind == "Joy" else ""), tracking_lag=5.0) as node:
        hold(lambda: len(robot.commands) > 5)
        pressed[0] = False
        hold(lambda: "switch is not held" in robot.reason and not any(robot.commands[-1].points[0].velocities))
        sent, where = len(robot.commands), robot.commands[-1].points[0].positions
        hold(lambda: len(robot.commands) > sent + 20)
        assert robot.commands[-1].points[0].positions == where
        pressed[0] = True
        hold(lambda: robot.reason.startswith("following the policy"))
    assert node.code == 0 and any("holding: the dead-man switch" in line for line in node.said), node.said


@pytest.mark.parametrize("kind", ["Bool", "Joy"])
def test_as_a_ros_node(module: Any, patient_file: Path, kind: str) -> None:
    settings = {"deadman": "/switch" + (":1" if kind == "Joy" else ""), "tracking_lag": 5.0, "tracking_time": 10.0}
    node = module.PolicyNode({"policy": str(patient_file)} | settings)
    node.tick()
    pressed = [True]

    def hold(condition: Any) -> None:
        def turn() -> Any:
            message = Message(data=pressed[0]) if kind == "Bool" else Message(buttons=[0, int(pressed[0])])
            node.listeners["/switch"](message)
            node.tick()
            return condition()

        feed(node, turn)

    def reason() -> str:
        return str(json.loads(node.sent["/ashore/status"][-1].data)["reason"]) if node.sent["/ashore/status"] else ""

    commands = Arm(node).commands
    hold(lambda: len(commands) > 5)
    pressed[0] = False
    hold(lambda: "switch is not held" in reason() and not any(commands[-1].points[0].velocities))
    assert any("holding: the dead-man switch" in line for line in node.log)
    pressed[0] = True
    hold(lambda: reason().startswith("following the policy"))
    node.end()

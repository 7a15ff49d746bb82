"""A controller starts only from a fresh, plausible state, drives, and comes to rest whatever happens."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.states import State, TransitionError
from tests.deploy_ros.policies import DT, expected_targets, interface, signal
from tests.deploy_ros.rig import GOAL, Rig


def test_a_healthy_robot_gets_the_policys_targets_and_reaches_the_goal(rig: Rig) -> None:
    rig.started()
    outputs = [rig.step() for _ in range(150)]
    signals = {"joint_position": np.zeros((150, 3)), "goal_position": np.tile(GOAL, (150, 1))}
    positions, velocities = expected_targets(signals)
    np.testing.assert_allclose([o.position for o in outputs], positions, atol=1e-6)
    np.testing.assert_allclose([o.velocity for o in outputs], velocities, atol=1e-5)
    assert {o.reason for o in outputs} == {Reason.OK}
    np.testing.assert_allclose(rig.q, GOAL, atol=1e-3)


def test_joints_may_come_in_any_order_among_others(rig: Rig, policy: Policy) -> None:
    other = Rig(policy).started()
    rig.started()
    for _ in range(20):
        names, order = ("c", "x", "a", "b"), [2, 0, 1]
        q, v = np.insert(rig.q[order], 1, 9.0), np.insert(rig.v[order], 1, 9.0)
        np.testing.assert_array_equal(rig.step(names=names, position=q, velocity=v).position, other.step().position)


def test_activation_is_refused_without_what_it_needs(rig: Rig) -> None:
    refused = rig.controller.activate
    assert refused(rig.now) == "no joint state on /joint_states"
    rig.sense(names=("a", "b"), position=(0, 0), velocity=(0, 0))
    assert "no joint ['c']; the message has ['a', 'b']" in refused(rig.now)
    rig.sense()
    assert refused(rig.now) == "no goal on /ashore/goal_pose"
    rig.controller.on_goal(GOAL, "")
    assert "stale" in refused(rig.now + 0.2)
    rig.now += 0.01
    rig.sense(position=(0.0, np.nan, 0.0))
    assert "not finite" in refused(rig.now)
    rig.now += 10.0
    rig.sense(position=(0.0, 0.0, 1.5))
    assert refused(rig.now) == "c is at 1.500, outside its limits [-1.000, 1.000]"
    rig.now += 10.0
    rig.sense(velocity=(0.0, 0.5, 0.0))
    assert "b is moving at 0.500" in refused(rig.now)
    assert rig.controller.state is State.INACTIVE and rig.controller.step(rig.now) is None
    rig.now += 10.0
    rig.sense(position=(0.0, 0.0, 1.005))  # outside by less than 1 % of the range
    assert refused(rig.now) == ""


def test_goals_that_cannot_be_meant_are_refused_and_the_goal_before_stays(rig: Rig) -> None:
    rig.started()
    on_goal = rig.controller.on_goal
    assert "goal: in frame 'world'; allowed: 'base'" in on_goal((0, 0, 0), "world")
    for goal in [(0, 0), (0, 0, np.nan), (0, np.inf, 0), (1e6, 0, 0)]:
        assert "allowed: 3 finite values" in on_goal(goal, "base")
    for _ in range(150):
        rig.step()
    np.testing.assert_allclose(rig.q, GOAL, atol=1e-3)
    assert rig.controller.refusals.count == 5


def test_a_new_goal_is_followed_at_once_and_goals_do_not_go_stale(rig: Rig) -> None:
    rig.started()
    for _ in range(300):
        rig.step()
    assert rig.controller.on_goal((-0.5, 0.0, 0.0), "/base") == ""
    for _ in range(200):
        assert rig.step().reason is Reason.OK
    np.testing.assert_allclose(rig.q, [-0.5, 0, 0], atol=1e-3)


def test_velocities_that_are_missing_are_refused_as_the_policy_needs_them(rig: Rig) -> None:
    assert "they come without velocities, which the policy needs" in rig.sense(velocity=())


def test_a_robot_that_moves_is_no_start_for_a_policy_that_needs_no_velocities() -> None:
    signals = (signal("joint_position"), signal("goal_position"))
    face = interface(signals=signals)
    contract = SimpleNamespace(interface=face, settings={}, trained_on=())
    rig = Rig(Broken(SimpleNamespace(contract=contract, initial_memory=None), None))  # type: ignore[arg-type]
    rig.controller.on_goal(GOAL, "base")
    rig.sense(velocity=(0.0, 0.5, 0.0))
    assert "b is moving at 0.500" in rig.controller.activate(rig.now)
    rig.sense(velocity=())
    rig.now += DT
    rig.sense(velocity=(), position=(0.0, 0.0, 0.01))  # 0.5 rad/s
    assert "c is moving at 0.500" in rig.controller.activate(rig.now)


def test_a_target_that_waits_is_what_the_policy_remembers(rig: Rig) -> None:
    rig.started()
    for _ in range(8):
        rig.now += DT
        rig.sense()
        output = rig.controller.step(rig.now)  # the robot does not move
    assert output is not None and output.reason is Reason.LIMITED
    np.testing.assert_array_equal(rig.controller._policy_memory["target"], output.position.astype(np.float32))
    np.testing.assert_array_equal(rig.controller._policy_memory["target_velocity"], output.velocity.astype(np.float32))


def test_it_brakes_without_a_policy(rig: Rig) -> None:
    assert rig.controller.brake(rig.now) is None
    rig.started()
    before = [rig.step() for _ in range(10)][-1].command
    rig.controller.policy = None  # type: ignore[assignment]
    while not rig.controller.at_rest:
        rig.now += DT
        rig.sense()
        command = rig.controller.brake(rig.now)
        assert command is not None and (np.abs(command.velocity) <= np.abs(before.velocity)).all()
        rig.q, rig.v, before = command.position, command.velocity, command


def test_a_state_without_a_stamp_is_fresh(rig: Rig) -> None:
    rig.started()
    for _ in range(20):
        assert rig.step(stamp=0.0).reason is Reason.OK


def test_deactivation_brakes_then_holds_and_activation_goes_on_from_there(rig: Rig) -> None:
    rig.started()
    for _ in range(10):
        rig.step()
    assert not rig.controller.at_rest
    rig.controller.deactivate()
    assert rig.controller.activate(rig.now) != ""
    outputs = [rig.step() for _ in range(30)]
    assert {o.reason for o in outputs} == {Reason.NO_COMMAND} and rig.controller.at_rest
    speeds = [np.abs(o.velocity).max() for o in outputs]
    assert all(a >= b for a, b in pairwise(speeds)) and outputs[0].status.state == "inactive"
    assert rig.controller.activate(rig.now) == "" and rig.step().reason is Reason.OK


def test_states_change_as_in_managed_nodes(policy: Policy) -> None:
    controller = Controller()
    assert controller.state is State.UNCONFIGURED
    with pytest.raises(TransitionError, match=r"activate while unconfigured; allowed: \['inactive'\]"):
        controller.activate(0.0)
    assert "while unconfigured" in controller.on_goal(GOAL, "") and "while unconfigured" in controller.reset(0.0)
    controller.configure(policy)
    with pytest.raises(TransitionError):
        controller.deactivate()
    controller.cleanup()
    controller.configure(policy)
    assert "no joint state" in controller.missing(0.0)
    controller.shutdown()
    assert controller.state is State.FINALIZED
    with pytest.raises(TransitionError):
        controller.configure(policy)


class Broken:
    """A policy whose graph fails or answers nonsense."""

    def __init__(self, policy: Policy, answer: Any) -> None:
        self.contract, self.initial_memory, self.answer = policy.contract, policy.initial_memory, answer

    def step(self, _signals: Any, memory: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, self.answer, memory


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (RuntimeError("no memory"), Reason.COMMAND_NOT_FINITE),
        (np.array([0.0, np.nan, 0.0]), Reason.COMMAND_NOT_FINITE),
        (np.zeros(2), Reason.COMMAND_LENGTH),
    ],
)
def test_a_policy_that_fails_moves_nothing(policy: Policy, answer: Any, reason: Reason) -> None:
    rig = Rig(Broken(policy, answer)).started()  # type: ignore[arg-type]
    for _ in range(5):
        output = rig.step()
        assert output.reason is reason and not output.position.any() and not output.velocity.any()


def test_the_status_is_json_that_says_what_is_going_on(rig: Rig) -> None:
    rig.started()
    rig.controller.overran(2)
    status = json.loads(rig.step().status.to_json())
    latency = status.pop("latency")
    assert 0 < latency < 1 and rig.controller.latency()[2] == latency
    assert status == {
        "state": "active",
        "mode": "policy",
        "reason": "following the policy",
        "latched": False,
        "steps": 1,
        "skipped": 2,
        "refused": 0,
        "state_age": 0.0,
    }


def test_messages_that_are_no_numbers_are_refused_with_a_reason(rig: Rig) -> None:
    rig.started()
    for position in ((0.0, 10**400, 0.0), ("0", "0", "0"), (0.0, None, 0.0), ((0.0,), 0.0, 0.0), "abc"):
        assert rig.sense(position=position, stamp=0.0) == rig.controller.refusals.last
        assert rig.controller.refusals.last.startswith("joint state: position is no list of numbers")
    assert "velocity is no list of numbers" in rig.sense(velocity=(0.0, -(10**400), 0.0), stamp=0.0)
    for goal in (("a", "b", "c"), ("1", "2", "3"), (10**400, 0, 0), (None,) * 3, ((0.0,), 0.0, 0.0), "abc", object()):
        assert "goal: position is no list of numbers" in rig.controller.on_goal(goal, "base")  # type: ignore[arg-type]
    assert rig.controller.refusals.count == 13
    assert rig.step().reason is Reason.OK

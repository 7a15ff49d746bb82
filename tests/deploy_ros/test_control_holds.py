"""What makes the controller hold - a stop, a stale state - and what lets it go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.states import State
from tests.deploy_ros.policies import DT
from tests.deploy_ros.rig import GOAL, Rig


def test_a_stale_state_holds_until_reset(rig: Rig) -> None:
    rig.started()
    for _ in range(10):
        rig.step()
    output = rig.run_until(Reason.STALE, sense=False)
    assert output.status.latched and "stale (0.1" in output.status.reason
    for _ in range(50):
        output = rig.step()
        assert output.reason is Reason.STALE
    assert not output.velocity.any()
    assert rig.controller.reset(rig.now) == ""
    assert rig.step().reason is Reason.OK
    for _ in range(150):
        rig.step()
    np.testing.assert_allclose(rig.q, GOAL, atol=1e-3)


def test_a_reset_does_not_undo_a_stop_that_no_step_has_seen(rig: Rig) -> None:
    """Latched for another reason and at rest, a reset and a stop may be handled in one spin, in either order."""
    rig.started()
    for _ in range(10):
        rig.step()
    rig.run_until(Reason.STALE, sense=False)
    for _ in range(50):
        rig.step()
    rig.controller.stop()
    assert rig.controller.reset(rig.now) == "still braking" and rig.controller.stopped
    assert rig.step().reason is Reason.ESTOP
    assert rig.controller.reset(rig.now) == "" and rig.step().reason is Reason.OK


def test_reset_is_refused_while_braking_or_without_a_fresh_state(rig: Rig) -> None:
    rig.started()
    assert rig.controller.reset(rig.now) == ""
    for _ in range(10):
        rig.step()
    rig.controller.stop()
    assert rig.controller.reset(rig.now) == "still braking"
    assert rig.step().reason is Reason.ESTOP
    assert rig.controller.reset(rig.now) != ""
    for _ in range(50):
        assert rig.step(sense=False).reason is Reason.ESTOP
    assert "stale" in rig.controller.reset(rig.now)
    rig.sense()
    assert rig.controller.reset(rig.now) == "" and rig.step().reason is Reason.OK


def test_a_stop_before_activation_holds_until_reset(rig: Rig) -> None:
    rig.controller.stop()
    wanted = "stopped on request; publish true to /ashore/reset"
    assert rig.controller.stopped and rig.controller.missing(rig.now) == wanted
    rig.sense()
    rig.controller.on_goal(GOAL, "base")
    assert rig.controller.activate(rig.now) == wanted and rig.controller.state is State.INACTIVE
    assert rig.controller.step(rig.now) is None
    assert rig.controller.reset(rig.now) == "" and not rig.controller.stopped
    assert rig.controller.reset(rig.now) == "reset while inactive"
    assert rig.controller.activate(rig.now) == "" and rig.step().reason is Reason.OK


def test_a_stop_outlives_deactivation_and_cleanup(rig: Rig, policy: Policy) -> None:
    rig.started()
    for _ in range(10):
        rig.step()
    rig.controller.stop()
    rig.step()
    rig.controller.deactivate()
    assert rig.controller.reset(rig.now) == "still braking"
    for _ in range(30):
        output = rig.step()
        assert output.reason is Reason.ESTOP
    assert not output.velocity.any() and "stopped on request" in rig.controller.activate(rig.now)
    rig.controller.cleanup()
    rig.controller.configure(policy)
    rig.sense()
    rig.controller.on_goal(GOAL, "base")
    assert "stopped on request" in rig.controller.activate(rig.now)
    assert rig.controller.reset(rig.now) == "" and rig.controller.activate(rig.now) == ""
    assert rig.step().reason is Reason.OK


def test_a_stop_between_deactivation_and_activation_holds(rig: Rig) -> None:
    rig.started()
    rig.controller.deactivate()
    rig.controller.stop()
    assert "stopped on request" in rig.controller.activate(rig.now)
    assert rig.controller.reset(rig.now) == "" and rig.controller.activate(rig.now) == ""


def test_auto_reset_goes_on_after_a_stale_state_only(policy: Policy) -> None:
    rig = Rig(policy, auto_reset=True).started()
    for _ in range(10):
        rig.step()
    rig.run_until(Reason.STALE, sense=False)
    for _ in range(20):
        rig.step(sense=False)
    assert rig.step().reason is Reason.OK
    rig.controller.stop()
    for _ in range(50):
        assert rig.step().reason is Reason.ESTOP


def test_auto_reset_does_not_forgive_a_gripper(policy: Policy) -> None:
    """What the gripper did not do, told while a stale state holds the robot, is still there when states come again."""
    rig = Rig(policy, auto_reset=True).started()
    for _ in range(10):
        rig.step()
    rig.run_until(Reason.STALE, sense=False)
    rig.controller.on_gripper("it rejected its goal")
    for _ in range(50):
        assert rig.step().status.latched
    assert rig.controller.reset(rig.now) == "" and rig.step().reason is Reason.OK


def test_auto_reset_takes_no_frozen_state_for_a_fresh_one(policy: Policy) -> None:
    rig = Rig(policy, auto_reset=True).started()
    for _ in range(10):
        rig.step()
    frozen: dict[str, Any] = {"position": rig.q, "velocity": np.zeros(3), "stamp": rig.now}
    rig.step(**frozen)
    reasons = [rig.step(**frozen).reason for _ in range(100)]
    assert set(reasons[reasons.index(Reason.STALE) :]) == {Reason.STALE}
    assert "not after" in rig.controller.refusals.last
    assert "stale" in rig.controller.reset(rig.now)


def test_one_state_that_is_not_finite_is_seen_even_if_a_sound_one_follows(rig: Rig) -> None:
    rig.started()
    for _ in range(10):
        rig.step()
    rig.now += DT
    rig.sense(position=(0.0, np.nan, 0.0))
    rig.now += 0.001
    rig.sense()
    assert rig.step(sense=False).reason is Reason.STATE_NOT_FINITE
    for _ in range(50):
        output = rig.step()
    assert output.reason is Reason.STATE_NOT_FINITE and not output.velocity.any()
    assert rig.controller.reset(rig.now) == ""


def test_a_partial_joint_state_is_ignored_and_counted_until_it_is_stale(rig: Rig) -> None:
    rig.started()
    rig.now += DT
    assert "no joint ['c']" in rig.sense(names=("a", "b"), position=(0, 0), velocity=(0, 0))
    assert rig.controller.refusals.count == 1 and rig.controller.step(rig.now).reason is Reason.OK  # type: ignore[union-attr]
    rig.run_until(Reason.STALE, sense=False)


def test_repeated_or_backward_stamps_are_no_fresh_state(rig: Rig) -> None:
    rig.started()
    rig.step()
    old = rig.now
    for _ in range(20):
        output = rig.step(stamp=old)
    assert output.reason is Reason.STALE and "not after" in rig.controller.refusals.last
    # Once it holds, a robot whose clock was set back may be taken up again.
    rig.step(stamp=5.0)
    assert rig.controller.reset(rig.now) == "" and rig.step(stamp=5.0 + DT).reason is Reason.OK


def test_what_a_policy_raises_is_named_and_of_that_step_alone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.started()
    rig.step()
    cause = Reason.COMMAND_NOT_FINITE.value

    def fail(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    def nowhere(*_: Any) -> Any:
        nothing = np.full(3, np.nan)
        return nothing, nothing, {}

    for policy_step, text in ((fail, f"{cause}: the policy failed: out of memory"), (nowhere, cause)):
        with monkeypatch.context() as patch:
            patch.setattr(rig.controller.policy, "step", policy_step)
            for _ in range(60):
                assert rig.step().status.reason == text
        assert rig.controller.reset(rig.now) == "" and rig.step().reason is Reason.OK


def test_a_hold_keeps_the_cause_that_it_began_with(rig: Rig) -> None:
    """An encoder wraps; what is refused after it is of that, and says less."""
    rig.started()
    for _ in range(10):
        rig.step()
    reasons = []
    for k in range(40):
        rig.now += DT
        off = np.array([2 * np.pi if k < 20 or (k < 30 and k % 2) else 0.0, 0.0, 0.0])
        rig.sense(position=rig.q + off)
        output = rig.controller.step(rig.now)
        assert output is not None
        rig.q, rig.v = output.position, output.velocity
        if output.reason is Reason.STALE:
            reasons.append(output.status.reason)
    assert len(reasons) > 20 and "they contradict each other" in rig.controller.refusals.last
    assert all("does its encoder wrap" in reason for reason in reasons), reasons[-1]

"""Every rule of the gate, by injecting its fault."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import LONGEST_GAP, Command, Gate
from tests.deploy_ros.gate_rig import (
    GATE,
    HOME,
    assert_brakes_holds_and_latches,
    assert_reachable,
    command,
    measured,
    moving,
    seeded,
)
from tests.deploy_ros.policies import DT, INPUTS, LIMITS, interface, signal


def test_a_policys_own_targets_pass_unchanged_but_for_their_rounding(policy: Policy) -> None:
    random = np.random.default_rng(3)
    q = HOME
    memory = GATE.seed(measured(q), 0.0)
    signals = {"joint_position": q, "joint_velocity": np.zeros(3), "goal_position": np.zeros(3)}
    policy_memory = policy.initial_memory(signals)
    for k in range(1, 3001):
        if k % 40 == 1:  # far beyond the limits too: then the graph brakes at them
            signals["goal_position"] = random.uniform(-3, 3, 3)
        now = k * DT
        position, velocity, policy_memory = policy.step(signals, policy_memory)
        memory, safe, reason = GATE(memory, Command(position, velocity), measured(q, now), now)
        assert reason is Reason.OK
        np.testing.assert_allclose(safe.position, position, rtol=0, atol=5e-7)
        np.testing.assert_allclose(safe.velocity, velocity, rtol=0, atol=2.5e-5)
        policy_memory["target"] = safe.position.astype(np.float32)  # as the node does
        policy_memory["target_velocity"] = safe.velocity.astype(np.float32)
        q = signals["joint_position"] = safe.position


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["position", "velocity"])
def test_one_joint_that_is_not_finite_moves_none(bad: float, where: str) -> None:
    memory = seeded()
    values = np.array([0.2, bad, 0.5])
    wrong = command(values) if where == "position" else command([0.2, 0.0, 0.5], values)
    memory, safe, reason = GATE(memory, wrong, measured(time=DT), DT)
    assert reason is Reason.COMMAND_NOT_FINITE
    np.testing.assert_array_equal(safe.position, HOME)
    assert not safe.velocity.any()
    assert_brakes_holds_and_latches(memory, Reason.COMMAND_NOT_FINITE)


@pytest.mark.parametrize("length", [0, 2, 4])
def test_a_command_of_wrong_length_moves_none(length: int) -> None:
    memory = moving()
    now = memory.time + DT
    memory, _, reason = GATE(memory, command(np.ones(length), np.ones(length)), measured(memory.position, now), now)
    assert reason is Reason.COMMAND_LENGTH
    assert_brakes_holds_and_latches(memory, Reason.COMMAND_LENGTH)


def test_a_jump_is_limited_in_velocity_and_acceleration_and_said_so() -> None:
    memory, safe, reason = GATE(seeded(), command([2.0, -1.5, 1.0]), measured(time=DT), DT)
    assert reason is Reason.LIMITED and memory.latched is None
    # From rest, one step of 8 rad/s^2 * 0.02 s = 0.16 rad/s, over 0.02 s: 0.0032 rad.
    np.testing.assert_allclose(safe.velocity, [0.16, -0.16, 0.16])
    np.testing.assert_allclose(safe.position, HOME + np.array([0.0032, -0.0032, 0.0032]))
    top = np.zeros(3)
    for k in range(2, 60):
        memory, safe, _ = GATE(memory, command([2.0, -1.5, 1.0]), measured(memory.position, k * DT), k * DT)
        top = np.maximum(top, np.abs(safe.velocity))
    np.testing.assert_allclose(top[:2], LIMITS.velocity[:2])


def test_a_target_beyond_the_position_limits_ends_at_them() -> None:
    memory = seeded()
    for k in range(1, 400):
        memory, safe, _ = GATE(memory, command([9.0, -9.0, 1e308]), measured(memory.position, k * DT), k * DT)
        assert (safe.position >= LIMITS.low).all() and (safe.position <= LIMITS.high).all()
    np.testing.assert_allclose(safe.position, [2.0, -1.5, 1.0], atol=1e-3)


def test_a_stale_state_brakes_holds_and_latches() -> None:
    memory = moving()
    while memory.latched is None:
        now = memory.time + DT
        last = 5 * DT
        memory, _, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(memory.position, last), now)
        assert (reason is Reason.STALE) == (now - last > GATE.max_age)
    assert_brakes_holds_and_latches(memory, Reason.STALE)


def test_no_state_at_all_is_stale() -> None:
    memory, _, reason = GATE(moving(), command(HOME), None, 6 * DT)
    assert reason is Reason.STALE
    assert_brakes_holds_and_latches(memory, Reason.STALE)


@pytest.mark.parametrize("field", ["position", "velocity"])
def test_a_state_that_is_not_finite_brakes_holds_and_latches(field: str) -> None:
    memory = moving()
    now = memory.time + DT
    bad = np.array([0.0, np.nan, 0.0])
    state = measured(memory.position, now)
    state = state._replace(position=bad) if field == "position" else state._replace(velocity=bad)
    memory, _, reason = GATE(memory, command([2.0, 1.5, 1.0]), state, now)
    assert reason is Reason.STATE_NOT_FINITE
    assert_brakes_holds_and_latches(memory, Reason.STATE_NOT_FINITE)


def test_a_state_of_wrong_length_brakes_holds_and_latches() -> None:
    memory = moving()
    now = memory.time + DT
    memory, _, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(np.zeros(2), now), now)
    assert reason is Reason.STATE_LENGTH
    assert_brakes_holds_and_latches(memory, Reason.STATE_LENGTH)


def test_a_robot_that_does_not_move_is_found_within_0_2_s_and_held_where_it_is() -> None:
    memory, reason, k = seeded(), Reason.OK, 0
    while not reason.latches:
        k += 1
        memory, safe, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(HOME, k * DT), k * DT)
        # Until it is seen to move, a target is no further away than a point's 0.04 s allow from rest.
        assert (1.5 * np.abs(safe.position + safe.velocity * DT - HOME) <= LIMITS.velocity * 2 * DT).all()
    assert reason is Reason.STALLED and k * DT <= 0.2
    np.testing.assert_array_equal(safe.position, HOME)
    assert_reachable(safe, HOME)
    assert_brakes_holds_and_latches(memory, Reason.STALLED, stands=HOME)


@pytest.mark.parametrize("joint", [0, 1, 2])
def test_one_joint_that_is_blocked_under_way_is_found_and_held_where_it_is(joint: int) -> None:
    memory, reason = moving(), Reason.OK
    q = memory.position.copy()
    since = memory.time
    while not reason.latches:
        now = memory.time + DT
        q = np.where(np.arange(3) == joint, q, memory.position)
        before = memory
        memory, safe, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(q, now), now)
    # The lag of 0.2 s, and what the target first goes on by.
    assert reason is Reason.STALLED and memory.time - since <= 0.26
    assert safe.position[joint] == q[joint]
    assert_reachable(safe, before.position, q)
    assert_brakes_holds_and_latches(memory, Reason.STALLED, stands=q)


def test_a_target_waits_for_a_robot_that_is_slow_and_then_latches_where_that_can_stop() -> None:
    memory, reason, k = seeded(), Reason.OK, 0
    q, pace = HOME.copy(), 0.3 * LIMITS.velocity
    waits = None
    while not reason.latches:
        k += 1
        memory, safe, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(q, k * DT, pace), k * DT)
        ahead = memory.position - q
        # 0.2 s of lag and 0.04 s of a point's time at the velocity limit, and the step to come.
        assert (ahead <= 0.241 * LIMITS.velocity + pace * DT).all()
        if waits is None and (ahead >= 0.235 * LIMITS.velocity).any():
            waits = k * DT
        q = q + pace * DT
    assert reason is Reason.TRACKING and waits is not None and k * DT - waits == pytest.approx(0.5, abs=4 * DT)
    # From 0.3 v it stops within (0.3 v)^2 / 2a.
    np.testing.assert_allclose(safe.position, q - pace * DT + pace**2 / (2 * LIMITS.acceleration))
    assert memory.put_back and not memory.at_rest


def test_a_robot_that_is_behind_for_a_moment_is_no_fault() -> None:
    memory, path = seeded(), [HOME]
    for k in range(1, 200):
        late = 15 if (k // 20) % 2 else 2  # by 0.3 s for 0.4 s, then by 0.04 s
        behind = path[max(0, len(path) - late)]
        memory, _, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(behind, k * DT), k * DT)
        path.append(memory.position)
        assert not reason.latches


def test_a_glitch_of_the_encoders_moves_no_target() -> None:
    memory = moving()
    for k in range(20):
        now = memory.time + DT
        before = memory
        q = memory.position + (1.5 if k == 5 else 0.0)
        memory, safe, _ = GATE(memory, None, measured(q, now), now)
        np.testing.assert_allclose(safe.position, before.position + safe.velocity * DT, atol=1e-6)


def test_a_stop_on_request_goes_before_everything_and_latches() -> None:
    memory = moving()
    now = memory.time + DT
    memory, _, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(memory.position, now), now, stop=True)
    assert reason is Reason.ESTOP
    assert_brakes_holds_and_latches(memory, Reason.ESTOP)
    stale, _, _ = GATE(moving(), None, None, 6 * DT)
    _, _, reason = GATE(stale, None, None, 7 * DT, stop=True)
    assert reason is Reason.ESTOP


@pytest.mark.parametrize("jump", [-1e-3, -1e9, LONGEST_GAP + 0.01, 1e9, np.nan, np.inf, -np.inf])
def test_a_clock_that_goes_backwards_or_jumps_brakes_holds_and_latches(jump: float) -> None:
    memory = moving()
    now = memory.time + jump
    memory, _, reason = GATE(memory, command([2.0, 1.5, 1.0]), measured(memory.position, now), now)
    assert reason is Reason.CLOCK and np.isfinite(memory.time)
    assert_brakes_holds_and_latches(memory, Reason.CLOCK)


def test_a_long_control_period_is_no_jump_of_the_clock() -> None:
    gate = Gate.of(interface(control_dt=0.6, signals=tuple(signal(n, max_age=1.5) for n in INPUTS[:3])))
    measured = Measured(np.zeros(3), np.zeros(3), 0.0)
    memory = gate.seed(measured, 0.0)
    still = Command(np.zeros(3), np.zeros(3))
    memory, _, reason = gate(memory, still, measured._replace(time=0.6), 0.6)
    assert reason is Reason.OK
    assert gate(memory, still, measured._replace(time=2.2), 2.2)[2] is Reason.CLOCK


def test_a_state_from_the_future_is_a_fault_of_the_clock() -> None:
    memory, _, reason = GATE(moving(), command(HOME), measured(HOME, 1.0), 6 * DT)
    assert reason is Reason.CLOCK
    assert_brakes_holds_and_latches(memory, Reason.CLOCK)


def test_without_a_command_it_brakes_and_holds_but_does_not_latch() -> None:
    memory = moving()
    while not memory.at_rest:
        now = memory.time + DT
        memory, _, reason = GATE(memory, None, measured(memory.position, now), now)
        assert reason is Reason.NO_COMMAND and memory.latched is None
    memory, _, reason = GATE(memory, command(memory.position), measured(memory.position, now + DT), now + DT)
    assert reason is Reason.OK


def test_reset_opens_only_at_rest_and_with_a_fresh_finite_state() -> None:
    shut, _, _ = GATE(moving(), None, None, 6 * DT)
    now = 7 * DT
    assert GATE.reset(shut, measured(HOME, now), now) == (shut, Reason.BRAKING)
    while not shut.at_rest:
        now += DT
        shut, _, _ = GATE(shut, None, None, now)
    assert GATE.reset(shut, None, now) == (shut, Reason.STALE)
    assert GATE.reset(shut, measured(HOME, now - 0.2), now) == (shut, Reason.STALE)
    assert GATE.reset(shut, measured([0, np.nan, 0], now), now)[1] is Reason.STATE_NOT_FINITE
    assert GATE.reset(shut, measured([0, 0], now), now)[1] is Reason.STATE_LENGTH
    opened, reason = GATE.reset(shut, measured(HOME, now), now)
    assert reason is Reason.OK and opened.latched is None
    np.testing.assert_array_equal(opened.position, HOME)


def test_a_seed_a_little_outside_the_limits_is_brought_inside_at_legal_speed() -> None:
    outside = LIMITS.high + 0.01
    memory = GATE.seed(measured(outside), 0.0)
    before = outside
    for k in range(1, 100):
        memory, safe, _ = GATE(memory, command(LIMITS.high), measured(memory.position, k * DT), k * DT)
        assert (np.abs(safe.position - before) <= LIMITS.velocity * DT + 1e-9).all()
        before = safe.position
    assert (memory.position <= LIMITS.high + 1e-9).all()


# Values that no healthy robot sends, beside ordinary ones.

"""What holds of the gate whatever comes in, and that a healthy robot's targets pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.gate_rig import (
    GATE,
    assert_reachable,
    command,
    measured,
    seeded,
)
from tests.deploy_ros.policies import DT, LIMITS

NUMBER = st.one_of(
    st.floats(-3, 3), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1e300, -1e300])
)
VECTOR = st.one_of(
    st.lists(st.floats(-2.5, 2.5), min_size=3, max_size=3),
    st.lists(NUMBER, min_size=3, max_size=3),
    st.lists(NUMBER, max_size=5),
)
STEP = st.fixed_dictionaries(
    {
        "command": st.one_of(st.none(), st.tuples(VECTOR, VECTOR)),
        "state": st.one_of(st.none(), st.tuples(VECTOR, VECTOR)),
        "follows": st.booleans(),
        "age": st.one_of(st.just(0.0), st.floats(-0.2, 0.3)),
        "dt": st.one_of(st.just(DT), NUMBER),
        "stop": st.sampled_from([False] * 9 + [True]),
    }
)


@settings(max_examples=300, deadline=None)
@given(
    start=st.lists(st.floats(0, 1), min_size=3, max_size=3), steps=st.lists(STEP, max_size=25), healthy=st.booleans()
)
def test_whatever_comes_in_what_goes_out_is_finite_and_within_the_limits(
    start: list[float], steps: list[dict[str, Any]], healthy: bool
) -> None:
    q = LIMITS.low + np.array(start) * (LIMITS.high - LIMITS.low)
    memory, now = GATE.seed(measured(q), 0.0), 0.0
    dv = LIMITS.acceleration * DT
    for step in steps:
        now += DT if healthy else step["dt"]
        wanted = None if step["command"] is None else command(*step["command"])
        state = None if step["state"] is None else measured(step["state"][0], now - step["age"], step["state"][1])
        if healthy or step["follows"]:
            state = measured(memory.position, now)
        before = memory
        if now - before.time > GATE.longest_gap:  # a freeze: the robot has come to rest where the last point led
            there = (before.position + before.velocity * DT).clip(LIMITS.low, LIMITS.high)
            before = before._replace(position=there, velocity=np.zeros(3))
        with np.errstate(all="ignore"):
            memory, safe, reason = GATE(memory, wanted, state, now, step["stop"] and not healthy)
        assert np.isfinite(safe.position).all() and np.isfinite(safe.velocity).all()
        assert (safe.position >= LIMITS.low).all() and (safe.position <= LIMITS.high).all()
        assert (np.abs(safe.velocity) <= LIMITS.velocity).all()
        if memory.put_back and not before.put_back:  # to a robot that is elsewhere: at rest, with time to get there
            assert_reachable(safe, before.position, memory.evidence.seen.position.clip(LIMITS.low, LIMITS.high))
        else:
            assert (np.abs(safe.velocity - before.velocity) <= dv * (1 + 1e-5)).all()
            assert (np.abs(safe.position - before.position - safe.velocity * DT) <= 1e-12).all()
        assert before.latched is None or reason.latches


@settings(max_examples=100, deadline=None)
@given(targets=st.lists(st.lists(st.floats(-2.5, 2.5), min_size=3, max_size=3), min_size=1, max_size=60))
def test_with_a_healthy_robot_no_finite_target_shuts_the_gate(targets: list[list[float]]) -> None:
    memory = seeded()
    for k, target in enumerate(targets, 1):
        memory, _, reason = GATE(memory, command(target), measured(memory.position, k * DT), k * DT)
        assert reason in (Reason.OK, Reason.LIMITED)

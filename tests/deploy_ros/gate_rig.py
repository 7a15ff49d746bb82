"""The gate of a small interface, its memory at rest and under way, and what must follow a fault."""

from __future__ import annotations

from typing import Any

import numpy as np

from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.gate_memory import GateMemory
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import Command, Gate
from tests.deploy_ros.policies import DT, LIMITS, interface

GATE = Gate.of(interface())
HOME = np.array([0.1, -0.2, 0.3])


def measured(position: Any = HOME, time: float = 0.0, velocity: Any = (0.0, 0.0, 0.0)) -> Measured:
    return Measured(np.asarray(position, np.float64), np.asarray(velocity, np.float64), time)


def command(position: Any, velocity: Any = (0.0, 0.0, 0.0)) -> Command:
    return Command(np.asarray(position, np.float64), np.asarray(velocity, np.float64))


def seeded(time: float = 0.0) -> GateMemory:
    return GATE.seed(measured(time=time), time)


def moving(steps: int = 5) -> GateMemory:
    """Memory after steps towards a far target on a robot that follows: all joints speed up."""
    memory = seeded()
    for k in range(1, steps + 1):
        memory, _, _ = GATE(memory, command([2.0, 1.5, 1.0]), measured(memory.position, k * DT), k * DT)
    assert (memory.velocity > 0.5).all()
    return memory


def assert_brakes_holds_and_latches(memory: GateMemory, first: Reason, stands: Any = None) -> None:
    """From the step after a fault: within the limits to rest, then the same point, for the same reason.

    stands: where the robot stands, [3] rad, whatever it is told; there it must be held. None: it goes where it is told.
    """
    dv = LIMITS.acceleration * DT
    assert memory.latched is first
    for _ in range(200):
        now = memory.time + DT
        before = memory
        robot = memory.position if stands is None else np.asarray(stands)
        # The fault is over, and the policy wants to go on.
        memory, safe, reason = GATE(memory, command([2.0, 1.5, 1.0], [1, 1, 1]), measured(robot, now), now)
        assert reason is first and memory.latched is first
        assert (np.abs(safe.velocity) <= np.maximum(np.abs(before.velocity) - dv, 0) + 1e-9).all()
        if memory.put_back == before.put_back:
            np.testing.assert_allclose(safe.position, before.position + safe.velocity * DT, atol=1e-6)
        else:
            assert_reachable(safe, before.position, robot)
    assert memory.at_rest
    _, safe, _ = GATE(memory, None, measured(robot, memory.time), memory.time)
    np.testing.assert_array_equal(safe.position, memory.position)
    if stands is not None:
        assert (np.abs(memory.position - stands) < GATE.following.least).all()


def assert_reachable(safe: Command, *places: np.ndarray) -> None:
    """A point at rest, with time to get there from any of these places: 1.5 times the way at the velocity limit."""
    assert not safe.velocity.any()
    for place in places:
        time = 2 * DT + safe.extra + 1e-9
        assert (1.5 * np.abs(safe.position - place) / time <= LIMITS.velocity).all()

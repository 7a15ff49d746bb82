"""The gate keeps the acceleration limits to the last digits, though a policy's targets are float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import Command, Gate
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.policies import INPUTS, JOINTS, interface, make_policy, signal

START = np.array([2.5, -2.5, 0.0])  # rad; a float32 there is 2.4e-7 rad from the next: 0.24 rad/s^2 at 1 kHz
GOALS = ([2.9, 9.0, 0.4], [2.0, -2.9, -9.0], [9.0, -9.0, 1e-5])  # beyond the limits too: there the graph brakes


@pytest.mark.parametrize(("dt", "acceleration"), [(1e-3, 0.25), (5e-4, 0.25), (1e-3, 20.0), (0.02, 8.0)])
@pytest.mark.parametrize("output", ["trajectory", "forward"])
def test_commands_keep_the_acceleration_limit_at_any_rate(
    tmp_path: Path, dt: float, acceleration: float, output: str
) -> None:
    changes = {"low": -3.0, "high": 3.0, "velocity": 0.5, "acceleration": acceleration}
    joints = tuple(joint.model_copy(update=changes) for joint in interface().joints)
    signals = tuple(signal(name, max_age=0.2) for name in INPUTS[:3])
    face = interface(control_dt=dt, joints=joints, signals=signals)
    node = Controller(NodeSettings.model_validate({"output": output}))
    node.configure(load_policy(make_policy(tmp_path / "p.onnx", face)))
    q, v, now = START, np.zeros(3), 0.0
    positions, velocities, reasons = [q], [v], set()
    for k in range(6000):
        if k % 2000 == 0:
            node.on_goal(GOALS[k // 2000], "base")
        assert node.on_joint_state(JOINTS, q.tolist(), v.tolist(), 0.0, now) == ""
        if k == 0:
            assert node.activate(now) == ""
        now += dt
        step = node.step(now)
        assert step is not None
        q, v = step.position, step.velocity
        positions.append(q)
        velocities.append(v)
        reasons.add(step.reason)
    assert np.ptp(positions, 0).min() > 0.2  # all joints went somewhere
    # From one velocity to the next, and what a controller that looks at positions alone makes of them.
    assert np.abs(np.diff(velocities, axis=0)).max() / dt <= acceleration * (1 + 1e-3)
    assert np.abs(np.diff(positions, 2, axis=0)).max() / dt**2 <= acceleration * (1 + 1e-3)
    assert np.abs(positions).max() <= 3.0 and np.abs(velocities).max() <= 0.5
    assert reasons == {Reason.OK}, "what the graph rounds is no offence"


@pytest.mark.parametrize("size", [1e-8, 1e-7, 2e-7, 9e-7, 1e-5])
def test_what_is_excused_as_rounding_moves_nothing(size: float) -> None:
    """A policy that trembles by `size` rad at 1 kHz: its own acceleration is 4e6 times that."""
    dt, acceleration = 1e-3, 0.25
    changes = {"low": -3.0, "high": 3.0, "velocity": 0.5, "acceleration": acceleration}
    joints = tuple(joint.model_copy(update=changes) for joint in interface().joints)
    gate = Gate.of(interface(control_dt=dt, joints=joints))
    memory = gate.seed(Measured(START, np.zeros(3), 0.0), 0.0)
    for k in range(1, 200):
        tremor = size * (-1) ** k
        before, command = memory, Command(memory.position + tremor, np.full(3, tremor / dt))
        memory, safe, _ = gate(memory, command, Measured(memory.position, memory.velocity, k * dt), k * dt)
        assert (np.abs(safe.velocity - before.velocity) <= acceleration * dt * (1 + 1e-9)).all()
        np.testing.assert_allclose(safe.position, before.position + safe.velocity * dt, rtol=0, atol=1e-14)

"""A policy in slow motion: the same path, later; s of the velocities and s^2 of the accelerations; stops are as quick."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.pacing import Paced, PaceError
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.cell import Cell, Servos
from tests.deploy_ros.policies import DT, INPUTS, LIMITS, interface, make_policy, signal
from tests.deploy_ros.rig import Rig

FAR = (1.2, -1.0, 0.8)
PER_PERIOD = 10  # ticks of a cell


@pytest.mark.parametrize("speed", [0.5, 0.3, 0.1, 0.05])
@pytest.mark.parametrize("output", ["trajectory", "forward"])
def test_the_path_is_the_same_and_takes_longer(policy: Policy, speed: float, output: str) -> None:
    """Compared are positions at s t: half a period of the policy apart, by the spline, and what servos are late."""
    seconds = 2.0
    fast = Cell(policy, Servos(np.zeros(3), lag=0.01), goal=FAR, output=output)
    slow = Cell(policy, Servos(np.zeros(3), lag=0.01), goal=FAR, output=output, speed=speed)
    fast.run(seconds)
    slow.run(seconds / speed)
    assert {output.reason for output in slow.outputs} <= {Reason.OK, Reason.LIMITED}
    there = np.array(fast.path)
    here = np.array(slow.path)[np.round(np.arange(len(there)) / speed).astype(int).clip(max=len(slow.path) - 1)]
    # A policy's period apart is at most the velocity limit times a period and a half.
    assert (np.abs(there - here) <= 1.5 * DT * LIMITS.velocity).all()
    apart = min(
        np.abs(there[: -2 * PER_PERIOD] - here[k : k - 2 * PER_PERIOD]).max() for k in range(2 * PER_PERIOD - 1)
    )
    assert apart < 0.01  # rad, once the delay is taken out
    np.testing.assert_allclose(there[-1], FAR, atol=0.01)
    np.testing.assert_allclose(here[-1], FAR, atol=0.01)


@pytest.mark.parametrize("speed", [0.5, 0.07])
def test_commands_keep_the_scaled_limits(policy: Policy, speed: float) -> None:
    rig = Rig(policy, speed=speed).started()
    rig.controller.on_goal(FAR, "base")
    outputs = [rig.step() for _ in range(round(1.5 / DT / speed))]
    velocity = np.array([np.zeros(3), *(o.velocity for o in outputs)])
    assert all(o.reason in (Reason.OK, Reason.LIMITED) for o in outputs)
    assert (np.abs(velocity).max(0) <= speed * LIMITS.velocity * (1 + 1e-6)).all()
    assert (np.abs(velocity).max(0) > 0.9 * speed * LIMITS.velocity).all()  # as fast as the policy would be
    acceleration = np.abs(np.diff(velocity, axis=0)).max(0) / DT
    assert (acceleration <= speed**2 * LIMITS.acceleration * 1.01).all()


def test_the_policy_sees_the_motion_at_its_own_speed_and_is_asked_as_seldom(policy: Policy) -> None:
    seen = []

    class Watched:
        contract, initial_memory = policy.contract, policy.initial_memory

        def step(self, signals: dict[str, np.ndarray], memory: dict[str, np.ndarray]) -> object:
            seen.append(signals["joint_velocity"])
            return policy.step(signals, memory)

    rig = Rig(Watched(), speed=0.25).started()  # type: ignore[arg-type]
    rig.controller.on_goal(FAR, "base")
    outputs = [rig.step() for _ in range(100)]
    assert len(seen) == 25
    # Asked at step 48, it saw what the robot was told before, at four times that speed.
    np.testing.assert_allclose(seen[12], outputs[47].velocity / 0.25, rtol=1e-6)
    assert np.abs(seen).max() > 0.9 * LIMITS.velocity.min()


@pytest.mark.parametrize("speed", [1.0, 0.05])
def test_a_stop_takes_no_longer_than_at_full_speed(policy: Policy, speed: float) -> None:
    rig = Rig(policy, speed=speed).started()
    rig.controller.on_goal(FAR, "base")
    for _ in range(round(0.4 / DT / speed)):
        rig.step()
    assert (np.abs(rig.v) > 0.8 * speed * LIMITS.velocity).all()
    rig.controller.stop()
    periods = np.ceil((LIMITS.velocity / LIMITS.acceleration).max() / DT) + 2
    for _ in range(int(periods)):
        output = rig.step()
    assert output.reason is Reason.ESTOP and not output.velocity.any()


def test_it_waits_for_a_robot_that_is_held_and_goes_on_from_there(policy: Policy) -> None:
    """The policy's own targets must not run away from what was sent."""
    cell = Cell(policy, robot := Servos(np.zeros(3), lag=0.01), goal=FAR, speed=0.5, tracking_time=10.0)
    cell.run(0.5)
    robot.blocked[:] = True
    cell.run(0.12)
    robot.blocked[:] = False
    cell.run(4.0)
    assert max(np.abs(o.velocity / LIMITS.velocity).max() for o in cell.outputs) < 0.5 + 1e-6
    np.testing.assert_allclose(robot.q, FAR, atol=0.01)


def test_a_policy_that_balances_has_no_slow_motion(policy: Policy) -> None:
    gyro = signal("angular_velocity", kind="measurement", unit="rad/s")
    face = policy.contract.interface.model_copy(update={"signals": (*map(signal, INPUTS[:3]), gyro)})
    falls = SimpleNamespace(contract=policy.contract.model_copy(update={"interface": face}))
    with pytest.raises(PaceError, match=r"^speed = 0.5: the policy balances, by angular_velocity; allowed: 1$"):
        Paced(falls, 0.5)  # type: ignore[arg-type]


def test_at_full_speed_the_policy_runs_as_it_is(policy: Policy) -> None:
    plain, full = Rig(policy).started(), Rig(policy, speed=1.0).started()
    for _ in range(50):
        np.testing.assert_array_equal(plain.step().position, full.step().position)
    assert full.controller.policy is policy


def test_control_periods_of_other_lengths(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = make_policy(tmp_path_factory.mktemp("slow") / "policy.onnx", interface(control_dt=0.05))
    cell = Cell(load_policy(file), Servos(np.zeros(3), lag=0.01), goal=FAR, speed=0.2)
    cell.run(12.0)
    np.testing.assert_allclose(cell.robot.q, FAR, atol=0.01)
    assert cell.excess() < 1.05

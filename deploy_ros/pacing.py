"""A policy in slow motion: the same path, later. `speed` s scales its time: velocities by s, accelerations by s^2.

The policy is stepped once in control_dt / s of real time, and its signals are those of its own time: joint velocities over s.
Between its targets P_m, commands go on at the robot's own rate, so that a stop needs no longer than at full speed. They follow
the uniform quadratic B-spline of the targets (de Boor, A Practical Guide to Splines, ch. IX), half a period of the policy
behind: its second derivative is (P_{m+1} - 2 P_m + P_{m-1}) / dt^2, the policy's own acceleration, and it stays between them.
"""

from __future__ import annotations

import numpy as np

from ashore.configs.contract import TARGET, TARGET_VELOCITY, Contract, Interface
from ashore.configs.errors import AshoreError
from ashore.deploy_ros.bundle import Memory, Policy, Signals

KNOTS, PHASE, ASKED = "pace.knots", "pace.phase", "pace.asked"  # [3, n] rad; periods of the policy; [n] rad
OF_ITS_TIME = ("joint_velocity",)  # signals that are slower for a slower robot
BALANCE = ("angular_velocity", "projected_gravity", "pole_velocity", "pole_direction")  # gravity does not slow down
ROUNDINGS = 16  # of float32: what was sent may differ by so many from what was asked, and be the same


class PaceError(AshoreError, ValueError):
    """A policy whose motion has no slower version."""


def require_no_balance(interface: Interface, what: str, allowed: str) -> None:
    """Raise PaceError where a slower robot would fall over."""
    if falls := [s.name for s in interface.signals if s.name in BALANCE]:
        raise PaceError(f"{what}: the policy balances, by {', '.join(falls)}; allowed: {allowed}")


class Paced:
    """Steps as a policy does, once in control_dt of real time. Its contract's limits are the slower ones.

    Accelerations of the motion are s^2 of the policy's; the contract allows s of them, so that a stop, too, is over in the time
    that it takes at full speed.
    """

    def __init__(self, policy: Policy, speed: float) -> None:
        interface = policy.contract.interface
        require_no_balance(interface, f"speed = {speed:g}", "1")
        joints = tuple(
            j.model_copy(update={"velocity": speed * j.velocity, "acceleration": speed * j.acceleration})
            for j in interface.joints
        )
        own = interface.model_copy(update={"joints": joints})
        self.contract: Contract = policy.contract.model_copy(update={"interface": own})
        self._policy, self._speed, self._dt = policy, speed, interface.control_dt

    def initial_memory(self, signals: Signals) -> Memory:
        """At rest where the robot stands; the first step asks the policy."""
        inner = self._policy.initial_memory(self._of_its_time(signals))
        start = np.asarray(inner[TARGET], np.float64)
        own = {KNOTS: np.array([start] * 3), PHASE: np.array(1.0 - self._speed), ASKED: start}
        return inner | own

    def step(self, signals: Signals, memory: Memory) -> tuple[np.ndarray, np.ndarray, Memory]:
        """The next target [n] rad, its velocity [n] rad/s, and the memory, whose target is what was sent last."""
        inner = {name: value for name, value in memory.items() if name not in (KNOTS, PHASE, ASKED)}
        knots, asked = memory[KNOTS], memory[ASKED]
        away = np.asarray(memory[TARGET], np.float64) - asked  # where the gate held it back
        if (np.abs(away) > ROUNDINGS * np.spacing(np.abs(asked).astype(np.float32))).any():
            knots, asked = knots + away, asked + away
        phase = float(memory[PHASE]) + self._speed
        if phase >= 1.0 - 1e-9:
            phase = max(0.0, phase - 1.0)
            inner |= {
                TARGET: knots[2].astype(np.float32),
                TARGET_VELOCITY: ((knots[2] - knots[1]) / self._dt).astype(np.float32),
            }
            position, _, inner = self._policy.step(self._of_its_time(signals), inner)
            knots = np.array([knots[1], knots[2], np.asarray(position, np.float64)])
        target = 0.5 * (1 - phase) ** 2 * knots[0] + (0.5 + phase - phase**2) * knots[1] + 0.5 * phase**2 * knots[2]
        return target, (target - asked) / self._dt, inner | {KNOTS: knots, PHASE: np.array(phase), ASKED: target}

    def _of_its_time(self, signals: Signals) -> Signals:
        return {name: x / self._speed if name in OF_ITS_TIME else x for name, x in signals.items()}

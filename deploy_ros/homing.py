"""The way home: a policy without a network, which brings all joints slowly, and at the same time, to the contract's home."""

from __future__ import annotations

import numpy as np

from ashore.configs.contract import TARGET, TARGET_VELOCITY, Contract, Interface, SignalSpec, target_memory
from ashore.configs.laws.limits import JointLimits, limit_target
from ashore.deploy_ros.bundle import Memory, Policy, Signals
from ashore.deploy_ros.safety import limits_of

THERE = 1e-4  # rad or m: a target so near to home is there
POSITION = "joint_position"
MAX_AGE = 0.1  # s, of joint states where the policy has no measurement of its own


class Homing:
    """Steps as a policy does. It goes on from the last target that was sent, so it waits for a robot that is late."""

    def __init__(self, policy: Policy, fraction: float) -> None:
        """fraction: of the velocity and acceleration limits."""
        interface = policy.contract.interface
        n = len(interface.joints)
        age = min((s.max_age for s in interface.signals if s.kind == "measurement"), default=MAX_AGE)
        measured = SignalSpec(
            name=POSITION, size=n, unit="rad", kind="measurement", frame="", max_age=age, description="encoders"
        )
        changes = {"task": "home", "signals": (measured,), "memory": target_memory(n, POSITION)}
        own: Interface = interface.model_copy(update=changes | {"differences": (), "heading": None})
        self.contract: Contract = policy.contract.model_copy(update={"interface": own})
        self.home = np.array([j.home for j in interface.joints])
        limits = limits_of(interface)
        self._fastest = fraction * limits.velocity, fraction * limits.acceleration
        self._dt = interface.control_dt

    def initial_memory(self, signals: Signals) -> Memory:
        """At rest where the robot stands."""
        start = np.asarray(signals[POSITION], np.float64)
        velocity, acceleration = self._fastest
        way = np.abs(self.home - start) + THERE
        # One profile for all joints, scaled by their ways: the joint that needs longest sets it.
        v, a = way * (velocity / way).min(), way * (acceleration / way).min()
        return {TARGET: start, TARGET_VELOCITY: np.zeros_like(start), "velocity": v, "acceleration": a}

    def step(self, _signals: Signals, memory: Memory) -> tuple[np.ndarray, np.ndarray, Memory]:
        """The next target [n] rad, its velocity [n] rad/s, and the memory."""
        before, velocity = (np.asarray(memory[name], np.float64) for name in (TARGET, TARGET_VELOCITY))
        # The law stops short of a limit by up to a dt^2/8; the limit stands so far behind home that it stops at home.
        behind = memory["acceleration"] * self._dt**2 / 8
        low, high = np.minimum(before, self.home) - behind, np.maximum(before, self.home) + behind
        limits = JointLimits(low, high, memory["velocity"], memory["acceleration"])
        there = (np.abs(self.home - before) <= THERE) & (np.abs(velocity) <= memory["acceleration"] * self._dt)
        target, velocity = limit_target(self.home, before, velocity, limits, self._dt)
        target, velocity = np.where(there, before, target), np.where(there, 0.0, velocity)  # roundings are no way to go
        return target, velocity, memory | {TARGET: target, TARGET_VELOCITY: velocity}

    def is_at(self, target: np.ndarray) -> bool:
        """Whether a target [n] rad is home."""
        return bool((np.abs(target - self.home) <= THERE).all())

    def furthest(self, position: np.ndarray) -> str:
        """Which joint is furthest from home, and how far; position: [n] rad."""
        off = np.abs(position - self.home)
        return f"{self.contract.interface.joints[int(off.argmax())].name} is off by {off.max():.4f}"

"""A policy to be afraid of: a real one for a while, one that wanders about for a while, and it fails as it is told."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from ashore.deploy_ros.bundle import Memory, Policy
from ashore.deploy_ros.safety import limits_of

FAILURES = ("raises", "wrong length", "not finite")


class BadPolicy:
    """As much of a policy as a controller uses. Its memory is the real one's."""

    def __init__(self, policy: Policy, random: np.random.Generator) -> None:
        given = policy.contract
        self.contract = SimpleNamespace(interface=given.interface, settings=given.settings, trained_on=given.trained_on)
        self._policy, self._random, self._limits = policy, random, limits_of(given.interface)
        self.initial_memory = policy.initial_memory
        self.wanders = False  # targets are anywhere in and around the limits, at any velocity
        self.fails = ""  # how the next step does, of FAILURES

    def step(self, signals: Any, memory: Memory) -> tuple[np.ndarray, np.ndarray, Memory]:
        if self.wanders:
            low, high, v_max, _ = self._limits
            position = self._random.uniform(low - 0.5, high + 0.5)
            velocity = self._random.normal(0.0, v_max)
        else:
            position, velocity, memory = self._policy.step(signals, memory)
        how, self.fails = self.fails, ""
        if how == "raises":
            raise RuntimeError("it was told to fail")
        if how == "wrong length":
            return position[:-1], np.append(velocity, 0.0), memory
        if how == "not finite":
            position, velocity = position.astype(np.float64), velocity.astype(np.float64)
            one, value = self._random.integers(len(position)), (math.nan, math.inf, -math.inf, 1e308)
            (position, velocity)[self._random.integers(2)][one] = value[self._random.integers(4)]
        return position, velocity, memory

"""A policy's first seconds: it drives no faster than the share of them that is over."""

from __future__ import annotations

import numpy as np

from ashore.configs.laws.limits import JointLimits
from ashore.deploy_ros.gate_memory import GateMemory
from ashore.deploy_ros.safety import Command


def ramped(asked: Command, before: GateMemory, share: float, limits: JointLimits, dt: float) -> Command:
    """The command one control period of `dt` s after `before`, at no more than this share of the velocity limits.

    What is not finite goes on as it is: clipped, it would pass for a motion.
    """
    if not (np.isfinite(asked.position).all() and np.isfinite(asked.velocity).all()):
        return asked
    fastest = share * limits.velocity
    velocity = ((asked.position - before.position) / dt).clip(-fastest, fastest)
    return Command(before.position + velocity * dt, velocity)

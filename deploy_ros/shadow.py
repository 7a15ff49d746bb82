"""A shadow's commands are followed by nobody, so each begins where the robot is, as fast as it is.

That is what the policy would do next if it were let loose now. The gate remembers nothing of the robot's motion, which is not
of its making: it neither waits for a robot nor says that one does not follow. All else that would stop the policy stops it.
"""

from __future__ import annotations

from ashore.configs.laws.limits import JointLimits
from ashore.deploy_ros.following import Evidence, Measured
from ashore.deploy_ros.gate_memory import GateMemory


def beside(measured: Measured, limits: JointLimits, time: float) -> GateMemory:
    """The gate's memory as if the robot had been told to be where it is, as fast as it is.

    time: s, of the gate's last step.
    """
    position = measured.position
    velocity = measured.velocity.clip(-limits.velocity, limits.velocity)
    return GateMemory(position, velocity, time, Evidence.begin(measured, position))

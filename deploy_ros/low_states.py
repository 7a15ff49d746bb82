"""A LowState, as a node takes it: the joints by their motors, the IMU, and nothing of it where it is damaged or frozen."""

from __future__ import annotations

from typing import Any

from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.explanations import JOINT_STATE
from ashore.deploy_ros.routes import IMU
from ashore.deploy_ros.unitree import LOW_STATE, MOTORS, fault_of

HALF = 2**31  # of the numbers that a tick has: further on is further back


class LowStates:
    """Hands one LowState after another to a controller; gives why it was refused, if it was."""

    def __init__(self) -> None:
        self._tick: int | None = None  # of the last one

    def __call__(self, controller: Controller, message: Any, now: float) -> str:
        if why := fault_of(LOW_STATE, message) or self._standstill(int(message.tick)):
            return controller.refusals.add(JOINT_STATE, why)
        motors = message.motor_state[: len(MOTORS)]
        position, velocity = [motor.q for motor in motors], [motor.dq for motor in motors]
        imu = message.imu_state
        why = controller.on_joint_state(MOTORS, position, velocity, 0.0, now)
        return why or controller.on_reading(IMU, (*imu.gyroscope, *imu.quaternion), "", now)

    def _standstill(self, tick: int) -> str:
        """Why its time is none that follows; a robot that was started anew is refused once."""
        before, self._tick = self._tick, tick
        if before is None or 0 < (tick - before) % (2 * HALF) < HALF:
            return ""
        if tick == before:
            return f"its tick stands still at {tick}: what sends it is frozen"
        return (
            f"its tick went from {before} back to {tick}: was the robot started anew, or is there a second publisher?"
        )

"""What Unitree's legged robots send and take, LowState and LowCmd, free of any transport.

Facts from unitreerobotics/unitree_ros2 (example/src/include/common/motor_crc.h, example/src/src/common/motor_crc.cpp,
example/src/src/low_level_ctrl.cpp) and unitree_sdk2_python (unitree_sdk2py/utils/crc.py, example/go2/low_level): the order of
the motors, the bytes of head, level and mode, the values that switch position and velocity control of a motor off, and the
checksum. That is CRC-32/MPEG-2 (polynomial 0x04C11DB7, from 0xFFFFFFFF, most significant bit first, no final inversion) over
the 32-bit words of the message as a C struct, padding bytes zero, without the last word, which is the checksum itself.
"""

from __future__ import annotations

import struct
import zlib
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ashore.deploy_ros.flat_layout import c_struct, numbers_of

MOTORS = tuple(f"{leg}_{part}_joint" for leg in ("FR", "FL", "RR", "RL") for part in ("hip", "thigh", "calf"))
SLOTS = 20  # motors that there is room for in a message
HEAD, LOW_LEVEL = [0xFE, 0xEF], 0xFF
SERVO = 0x01  # mode of a motor that follows its targets
NO_POSITION, NO_VELOCITY = (
    2.146e9,
    16000.0,
)  # rad and rad/s: no control of it, PosStopF and VelStopF of Unitree's headers
LOW_CMD, LOW_STATE = "unitree_go/LowCmd", "unitree_go/LowState"
# Of a LowCmd, all numbers in their order: before the motors, of one that is free, and after them.
_BEFORE = (*HEAD, LOW_LEVEL, 0, 0, 0, 0, 0, 0)
_IDLE = (SERVO, NO_POSITION, NO_VELOCITY, 0.0, 0.0, 0.0, 0, 0, 0)
_AFTER = (0,) * (4 + 40 + 12 + 2 + 1 + 1 + 1)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class MotorTargets(NamedTuple):
    """Content of a LowCmd: of some motors, by their place in it, where to go and how stiffly. Feed-forward torque is zero."""

    motors: tuple[int, ...]
    position: tuple[float, ...]  # rad
    kp: tuple[float, ...]  # N*m/rad
    kd: tuple[float, ...]  # N*m*s/rad


def crc(data: bytes) -> int:
    """Unitree's checksum of these bytes, whole 32-bit words, little-endian.

    zlib's CRC-32 has the same polynomial and start, takes the least significant bit first, and inverts at the end.
    """
    words = np.frombuffer(data, "<u4").astype(">u4").tobytes()
    reversed_bits = zlib.crc32(words.translate(_REVERSED)) ^ 0xFFFFFFFF
    return int.from_bytes(reversed_bits.to_bytes(4, "little").translate(_REVERSED), "big")


def checksum(name: str, message: Any) -> int:
    """What the last field of a LowCmd or LowState should be. struct.error where a number is none of its field's."""
    return crc(c_struct(name).pack(*numbers_of(name, message))[:-4])


def low_cmd(types: Any, targets: MotorTargets) -> Any:
    """A LowCmd; motors that have no target are free, without gains.

    Its checksum is that of the numbers that it is made of: reading them back from a message of rclpy takes as long as all else.
    """
    idle = types.MotorCmd(mode=SERVO, q=NO_POSITION, dq=NO_VELOCITY, tau=0.0, kp=0.0, kd=0.0)
    motors, rows = [idle] * SLOTS, [_IDLE] * SLOTS
    for motor, q, kp, kd in zip(targets.motors, targets.position, targets.kp, targets.kd, strict=True):
        motors[motor] = types.MotorCmd(mode=SERVO, q=q, dq=0.0, tau=0.0, kp=kp, kd=kd)
        rows[motor] = (SERVO, q, 0.0, 0.0, kp, kd, 0, 0, 0)
    message = types.LowCmd(head=HEAD, level_flag=LOW_LEVEL, motor_cmd=motors)
    message.crc = crc(c_struct(LOW_CMD).pack(*_BEFORE, *chain.from_iterable(rows), *_AFTER)[:-4])
    return message


def low_state(
    types: Any,
    motors: tuple[int, ...],
    position: np.ndarray,
    velocity: np.ndarray,
    gyroscope: np.ndarray,
    rotation: np.ndarray,
    tick: int,
) -> Any:
    """A LowState of a robot that plays one: [n] rad and rad/s of these motors, [3] rad/s, wxyz; what else there is is zero."""
    states = [types.MotorState() for _ in range(SLOTS)]
    for motor, q, dq in zip(motors, position.tolist(), velocity.tolist(), strict=True):
        states[motor] = types.MotorState(mode=SERVO, q=q, dq=dq)
    imu = types.IMUState(quaternion=rotation.tolist(), gyroscope=gyroscope.tolist())
    message = types.LowState(head=HEAD, level_flag=LOW_LEVEL, imu_state=imu, motor_state=states, tick=tick % 2**32)
    message.crc = checksum(LOW_STATE, message)
    return message


def fault_of(name: str, message: Any) -> str:
    """Why a LowCmd or LowState is none; empty where it is."""
    if list(message.head) != HEAD:
        return f"head = {[int(byte) for byte in message.head]}; allowed: {HEAD}"
    try:
        wanted = checksum(name, message)
    except (struct.error, OverflowError, TypeError) as error:
        return f"a number that is none of its field's: {error}"
    if message.crc != wanted:
        return f"its checksum is {message.crc:#010x}, and that of its content {wanted:#010x}"
    return ""


def read_low_cmd(message: Any, drives: MotorTargets) -> tuple[list[float], str]:
    """What a robot is told, [n] rad, or why it would not take it; `drives`: its motors and the gains that they have."""
    if why := fault_of(LOW_CMD, message):
        return [], why
    if message.level_flag != LOW_LEVEL:
        return [], f"level_flag = {message.level_flag:#04x}; allowed: {LOW_LEVEL:#04x}"
    for motor, kp, kd in zip(drives.motors, drives.kp, drives.kd, strict=True):
        own = message.motor_cmd[motor]
        if own.mode != SERVO:
            return [], f"motor {motor} has mode {own.mode:#04x}; allowed: {SERVO:#04x}"
        gains = np.float32(kp), np.float32(kd)
        if (np.float32(own.kp), np.float32(own.kd)) != gains:
            return [], f"motor {motor} has kp = {own.kp:g} and kd = {own.kd:g}; this robot's servos: {kp:g} and {kd:g}"
        if own.dq != 0.0 or own.tau != 0.0:
            return [], f"motor {motor} has dq = {own.dq:g} and tau = {own.tau:g}; this robot's servos take 0"
    return [message.motor_cmd[motor].q for motor in drives.motors], ""

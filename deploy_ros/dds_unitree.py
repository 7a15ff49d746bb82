"""Unitree's LowCmd and LowState as DDS types.

Names, order and kinds of numbers are those of unitreerobotics/unitree_sdk2_python, unitree_sdk2py/idl/unitree_go, by which
Cyclone DDS matches; ROS 2's package unitree_go has temperatures as int8, in the same bytes. A robot sends 500 a second, which
is why they are read and written at one go: cyclonedds itself goes through them number by number.
"""

# mypy: disable-error-code="assignment"
# No `from __future__ import annotations`: cyclonedds reads the annotations as types.
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cyclonedds.idl import IdlStruct
from cyclonedds.idl.annotations import final
from cyclonedds.idl.types import array, float32, int16, int32, uint8, uint16, uint32

from ashore.deploy_ros.flat_layout import from_wire, to_wire

SLOTS = 20  # motors that there is room for in a message


def _of(kind: Any, count: int) -> Any:
    return array[kind, count]  # type: ignore[misc]


def _zeros(count: int) -> Callable[[], list[Any]]:
    return lambda: [0] * count


def _each(make: Callable[[], Any]) -> Callable[[], list[Any]]:
    return lambda: [make() for _ in range(SLOTS)]


Reserve2: Any = _of(uint32, 2)
Reserve3: Any = _of(uint32, 3)
Two: Any = _of(uint8, 2)
Three: Any = _of(uint8, 3)
Twelve: Any = _of(uint8, 12)
Remote: Any = _of(uint8, 40)
Vector: Any = _of(float32, 3)
Quaternion: Any = _of(float32, 4)
Feet: Any = _of(int16, 4)
Cells: Any = _of(uint16, 15)
Fans: Any = _of(uint16, 4)


@dataclass
@final
class MotorCmd(IdlStruct, typename="unitree_go.msg.dds_.MotorCmd_"):
    mode: uint8 = 0
    q: float32 = 0.0
    dq: float32 = 0.0
    tau: float32 = 0.0
    kp: float32 = 0.0
    kd: float32 = 0.0
    reserve: Reserve3 = field(default_factory=_zeros(3))


@dataclass
@final
class BmsCmd(IdlStruct, typename="unitree_go.msg.dds_.BmsCmd_"):
    off: uint8 = 0
    reserve: Three = field(default_factory=_zeros(3))


MotorCmds: Any = _of(MotorCmd, SLOTS)


@dataclass
@final
class LowCmd(IdlStruct, typename="unitree_go.msg.dds_.LowCmd_"):
    head: Two = field(default_factory=_zeros(2))
    level_flag: uint8 = 0
    frame_reserve: uint8 = 0
    sn: Reserve2 = field(default_factory=_zeros(2))
    version: Reserve2 = field(default_factory=_zeros(2))
    bandwidth: uint16 = 0
    motor_cmd: MotorCmds = field(default_factory=_each(MotorCmd))
    bms_cmd: BmsCmd = field(default_factory=BmsCmd)
    wireless_remote: Remote = field(default_factory=_zeros(40))
    led: Twelve = field(default_factory=_zeros(12))
    fan: Two = field(default_factory=_zeros(2))
    gpio: uint8 = 0
    reserve: uint32 = 0
    crc: uint32 = 0

    def serialize(self, *_: Any, **__: Any) -> bytes:
        return to_wire("unitree_go/LowCmd", self)

    @classmethod
    def deserialize(cls, data: bytes, *_: Any, **__: Any) -> Any:
        return from_wire("unitree_go/LowCmd", data, CLASSES)


@dataclass
@final
class IMUState(IdlStruct, typename="unitree_go.msg.dds_.IMUState_"):
    quaternion: Quaternion = field(default_factory=_zeros(4))
    gyroscope: Vector = field(default_factory=_zeros(3))
    accelerometer: Vector = field(default_factory=_zeros(3))
    rpy: Vector = field(default_factory=_zeros(3))
    temperature: uint8 = 0


@dataclass
@final
class MotorState(IdlStruct, typename="unitree_go.msg.dds_.MotorState_"):
    mode: uint8 = 0
    q: float32 = 0.0
    dq: float32 = 0.0
    ddq: float32 = 0.0
    tau_est: float32 = 0.0
    q_raw: float32 = 0.0
    dq_raw: float32 = 0.0
    ddq_raw: float32 = 0.0
    temperature: uint8 = 0
    lost: uint32 = 0
    reserve: Reserve2 = field(default_factory=_zeros(2))


@dataclass
@final
class BmsState(IdlStruct, typename="unitree_go.msg.dds_.BmsState_"):
    version_high: uint8 = 0
    version_low: uint8 = 0
    status: uint8 = 0
    soc: uint8 = 0
    current: int32 = 0
    cycle: uint16 = 0
    bq_ntc: Two = field(default_factory=_zeros(2))
    mcu_ntc: Two = field(default_factory=_zeros(2))
    cell_vol: Cells = field(default_factory=_zeros(15))


MotorStates: Any = _of(MotorState, SLOTS)


@dataclass
@final
class LowState(IdlStruct, typename="unitree_go.msg.dds_.LowState_"):
    head: Two = field(default_factory=_zeros(2))
    level_flag: uint8 = 0
    frame_reserve: uint8 = 0
    sn: Reserve2 = field(default_factory=_zeros(2))
    version: Reserve2 = field(default_factory=_zeros(2))
    bandwidth: uint16 = 0
    imu_state: IMUState = field(default_factory=IMUState)
    motor_state: MotorStates = field(default_factory=_each(MotorState))
    bms_state: BmsState = field(default_factory=BmsState)
    foot_force: Feet = field(default_factory=_zeros(4))
    foot_force_est: Feet = field(default_factory=_zeros(4))
    tick: uint32 = 0
    wireless_remote: Remote = field(default_factory=_zeros(40))
    bit_flag: uint8 = 0
    adc_reel: float32 = 0.0
    temperature_ntc1: uint8 = 0
    temperature_ntc2: uint8 = 0
    power_v: float32 = 0.0
    power_a: float32 = 0.0
    fan_frequency: Fans = field(default_factory=_zeros(4))
    reserve: uint32 = 0
    crc: uint32 = 0

    def serialize(self, *_: Any, **__: Any) -> bytes:
        return to_wire("unitree_go/LowState", self)

    @classmethod
    def deserialize(cls, data: bytes, *_: Any, **__: Any) -> Any:
        return from_wire("unitree_go/LowState", data, CLASSES)


CLASSES = {
    f"unitree_go/{kind.__name__}": kind for kind in (MotorCmd, BmsCmd, LowCmd, IMUState, MotorState, BmsState, LowState)
}

"""LowCmd and LowState: their layout against a C compiler's, their checksum against a second algorithm and a real robot's."""

from __future__ import annotations

import ctypes
import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("cyclonedds")

from cyclonedds.idl import IdlStruct
from cyclonedds.idl._support import Endianness

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.cdr import decode
from ashore.deploy_ros.flat_layout import c_struct, numbers_of, to_wire
from ashore.deploy_ros.unitree import (
    LOW_CMD,
    LOW_STATE,
    MOTORS,
    MotorTargets,
    checksum,
    crc,
    fault_of,
    low_cmd,
    low_state,
    read_low_cmd,
)

U8, U32, F32 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_float
RECORDED = Path(__file__).parent / "go2_low_state.json"


class CMotorCmd(ctypes.Structure):
    _fields_ = (("mode", U8), *((name, F32) for name in ("q", "dq", "tau", "kp", "kd")), ("reserve", U32 * 3))


class CBmsCmd(ctypes.Structure):
    _fields_ = (("off", U8), ("reserve", U8 * 3))


class CLowCmd(ctypes.Structure):
    _fields_ = (
        ("head", U8 * 2), ("level_flag", U8), ("frame_reserve", U8), ("sn", U32 * 2), ("version", U32 * 2),
        ("bandwidth", ctypes.c_uint16), ("motor_cmd", CMotorCmd * 20), ("bms_cmd", CBmsCmd), ("wireless_remote", U8 * 40),
        ("led", U8 * 12), ("fan", U8 * 2), ("gpio", U8), ("reserve", U32), ("crc", U32),
    )  # fmt: skip


class CImu(ctypes.Structure):
    _fields_ = (
        ("quaternion", F32 * 4), *((name, F32 * 3) for name in ("gyroscope", "accelerometer", "rpy")),
        ("temperature", ctypes.c_int8),
    )  # fmt: skip


class CMotorState(ctypes.Structure):
    _fields_ = (
        ("mode", U8), *((name, F32) for name in ("q", "dq", "ddq", "tau_est", "q_raw", "dq_raw", "ddq_raw")),
        ("temperature", ctypes.c_int8), ("lost", U32), ("reserve", U32 * 2),
    )  # fmt: skip


class CBmsState(ctypes.Structure):
    _fields_ = (
        *((name, U8) for name in ("version_high", "version_low", "status", "soc")), ("current", ctypes.c_int32),
        ("cycle", ctypes.c_uint16), ("bq_ntc", ctypes.c_int8 * 2), ("mcu_ntc", ctypes.c_int8 * 2),
        ("cell_vol", ctypes.c_uint16 * 15),
    )  # fmt: skip


class CLowState(ctypes.Structure):
    _fields_ = (
        ("head", U8 * 2), ("level_flag", U8), ("frame_reserve", U8), ("sn", U32 * 2), ("version", U32 * 2),
        ("bandwidth", ctypes.c_uint16), ("imu_state", CImu), ("motor_state", CMotorState * 20), ("bms_state", CBmsState),
        ("foot_force", ctypes.c_int16 * 4), ("foot_force_est", ctypes.c_int16 * 4), ("tick", U32),
        ("wireless_remote", U8 * 40), ("bit_flag", U8), ("adc_reel", F32), ("temperature_ntc1", ctypes.c_int8),
        ("temperature_ntc2", ctypes.c_int8), ("power_v", F32), ("power_a", F32), ("fan_frequency", ctypes.c_uint16 * 4),
        ("reserve", U32), ("crc", U32),
    )  # fmt: skip


def fill(target: Any, message: Any) -> Any:
    """A C struct with the values of a message."""
    for name, kind in target._fields_:
        value, there = getattr(message, name), getattr(target, name)
        if isinstance(there, ctypes.Structure):
            fill(there, value)
        elif isinstance(there, ctypes.Array) and issubclass(kind._type_, ctypes.Structure):
            for one, other in zip(there, value, strict=True):
                fill(one, other)
        elif isinstance(there, ctypes.Array):
            there[:] = list(value)
        else:
            setattr(target, name, value)
    return target


def bit_by_bit(data: bytes) -> int:
    """CRC-32/MPEG-2 as a shift register, over words."""
    register = 0xFFFFFFFF
    for (word,) in struct.iter_unpack("<I", data):
        for bit in range(31, -1, -1):
            top = (register >> 31) ^ (word >> bit & 1)
            register = (register << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if top else 0)
    return register


def command() -> Any:
    """Of all twelve motors, with values that tell them apart."""
    gains = tuple(30.0 + k for k in range(12)), tuple(0.5 + 0.1 * k for k in range(12))
    return low_cmd(types, MotorTargets(tuple(range(12)), tuple(0.1 * k - 0.5 for k in range(12)), *gains))


def state(tick: int = 7) -> Any:
    q, v = np.linspace(-1.0, 1.0, 12), np.linspace(2.0, -2.0, 12)
    return low_state(types, tuple(range(12)), q, v, np.array([0.1, 0.2, 0.3]), np.array([0.8, 0.0, 0.6, 0.0]), tick)


def as_object(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{name: as_object(part) for name, part in value.items()})
    return [as_object(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "make", "kind"), [(LOW_CMD, command, CLowCmd), (LOW_STATE, state, CLowState)])
def test_the_packed_bytes_are_those_of_the_c_struct(name: str, make: Any, kind: Any) -> None:
    message = make()
    packed = c_struct(name).pack(*numbers_of(name, message))
    assert len(packed) == ctypes.sizeof(kind) == {LOW_CMD: 812, LOW_STATE: 1180}[name]
    assert packed == bytes(fill(kind(), message))


def test_the_checksum_of_four_zero_bytes_is_that_of_mpeg_2() -> None:
    assert crc(b"\0\0\0\0") == 0xC704DD7B


@given(st.binary(min_size=0, max_size=64))
def test_the_checksum_agrees_with_a_shift_register(data: bytes) -> None:
    data = data[: len(data) // 4 * 4]
    assert crc(data) == bit_by_bit(data)


def test_the_checksum_is_the_one_that_a_real_go2_sent() -> None:
    recorded = as_object(json.loads(RECORDED.read_text())["message"])
    assert checksum(LOW_STATE, recorded) == recorded.crc == 2726957031
    assert bit_by_bit(bytes(fill(CLowState(), recorded))[:-4]) == recorded.crc
    assert fault_of(LOW_STATE, recorded) == ""


@pytest.mark.parametrize(("name", "make"), [(LOW_CMD, command), (LOW_STATE, state)])
def test_the_fast_codec_has_the_bytes_that_cyclonedds_has(name: str, make: Any) -> None:
    message = make()
    slow = bytes(IdlStruct.serialize(message, use_version_2=False))
    assert bytes(message.serialize()) == slow
    read = numbers_of(name, type(message).deserialize(slow))
    assert read == numbers_of(name, IdlStruct.deserialize.__func__(type(message), slow))  # type: ignore[attr-defined]
    assert read == numbers_of(name, decode(name, slow))
    big = IdlStruct.serialize(message, endianness=Endianness.Big, use_version_2=False)
    assert read == numbers_of(name, type(message).deserialize(bytes(big)))


def test_a_temperature_beyond_127_is_the_same_byte() -> None:
    message = state()
    message.motor_state[0].temperature = -56
    data = bytearray(to_wire(LOW_STATE, message))
    assert IdlStruct.deserialize.__func__(types.LowState, bytes(data)).motor_state[0].temperature == 200  # type: ignore[attr-defined]


def test_a_command_says_what_unitrees_examples_say() -> None:
    message = low_cmd(types, MotorTargets((3, 0), (0.4, -0.2), (40.0, 35.0), (1.0, 0.5)))
    assert message.head == [0xFE, 0xEF] and message.level_flag == 0xFF and message.crc == checksum(LOW_CMD, message)
    first, second, idle = (message.motor_cmd[k] for k in (0, 3, 19))
    assert (first.mode, first.q, first.dq, first.tau, first.kp, first.kd) == (1, -0.2, 0.0, 0.0, 35.0, 0.5)
    assert (second.q, second.kp, second.kd) == (0.4, 40.0, 1.0)
    assert (idle.mode, idle.q, idle.dq, idle.tau, idle.kp, idle.kd) == (1, 2.146e9, 16000.0, 0.0, 0.0, 0.0)
    assert MOTORS[:4] == ("FR_hip_joint", "FR_thigh_joint", "FR_calf_joint", "FL_hip_joint")
    assert MOTORS[6] == "RR_hip_joint" and MOTORS[11] == "RL_calf_joint"


def test_a_robot_refuses_a_command_that_it_would_not_follow() -> None:
    drives = MotorTargets((3, 0), (), (40.0, 35.0), (1.0, 0.5))
    good = drives._replace(position=(0.4, -0.2))

    def why(change: Any, again: bool = True) -> str:
        message = low_cmd(types, good)
        change(message)
        if again:
            message.crc = checksum(LOW_CMD, message)
        return read_low_cmd(message, drives)[1]

    assert read_low_cmd(low_cmd(types, good), drives) == ([0.4, -0.2], "")
    assert "checksum" in why(lambda m: setattr(m.motor_cmd[5], "q", 1.0), again=False)
    assert "checksum" in why(lambda m: setattr(m, "crc", m.crc ^ 1), again=False)
    assert "motor 3 has mode 0x0a" in why(lambda m: setattr(m.motor_cmd[3], "mode", 10))
    assert "level_flag = 0xee" in why(lambda m: setattr(m, "level_flag", 0xEE))
    assert "head = [0, 239]" in why(lambda m: setattr(m, "head", [0, 0xEF]))
    assert "kp = 60" in why(lambda m: setattr(m.motor_cmd[0], "kp", 60.0))
    assert "tau = 3" in why(lambda m: setattr(m.motor_cmd[0], "tau", 3.0))
    assert "none of its field's" in why(lambda m: setattr(m, "gpio", 300), again=False)

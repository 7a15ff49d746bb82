"""Unitree's LowCmd and LowState as DDS types, made of their definitions.

Kinds of numbers are those of unitreerobotics/unitree_sdk2_python, unitree_sdk2py/idl/unitree_go, by which Cyclone DDS
matches; ROS 2's package unitree_go has temperatures as int8, in the same bytes. A robot sends 500 a second, which is why they
are read and written at one go: cyclonedds itself goes through them number by number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import new_class
from typing import Any

from cyclonedds.idl import IdlStruct
from cyclonedds.idl.annotations import final
from cyclonedds.idl.types import array, float32, int16, int32, uint8, uint16, uint32

from ashore.deploy_ros.flat_layout import from_wire, to_wire
from ashore.deploy_ros.message_definitions import Field, fields_of

NUMBERS: dict[str, Any] = {
    "uint8": uint8,
    "int8": uint8,
    "int16": int16,
    "uint16": uint16,
    "int32": int32,
    "uint32": uint32,
    "float32": float32,
}
CLASSES: dict[str, Any] = {}  # by the names of the definitions


def _made(name: str) -> Any:
    """The class of a message of unitree_go; those within it are made before."""
    full = f"unitree_go/{name}"

    def serialize(self: Any, *_: Any, **__: Any) -> bytes:
        return to_wire(full, self)

    def deserialize(_: type, data: bytes, *__: Any, **___: Any) -> Any:
        return from_wire(full, data, CLASSES)

    def fill(namespace: dict[str, Any]) -> None:
        fields = fields_of(full)
        namespace["__annotations__"].update({each.name: _kind(each) for each in fields})
        namespace |= {each.name: _blank(each) for each in fields}
        namespace |= {"__module__": __name__, "serialize": serialize, "deserialize": classmethod(deserialize)}

    made = new_class(name, (IdlStruct,), {"typename": f"unitree_go.msg.dds_.{name}_"}, fill)
    CLASSES[full] = final(dataclass(made))
    return CLASSES[full]


def _kind(of: Field) -> Any:
    """A field's type, as cyclonedds has it."""
    one = NUMBERS.get(of.kind) or CLASSES[of.kind]
    return one if of.length is None else array[one, of.length]  # type: ignore[misc]


def _blank(of: Field) -> Any:
    """A field whose value is zero where none is given."""
    count = of.length or 1
    if of.kind in CLASSES:
        one = CLASSES[of.kind]
        return field(default_factory=one if of.length is None else lambda: [one() for _ in range(count)])
    zero = 0.0 if of.kind == "float32" else 0
    return zero if of.length is None else field(default_factory=lambda: [zero] * count)


MotorCmd, BmsCmd, LowCmd = _made("MotorCmd"), _made("BmsCmd"), _made("LowCmd")
IMUState, MotorState, BmsState, LowState = _made("IMUState"), _made("MotorState"), _made("BmsState"), _made("LowState")

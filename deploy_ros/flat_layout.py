"""Messages of fixed size as one row of numbers: in the order of their fields, in the bytes of DDS, and in those of a C struct.

DDS aligns each number to its own size and leaves nothing behind a message within a message (XCDR1, DDSI-RTPS 10.2); C also
fills up a struct to the size of its largest number, in front and behind.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ashore.deploy_ros.cdr import LITTLE_ENDIAN
from ashore.deploy_ros.message_definitions import NUMBERS, Field, fields_of

ENCAPSULATION = len(LITTLE_ENDIAN)  # bytes before a message on the wire, the second of which tells its byte order


@cache
def c_struct(name: str) -> struct.Struct:
    """How a C compiler lays a message out, little-endian: unitree_go/LowCmd."""
    return struct.Struct("<" + _format(name, 0, True)[0])


@cache
def _wire(name: str, order: str) -> struct.Struct:
    return struct.Struct(order + _format(name, 0, False)[0])


def to_wire(name: str, message: Any) -> bytes:
    """A message's bytes as DDS carries them, with the encapsulation header."""
    return LITTLE_ENDIAN + _wire(name, "<").pack(*numbers_of(name, message))


def from_wire(name: str, data: bytes, kinds: Mapping[str, type]) -> Any:
    """The message in these bytes; `kinds`: the class of each message in it, by name. struct.error where they are too few."""
    layout = _wire(name, "<" if data[1] & 1 else ">")
    return _message(name, iter(layout.unpack_from(data, ENCAPSULATION)), kinds)


def numbers_of(name: str, message: Any) -> list[Any]:
    """All numbers of a message, whatever its transport, one after another."""
    out: list[Any] = []
    _collect(name, message, out)
    return out


def _collect(name: str, message: Any, out: list[Any]) -> None:
    for field in fields_of(name):
        value = getattr(message, field.name)
        if field.kind in NUMBERS:
            if field.length is None:
                out.append(value)
            else:
                out.extend(value)
        else:
            for one in (value,) if field.length is None else value:
                _collect(field.kind, one, out)


def _message(name: str, numbers: Iterator[Any], kinds: Mapping[str, type]) -> Any:
    values: list[Any] = []
    for field in fields_of(name):
        if field.kind in NUMBERS:
            values.append(next(numbers) if field.length is None else [next(numbers) for _ in range(field.length)])
        elif field.length is None:
            values.append(_message(field.kind, numbers, kinds))
        else:
            values.append([_message(field.kind, numbers, kinds) for _ in range(field.length)])
    return kinds[name](*values)


def _format(name: str, at: int, in_c: bool) -> tuple[str, int]:
    """The format that begins at this byte, as `struct` has it, and where it ends."""
    text = ""

    def pad(size: int) -> None:
        nonlocal text, at
        text, at = text + (f"{-at % size}x" if -at % size else ""), at + -at % size

    for field in fields_of(name):
        count = _count(name, field)
        if field.kind in NUMBERS:
            size = struct.calcsize(NUMBERS[field.kind])
            pad(size)
            text, at = text + f"{count}{NUMBERS[field.kind]}", at + count * size
            continue
        for _ in range(count):
            if in_c:
                pad(_alignment(field.kind))
            own, at = _format(field.kind, at, in_c)
            text += own
    if in_c:
        pad(_alignment(name))
    return text, at


def _alignment(name: str) -> int:
    kinds: Sequence[str] = [field.kind for field in fields_of(name)]
    return max(struct.calcsize(NUMBERS[kind]) if kind in NUMBERS else _alignment(kind) for kind in kinds)


def _count(name: str, field: Field) -> int:
    if field.length == 0 or field.kind == "string":
        raise ValueError(f"{name}.{field.name} has no fixed size; allowed: numbers, and arrays of so many")
    return field.length or 1

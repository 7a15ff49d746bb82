"""Messages of fixed size as one row of numbers: in the order of their fields, in the bytes of DDS, and in those of a C struct.

DDS aligns each number to its own size and leaves nothing behind a message within a message (XCDR1, DDSI-RTPS 10.2); C also
fills up a struct to the size of its largest number, in front and behind.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

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


class _Part(NamedTuple):
    """Some fields in a row: numbers one by one, an array of numbers, or messages."""

    names: tuple[str, ...]
    size: int  # how many numbers, or messages
    array: bool
    kind: str  # of the messages; empty: numbers


@cache
def _parts(name: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    for field in fields_of(name):
        count = _count(name, field)
        part = _Part((field.name,), count, field.length is not None, "" if field.kind in NUMBERS else field.kind)
        before = parts[-1] if parts else None
        if before is not None and not (before.kind or before.array or part.kind or part.array):
            parts[-1] = before._replace(names=before.names + part.names, size=before.size + 1)
        else:
            parts.append(part)
    return tuple(parts)


def _collect(name: str, message: Any, out: list[Any]) -> None:
    for names, _, array, kind in _parts(name):
        if kind:
            value = getattr(message, names[0])
            for one in value if array else (value,):
                _collect(kind, one, out)
        elif array:
            out.extend(getattr(message, names[0]))
        else:
            out.extend([getattr(message, field) for field in names])


def _message(name: str, numbers: Iterator[Any], kinds: Mapping[str, type]) -> Any:
    values: list[Any] = []
    for _, count, array, kind in _parts(name):
        if kind:
            found = [_message(kind, numbers, kinds) for _ in range(count)]
            values += [found] if array else found
        else:
            some = list(islice(numbers, count))
            values += [some] if array else some
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

"""ROS 2 messages as bytes and back, for recordings: CDR as XCDR1 has it (DDSI-RTPS 10.2, OMG CDR), little-endian.

What encodes takes messages of any transport, since it asks for their fields by name; what decodes gives namespaces, whose
fields are read alike. No count in the bytes is believed beyond what the bytes can hold.
"""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

from ashore.deploy_ros.message_definitions import NUMBERS, Field, fields_of

LITTLE_ENDIAN = b"\x00\x01\x00\x00"  # the encapsulation header that every message begins with


class CdrError(ValueError):
    """Bytes that are no message of that type."""


def encode(name: str, message: Any) -> bytes:
    """The bytes of a message `sensor_msgs/JointState`. A field that the message lacks, as of another distribution, is zero."""
    out = bytearray()
    _put(out, name, message)
    return LITTLE_ENDIAN + bytes(out)


def decode(name: str, data: bytes) -> Any:
    """The message in these bytes, its numbers as int, float and bool, its arrays as lists. Raises CdrError."""
    if data[:4] != LITTLE_ENDIAN:
        raise CdrError(f"a {name} that is not little-endian CDR")
    return _Reader(name, memoryview(data)[4:]).message(name)


def _pad(out: bytearray, size: int) -> None:
    out += bytes(-len(out) % size)


def _put(out: bytearray, name: str, message: Any) -> None:
    for field in fields_of(name):
        value = getattr(message, field.name, None)
        if field.length is None:
            _put_one(out, field.kind, value)
            continue
        values = list(value) if value is not None else []
        if field.length:  # an array: as many as there must be
            values = (values + [None] * field.length)[: field.length]
        else:
            _pad(out, 4)
            out += struct.pack("<I", len(values))
        if field.kind in NUMBERS and values:
            _pad(out, struct.calcsize(NUMBERS[field.kind]))
            out += struct.pack(f"<{len(values)}{NUMBERS[field.kind]}", *(_number(value) for value in values))
        else:
            for value in values:
                _put_one(out, field.kind, value)


def _put_one(out: bytearray, kind: str, value: Any) -> None:
    if kind in NUMBERS:
        _pad(out, struct.calcsize(NUMBERS[kind]))
        out += struct.pack(f"<{NUMBERS[kind]}", _number(value))
    elif kind == "string":
        text = (value or "").encode("utf-8", "replace") + b"\0"
        _pad(out, 4)
        out += struct.pack("<I", len(text)) + text
    else:
        _put(out, kind, value)


def _number(value: Any) -> Any:
    """rclpy has a byte as bytes."""
    if value is None:
        return 0
    return value[0] if isinstance(value, bytes) else value


class _Reader:
    def __init__(self, name: str, data: memoryview) -> None:
        self._name, self._data, self._at = name, data, 0

    def message(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(**{field.name: self._field(field) for field in fields_of(name)})

    def _field(self, field: Field) -> Any:
        if field.length is None:
            return self._one(field.kind)
        count = field.length or self._count()
        if field.kind in NUMBERS:
            return list(self._numbers(field.kind, count)) if count else []
        if count > len(self._data) - self._at:  # each takes a byte at least
            raise self._short()
        return [self._one(field.kind) for _ in range(count)]

    def _one(self, kind: str) -> Any:
        if kind in NUMBERS:
            return self._numbers(kind, 1)[0]
        if kind == "string":
            return self._string()
        return self.message(kind)

    def _count(self) -> int:
        return int(self._numbers("uint32", 1)[0])

    def _numbers(self, kind: str, count: int) -> tuple[Any, ...]:
        size = struct.calcsize(NUMBERS[kind])
        self._at += -self._at % size
        return struct.unpack(f"<{count}{NUMBERS[kind]}", self._take(count * size))

    def _string(self) -> str:
        text = bytes(self._take(self._count()))
        try:
            return text.removesuffix(b"\0").decode()
        except UnicodeDecodeError:
            raise CdrError(f"a {self._name} with a text that is no UTF-8") from None

    def _take(self, size: int) -> memoryview:
        if size > len(self._data) - self._at:
            raise self._short()
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def _short(self) -> CdrError:
        return CdrError(f"a {self._name} that ends too early")

"""Protobuf messages, read without trusting them and without `protobuf` or `onnx`.

Wire format: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_FIELDS = 200_000  # a policy has a few thousand; a file made of tiny fields would keep us reading for minutes

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class FieldError(ValueError):
    """The bytes are no ONNX model, or one that must not be loaded; says why in one line."""


class Span(NamedTuple):
    """A part of the file's bytes: [begin, end)."""

    begin: int
    end: int


class File:
    """The bytes of a file, and how many fields were read so far."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.seen = 0

    def message(self) -> Message:
        """The whole file as a message."""
        return Message(self, Span(0, len(self.data)))

    def fields(self, message: Span) -> Iterator[tuple[int, int | Span | None]]:
        """Field number and value: an integer, the span of bytes, text or a message, or None: a fixed width, which no field
        that is read here has. Every length is checked against the message that holds it."""
        at, end = message
        while at < end:
            self.seen += 1
            if self.seen > MAX_FIELDS:
                raise FieldError(f"more than {MAX_FIELDS} fields, which no policy has")
            tag, at = self.varint(at, end)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                value, at = self.varint(at, end)
                yield number, value
                continue
            length = 8 if wire == _FIXED64 else 4
            if wire == _BYTES:
                length, at = self.varint(at, end)
            elif wire not in (_FIXED64, _FIXED32):
                raise FieldError("not an ONNX file, or a damaged one")
            if number == 0 or length > end - at:
                raise FieldError("not an ONNX file, or a truncated or damaged one")
            yield number, Span(at, at + length) if wire == _BYTES else None
            at += length

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """The integer that begins at `at`, and where the next thing begins."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise FieldError("not an ONNX file, or a truncated or damaged one")
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (2**64 - 1), at
        raise FieldError("not an ONNX file, or a damaged one")


class Message:
    """One message's fields, by number. A field that is there more often than it may be, or of another type, is refused:
    readers differ in what they make of it."""

    def __init__(self, file: File, span: Span) -> None:
        self.file = file
        self._fields: dict[int, list[int | Span | None]] = {}
        for number, value in file.fields(span):
            self._fields.setdefault(number, []).append(value)

    def has(self, *numbers: int) -> bool:
        """Whether any of these fields is there."""
        return any(number in self._fields for number in numbers)

    def messages(self, number: int) -> Iterator[Message]:
        """All messages of a field, read one by one."""
        return (Message(self.file, _span(value)) for value in self._fields.get(number, []))

    def message(self, number: int) -> Message | None:
        """The one message of a field, if any."""
        value = self._one(number)
        return None if value is None else Message(self.file, _span(value))

    def texts(self, number: int) -> list[str]:
        """All texts of a field."""
        return [self._decoded(_span(value)) for value in self._fields.get(number, [])]

    def text(self, number: int) -> str:
        """The one text of a field; empty where there is none."""
        value = self._one(number)
        return "" if value is None else self._decoded(_span(value))

    def data(self, number: int) -> Span | None:
        """Where the one value of bytes is, if any."""
        value = self._one(number)
        return None if value is None else _span(value)

    def integer(self, number: int, default: int = 0) -> int:
        """The one int64 of a field."""
        value = self._one(number)
        return default if value is None else _signed(_integer(value))

    def integers(self, number: int) -> tuple[int, ...]:
        """All int64 of a field, each by itself or packed."""
        values: list[int] = []
        for value in self._fields.get(number, []):
            if not isinstance(value, Span):
                values.append(_signed(_integer(value)))
                continue
            at, end = value
            while at < end:
                self.file.seen += 1
                if self.file.seen > MAX_FIELDS:
                    raise FieldError(f"more than {MAX_FIELDS} fields, which no policy has")
                integer, at = self.file.varint(at, end)
                values.append(_signed(integer))
        return tuple(values)

    def _one(self, number: int) -> int | Span | None:
        values = self._fields.get(number, [None])
        if len(values) > 1:
            raise FieldError("not an ONNX file, or a damaged one: a field is there twice")
        if number in self._fields and values[0] is None:
            raise FieldError("not an ONNX file, or a damaged one")
        return values[0]

    def _decoded(self, span: Span) -> str:
        try:
            return self.file.data[span.begin : span.end].decode()
        except UnicodeDecodeError:
            raise FieldError("not an ONNX file, or a damaged one") from None


def _span(value: int | Span | None) -> Span:
    if not isinstance(value, Span):
        raise FieldError("not an ONNX file, or a damaged one")
    return value


def _integer(value: int | Span | None) -> int:
    if not isinstance(value, int):
        raise FieldError("not an ONNX file, or a damaged one")
    return value


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value

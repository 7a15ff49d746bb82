"""Stand-ins for messages that rosidl generates for Python, made of their definitions, with the checks of the real ones.

As `rosidl_generator_py` writes them (resource/_msg.py.em, Humble to Jazzy): keywords alone, a field that is unknown or has a
value of another type is an AssertionError, arrays of numbers are numpy's, and a message begins with zeros.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ashore.deploy_ros.message_definitions import DEFINITIONS, NUMBERS, Field, fields_of

KINDS: dict[str, Any] = {
    "f": np.float32,
    "d": np.float64,
    "b": np.int8,
    "B": np.uint8,
    "h": np.int16,
    "H": np.uint16,
    "i": np.int32,
    "I": np.uint32,
}


def message_class(name: str, others: dict[str, type]) -> type:
    """The class of `unitree_go/LowCmd`; `others`: those of the messages within it, by name."""

    def begin(self: Any, **values: Any) -> None:
        fields = {field.name: field for field in fields_of(name)}
        assert set(values) <= set(fields), f"Invalid arguments passed to constructor: {set(values) - set(fields)}"
        for field in fields.values():
            setattr(self, field.name, values[field.name] if field.name in values else _blank(field, others))

    def check(self: Any, attribute: str, value: Any) -> None:
        (field,) = (f for f in fields_of(name) if f.name == attribute)
        object.__setattr__(self, attribute, _checked(field, value, others))

    slots = tuple(field.name for field in fields_of(name))
    return type(name.rpartition("/")[2], (), {"__init__": begin, "__setattr__": check, "__slots__": slots})


def message_classes(package: str) -> dict[str, type]:
    """All of a package that have a definition, by their names in Python."""
    found: dict[str, type] = {}
    for name in (name for name in DEFINITIONS if name.startswith(f"{package}/")):
        found[name] = message_class(name, found)
    return {name.rpartition("/")[2]: kind for name, kind in found.items()}


def _blank(field: Field, others: dict[str, type]) -> Any:
    if field.kind not in NUMBERS:
        return others[field.kind]() if field.length is None else [others[field.kind]() for _ in range(field.length)]
    zero = 0.0 if NUMBERS[field.kind] in "fd" else 0
    return zero if field.length is None else [zero] * field.length


def _checked(field: Field, value: Any, others: dict[str, type]) -> Any:
    what = f"The {field.name!r} field must be"
    if field.kind not in NUMBERS:
        values = (value,) if field.length is None else value
        assert all(isinstance(one, others[field.kind]) for one in values), f"{what} a sub message of {field.kind}"
        assert field.length is None or len(value) == field.length, (
            f"{what} a set or sequence with length {field.length}"
        )
        return value
    code = NUMBERS[field.kind]
    if field.length is not None and isinstance(value, np.ndarray):
        assert value.dtype == KINDS[code] and value.size == field.length, (
            f"{what} an array of {field.length} {field.kind}"
        )
        return value
    values = [value] if field.length is None else list(value)
    assert len(values) == (field.length or 1), f"{what} a set or sequence with length {field.length}"
    for one in values:
        if code in "fd":
            assert isinstance(one, float), f"{what} of type 'float'"
            assert code == "d" or not abs(one) > 3.402823466e38 or np.isinf(one), f"{what} a float in 32 bits"
        else:
            assert isinstance(one, int), f"{what} of type 'int'"
            bits = np.iinfo(np.dtype(KINDS[code]))
            low, high = bits.min, bits.max
            assert low <= one <= high, f"{what} an integer in [{low}, {high}]"
    return value if field.length is None else np.array(values, dtype=KINDS[code])


class Checked:
    """A message whose fields are values of these types, no others: what else is given or set is an AssertionError."""

    FIELDS: ClassVar[dict[str, type]] = {}

    def __init__(self, **values: Any) -> None:
        assert set(values) <= set(self.FIELDS), f"Invalid arguments passed to constructor: {set(values)}"
        for name, kind in self.FIELDS.items():
            setattr(self, name, values.get(name, kind()))

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.FIELDS, f"{type(self).__name__!r} object has no attribute {name!r}"
        assert isinstance(value, self.FIELDS[name]), (
            f"The {name!r} field must be of type {self.FIELDS[name].__name__!r}"
        )
        object.__setattr__(self, name, value)

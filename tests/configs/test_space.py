"""Parameters refuse what makes no sense, and their scales run from bound to bound."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ashore.configs.entries import ParameterSettings, longest_command_delay
from ashore.configs.entries.command import CommandParameter
from ashore.configs.entries.field import FieldParameter
from ashore.configs.entries.signal import SignalParameter
from ashore.configs.space import Dimension

SCALE: dict[str, Any] = {"field": ("body_mass",), "op": "scale", "unit": "1", "nominal": 1, "low": 0.8, "high": 1.2}
DELAY: dict[str, Any] = {
    "field": ("actuator_delay",),
    "op": "set",
    "unit": "s",
    "nominal": 0.01,
    "low": 0,
    "high": 0.04,
}
ENTRY: TypeAdapter[Any] = TypeAdapter(ParameterSettings)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({**SCALE, "low": 1.3}, "low = 1.3 is above high = 1.2"),
        ({**SCALE, "unit": "kg"}, "unit = 'kg'; allowed: '1'"),
        ({**SCALE, "low": -0.1}, "a scale of at least 0"),
        ({**SCALE, "bounds": (0.9, 2)}, r"allowed: all within bounds \[0.9, 2.0\]"),
        ({**SCALE, "bounds": (2, 0.5)}, "the lower one first"),
        ({**SCALE, "low": 0, "distribution": "log"}, "allowed: above 0"),
        ({**SCALE, "nominal": math.nan}, "finite"),
        ({**SCALE, "colour": "red"}, "colour"),
        ({**DELAY, "unit": "ms"}, "unit = 'ms'; allowed: 's'"),
        ({**DELAY, "low": -0.01}, "a delay of at least 0 s"),
        ({**SCALE, "op": "add", "field": ("dof_damping", "body_ipos.2"), "unit": "m"}, "allowed: 'N\\*m\\*s/rad'"),
        ({"effect": "command", "kind": "drop", "unit": "1", "nominal": 0, "low": 0, "high": 1.5}, "at most 1"),
        ({"effect": "command", "kind": "jitter", "unit": "1", "nominal": 0, "low": 0, "high": 1}, "allowed: 's'"),
        (
            {"effect": "signal", "kind": "latency", "signal": ".*", "unit": "rad", "nominal": 0, "low": 0, "high": 1},
            "'s'",
        ),
        (
            {"effect": "signal", "kind": "noise", "signal": ".*", "unit": "rad", "nominal": 0, "low": -1, "high": 1},
            "at least 0",
        ),
    ],
)
def test_entries_that_make_no_sense_are_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ENTRY.validate_python(entry)


def test_an_entry_without_an_effect_writes_fields() -> None:
    assert ENTRY.validate_python(SCALE) == FieldParameter(**SCALE)
    bias = {"kind": "bias", "signal": ".*", "unit": "rad", "nominal": 0, "low": -1, "high": 1}
    assert ENTRY.validate_python({"effect": "signal", **bias}) == SignalParameter(effect="signal", **bias)


def test_a_nominal_outside_the_range_widens_what_may_be() -> None:
    assert FieldParameter(**{**SCALE, "nominal": 2}).widest == (0.8, 2)
    assert FieldParameter(**SCALE, bounds=(0.1, 3)).widest == (0.1, 3)


def test_dimensions_carry_their_entry_and_member() -> None:
    entry = FieldParameter(**SCALE, bounds=(0.5, 2), each=True)
    assert Dimension.of("link_mass", entry).name == "link_mass"
    dimension = Dimension.of("link_mass", entry, "link3")
    assert (dimension.name, dimension.group, dimension.widest) == ("link_mass[link3]", "link_mass", (0.5, 2))


def test_half_way_on_a_log_scale_is_the_geometric_mean() -> None:
    log = Dimension.of("mass", FieldParameter(**{**SCALE, "low": 0.5, "high": 2, "distribution": "log"}))
    assert log.from_unit(0.5, 0.5, 2) == pytest.approx(1.0)
    linear = Dimension.of("mass", FieldParameter(**{**SCALE, "low": 0.5, "high": 2}))
    assert linear.from_unit(0.5, 0.5, 2) == pytest.approx(1.25)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(0, 1), st.sampled_from(["linear", "log"]))
def test_fractions_stay_between_the_ends(a: float, b: float, u: float, distribution: str) -> None:
    low, high = min(a, b), max(a, b)
    entry = FieldParameter(**{**SCALE, "nominal": low, "low": low, "high": high, "distribution": distribution})
    value = Dimension.of("x", entry).from_unit(u, low, high)
    assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9)


def test_the_delay_buffer_covers_the_widest_delay_of_any_entry() -> None:
    jitter = CommandParameter(effect="command", kind="jitter", unit="s", nominal=0, low=0, high=9)
    entries: dict[str, ParameterSettings] = {
        "latency": FieldParameter(**DELAY, bounds=(0, 0.1)),
        "more": FieldParameter(**DELAY),
        "jitter": jitter,
    }
    assert longest_command_delay(entries) == 0.1
    assert longest_command_delay({}) == 0.0

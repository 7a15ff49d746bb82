"""A world is a vector: named parameters with units, scales and bounds, and lambda as data.

An entry of a preset's `randomization` is one named parameter, or, with `each: true`, one for every object it matches.
The entry says what the parameter does (its effect); `randomization/effects` makes a world of it.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

# Unit of one value of the fields that presets write most; any other field may be written with a unit of its own.
FIELD_UNITS: dict[str, str] = {
    "body_mass": "kg",
    "body_inertia": "kg*m^2",
    "body_ipos": "m",
    "dof_damping": "N*m*s/rad",
    "dof_frictionloss": "N*m",
    "dof_armature": "kg*m^2",
    "geom_friction": "1",
    "actuator_delay": "s",
    "opt.gravity": "m/s^2",
}


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unit: str
    nominal: float = Field(description="the calibrated value")
    low: float
    high: float
    distribution: Literal["linear", "log"] = Field(default="linear", description="log: uniform in the logarithm")
    bounds: tuple[float, float] | None = Field(
        default=None, description="widest values ever allowed, in sweeps too; [low, high] and nominal when not given"
    )

    @model_validator(mode="after")
    def _ordered(self) -> _Entry:
        unit = "" if self.unit == "1" else f" {self.unit}"
        if self.low > self.high:
            raise ValueError(f"low = {self.low}{unit} is above high = {self.high}{unit}; allowed: low <= high")
        lo, hi = self.widest
        if lo > hi:
            raise ValueError(f"bounds = [{lo}, {hi}]{unit}; allowed: the lower one first")
        if not (lo <= self.low and self.high <= hi and lo <= self.nominal <= hi):
            raise ValueError(
                f"nominal = {self.nominal}{unit}, low = {self.low}{unit}, high = {self.high}{unit}; "
                f"allowed: all within bounds [{lo}, {hi}]{unit}"
            )
        if self.distribution == "log" and lo <= 0:
            raise ValueError(f"distribution = log with values from {lo}{unit}; allowed: above 0")
        self._check_unit()
        return self

    @property
    def widest(self) -> tuple[float, float]:
        """Lowest and highest value this parameter may ever take."""
        if self.bounds is not None:
            return self.bounds
        return min(self.low, self.nominal), max(self.high, self.nominal)

    def _check_unit(self) -> None:
        raise NotImplementedError

    def _require(self, unit: str) -> None:
        if self.unit != unit:
            raise ValueError(f"unit = {self.unit!r}; allowed: {unit!r}")


class FieldParameter(_Entry):
    """Writes model fields of the matched objects: value = nominal * x, nominal + x, or x.

    `field` names fields of MjModel, `name.k` column k of one, `1/name` one that is divided where others are scaled.
    `match` is a regular expression over the names of the objects that own the rows (bodies, joints, geoms, actuators, ...),
    matched whole.
    """

    effect: Literal["field"] = "field"
    field: tuple[str, ...] = Field(min_length=1)
    match: str = ".*"
    op: Literal["scale", "add", "set"]
    each: bool = Field(default=False, description="one parameter an object instead of one for all")

    def _check_unit(self) -> None:
        if any(name.startswith("1/") for name in self.field) and (self.op != "scale" or self.widest[0] <= 0):
            raise ValueError(f"field = {list(self.field)} with op {self.op}; allowed: 1/name with op scale, above 0")
        if self.op == "scale":
            self._require("1")
            if self.widest[0] < 0:
                raise ValueError(f"low = {self.widest[0]}; allowed: a scale of at least 0")
            return
        for name in self.field:
            unit = FIELD_UNITS.get(name.rsplit(".", 1)[0] if name.rsplit(".", 1)[-1].isdigit() else name)
            if unit is not None:
                self._require(unit)
        if self.op == "set" and self.widest[0] < 0 and "actuator_delay" in self.field:
            raise ValueError(f"low = {self.widest[0]} s; allowed: a delay of at least 0 s")


class CommandParameter(_Entry):
    """Imperfect delivery of commands, in front of the engine's own delay.

    jitter: a command is late by up to this many seconds, drawn each step; drop: probability that one is lost.
    A late or lost command leaves the one before in force; none is ever replayed.
    """

    effect: Literal["command"]
    kind: Literal["jitter", "drop"]

    def _check_unit(self) -> None:
        self._require({"jitter": "s", "drop": "1"}[self.kind])
        if self.widest[0] < 0 or (self.kind == "drop" and self.widest[1] > 1):
            raise ValueError(f"bounds = {list(self.widest)}; allowed: at least 0, and at most 1 for a probability")


class SignalParameter(_Entry):
    """Imperfect measurement of the signals whose names match: latency in seconds, bias and noise in the signal's unit."""

    effect: Literal["signal"]
    kind: Literal["latency", "bias", "noise"]
    signal: str = Field(description="regular expression over signal names, matched whole")
    each: bool = Field(default=False, description="one parameter a component instead of one for all")

    def _check_unit(self) -> None:
        if self.kind == "latency":
            self._require("s")
        if self.kind != "bias" and self.widest[0] < 0:
            raise ValueError(f"low = {self.widest[0]} {self.unit}; allowed: at least 0")


def _effect_of(entry: Any) -> Any:
    return entry.get("effect", "field") if isinstance(entry, dict) else getattr(entry, "effect", None)


# An entry that names no effect writes model fields.
ParameterSettings = Annotated[
    Annotated[FieldParameter, Tag("field")]
    | Annotated[CommandParameter, Tag("command")]
    | Annotated[SignalParameter, Tag("signal")],
    Discriminator(_effect_of),
]


class Dimension(BaseModel):
    """One component of lambda."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  # "link_mass[link3]" where the entry has one a link
    group: str  # the entry's name: "link_mass"
    unit: str
    nominal: float
    low: float
    high: float
    distribution: Literal["linear", "log"]
    widest: tuple[float, float]

    @classmethod
    def of(cls, group: str, entry: _Entry, member: str | None = None) -> Dimension:
        return cls(
            name=group if member is None else f"{group}[{member}]",
            group=group,
            unit=entry.unit,
            nominal=entry.nominal,
            low=entry.low,
            high=entry.high,
            distribution=entry.distribution,
            widest=entry.widest,
        )

    def from_unit(self, u: float, low: float, high: float) -> float:
        """The value at fraction u of [low, high], along this dimension's scale."""
        if self.distribution == "log":
            return math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
        return low + u * (high - low)


def longest_command_delay(entries: dict[str, ParameterSettings]) -> float:
    """Seconds that the engine's delay buffer must cover for every value these entries may ever take."""
    delays = [e.widest[1] for e in entries.values() if isinstance(e, FieldParameter) and "actuator_delay" in e.field]
    return max(delays, default=0.0)


def longest_signal_delay(entries: dict[str, ParameterSettings]) -> float:
    """Seconds that the signal channel must remember for every value these entries may ever take."""
    delays = [e.widest[1] for e in entries.values() if isinstance(e, SignalParameter) and e.kind == "latency"]
    return max(delays, default=0.0)

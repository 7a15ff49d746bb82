"""A world is a vector: named parameters with units, scales and bounds, and lambda as data.

An entry of a preset's `randomization` is one named parameter, or, with `each: true`, one for every object it matches.
The entry says what the parameter does (its effect, see `ashore.configs.entries`); `randomization/effects` makes a world of it.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Kind(NamedTuple):
    """What one `kind` of an effect means. docs/randomization.md is written from it."""

    meaning: str
    unit: str  # of lambda; empty: the unit of what it acts on
    least: float = -math.inf  # values below make no sense
    most: float = math.inf


class Entry(BaseModel):
    """What every entry says: the values its parameter takes, in one unit."""

    kinds: ClassVar[dict[str, Kind]] = {}  # of an effect that has several
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unit: str = Field(description="of every value here: SI, `1` where there is none")
    nominal: float = Field(description="the calibrated value")
    low: float = Field(description="lowest value that training draws at first")
    high: float = Field(description="highest value that training draws at first")
    distribution: Literal["linear", "log"] = Field(default="linear", description="log: uniform in the logarithm")
    bounds: tuple[float, float] | None = Field(
        default=None, description="widest values ever allowed, in sweeps too; [low, high] and nominal when not given"
    )

    source: str = Field(default="", description="where the range comes from")

    @model_validator(mode="after")
    def _ordered(self) -> Entry:
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
        """The rule of the entry's kind; entries without kinds have their own."""
        kind = self.kinds[getattr(self, "kind")]  # noqa: B009
        if kind.unit:
            self._require(kind.unit)
        low, high = self.widest
        if low < kind.least or high > kind.most:
            unit = "" if self.unit == "1" else f" {self.unit}"
            most = "" if kind.most == math.inf else f" and at most {kind.most:g}{unit}"
            raise ValueError(f"bounds = [{low:g}, {high:g}]{unit}; allowed: at least {kind.least:g}{unit}{most}")

    def _require(self, unit: str) -> None:
        if self.unit != unit:
            raise ValueError(f"unit = {self.unit!r}; allowed: {unit!r}")


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
    def of(cls, group: str, entry: Entry, member: str | None = None) -> Dimension:
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

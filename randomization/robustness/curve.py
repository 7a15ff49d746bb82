"""Success over one parameter: points with exact intervals, and how far the parameter may go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ashore.configs.schema import Count, Fraction, Settings

CONFIDENCE = 0.95


class Point(Settings):
    """A parameter's value and how the policy did there."""

    value: float
    episodes: Count
    successes: int = Field(ge=0)
    success: Fraction
    interval: tuple[Fraction, Fraction] = Field(description="Clopper-Pearson, that covers at 95 %")
    mean_return: float
    means: dict[str, float] = Field(default={}, description="of other scores, over the episodes that have them")

    @classmethod
    def counted(
        cls,
        value: float,
        episodes: int,
        successes: int,
        means: Mapping[str, float],
        confidence: float = CONFIDENCE,
    ) -> Point:
        """means: "return", and those of other scores, by name."""
        interval = clopper_pearson(successes, episodes, confidence)
        success = successes / episodes
        return cls(
            value=value,
            episodes=episodes,
            successes=successes,
            success=success,
            interval=interval,
            mean_return=means["return"],
            means={name: mean for name, mean in means.items() if name != "return"},
        )


class Margin(Settings):
    """How far a group may move from nominal, in one direction, until the lower confidence bound falls under the target."""

    fails_at: float | None = Field(description="in the group's unit; none: beyond the tested range")
    tested_to: float
    headroom: float | None = Field(
        description="distance to `fails_at` (or `tested_to`) in trained ranges; none: nothing tested"
    )


class Curve(Settings):
    """Success over the values of one group of parameters."""

    group: str
    unit: str
    distribution: Literal["linear", "log"]
    members: tuple[str, ...] = Field(min_length=1)
    nominal: float
    low: float
    high: float
    points: tuple[Point, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _scale(self) -> Curve:
        values = [p.value for p in self.points]
        if self.nominal not in values:
            raise ValueError(f"{self.group}: points at {values}; allowed: nominal = {self.nominal} among them")
        if self.distribution == "log" and min(*values, self.low, self.high) <= 0:
            raise ValueError(
                f"{self.group}: distribution = log with values from {min(*values, self.low)}; allowed: above 0"
            )
        return self

    @property
    def at_nominal(self) -> Point:
        return next(p for p in self.points if p.value == self.nominal)

    def margins(self, target: float) -> tuple[Margin, Margin]:
        """Margins below and above nominal."""
        return self._margin(-1, target), self._margin(+1, target)

    def too_few(self, target: float) -> bool:
        """Whether not even success in every episode could show the target: the lower bound of n of n is below it."""
        n = self.at_nominal.episodes
        return clopper_pearson(n, n)[0] < target

    def headroom(self, target: float) -> tuple[float | None, bool]:
        """How far it may go in trained ranges, and whether it fails there: the nearest failure, or else the nearest end tested.

        Under 1 the policy fails inside the range it was trained on. None where nothing but nominal was tested.
        """
        tested = [m for m in self.margins(target) if m.headroom is not None]
        failing = [m for m in tested if m.fails_at is not None]
        return min((m.headroom for m in failing or tested if m.headroom is not None), default=None), bool(failing)

    def holds(self, target: float) -> bool:
        """Whether the policy stays above the target over the whole range it was trained on."""
        headroom, fails = self.headroom(target)
        return self.at_nominal.interval[0] >= target and (headroom is None or headroom >= 1 or not fails)

    def _axis(self, value: float) -> float:
        return math.log(value) if self.distribution == "log" else value

    def _margin(self, sign: int, target: float) -> Margin:
        outward = sorted((p for p in self.points if sign * (p.value - self.nominal) >= 0), key=lambda p: sign * p.value)
        tested_to = outward[-1].value if outward else self.nominal
        fails_at = self._crossing(outward, target)
        reached = abs(self._axis(tested_to if fails_at is None else fails_at) - self._axis(self.nominal))
        trained = abs(self._axis(self.high if sign > 0 else self.low) - self._axis(self.nominal))
        trained = trained or abs(self._axis(self.high) - self._axis(self.low))
        trained = trained or abs(self._axis(tested_to) - self._axis(self.nominal))
        return Margin(fails_at=fails_at, tested_to=tested_to, headroom=reached / trained if len(outward) > 1 else None)

    def _crossing(self, outward: Sequence[Point], target: float) -> float | None:
        """Where the lower bound meets the target, linear along the group's scale between the points on either side."""
        for before, after in zip((None, *outward), outward, strict=False):
            if after.interval[0] >= target:
                continue
            if before is None:
                return after.value
            fraction = (before.interval[0] - target) / (before.interval[0] - after.interval[0])
            a, b = self._axis(before.value), self._axis(after.value)
            at = a + fraction * (b - a)
            return math.exp(at) if self.distribution == "log" else at
        return None


def fewest_episodes(target: float) -> int:
    """Episodes that, all successful, put the lower bound at the target: (1 - c) / 2 <= target^n does not hold any more."""
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(target) - 1e-9) if 0 < target < 1 else 1


def clopper_pearson(successes: int, episodes: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact two-sided interval of a binomial rate (Clopper and Pearson, Biometrika 26, 1934), by beta quantiles."""
    if not 0 <= successes <= episodes or episodes < 1:
        raise ValueError(
            f"{successes} successes of {episodes} episodes; allowed: 0 to as many as there are, at least one"
        )
    low, high = limits(np.array([successes]), np.array([episodes]), confidence)
    return float(low[0]), float(high[0])


def limits(
    successes: Any, tried: Any, confidence: float = CONFIDENCE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same of many rates at once, [k] each; counts need not be whole."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = np.where(successes > 0, beta.ppf(tail, successes, tried - successes + 1), 0.0)
    high = np.where(successes < tried, beta.ppf(1 - tail, successes + 1, tried - successes), 1.0)
    return low, high

"""The joint test: a policy in worlds where every parameter differs at once, and what its episodes say of the whole space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import Field

from ashore.configs.schema import Count, Fraction, Settings
from ashore.randomization.robustness.curve import CONFIDENCE, clopper_pearson, limits
from ashore.randomization.robustness.layout import JointRows
from ashore.randomization.robustness.outcomes import LENGTH, RETURN, SUCCESS, Floats, Outcomes
from ashore.randomization.robustness.paired import joint_table
from ashore.randomization.robustness.sensitivity import sensitivity

WORST = 0.1  # of the episodes, for CVaR
PERCENTILE = 5
RESAMPLES = 2000
BETTER_HIGH = (RETURN, "lifted", "level", "goals_per_second")  # of all other scores, errors and times, less is better


class Tail(Settings):
    """A continuous score over the episodes of the joint test, with the bad end of its distribution."""

    name: str
    better: Literal["high", "low"]
    episodes: Count = Field(description="that have it: a time to success only those that succeeded")
    mean: float
    mean_interval: tuple[float, float] = Field(description="bootstrap over worlds, 95 %")
    percentile: float = Field(description="the worst 5 % of the episodes are beyond it")
    percentile_interval: tuple[float, float]
    cvar: float = Field(description="mean of the worst 10 % of the episodes")
    cvar_interval: tuple[float, float]


class Rank(Settings):
    """How much of a score's variance one group of parameters explains alone."""

    group: str
    members: Count
    success: float = Field(description="first-order Sobol index of success")
    success_chance: float = Field(description="an index without any effect stays below it, at 95 %")
    returns: float
    returns_chance: float

    @property
    def matters(self) -> bool:
        """Whether an index stands out of what chance gives."""
        return self.success > self.success_chance or self.returns > self.returns_chance


class JointRange(Settings):
    """Where the joint test drew a group."""

    group: str
    unit: str
    low: float
    high: float


class JointTest(Settings):
    """Over the whole space of its ranges."""

    within: str
    worlds: Count
    repeats: Count
    successes: int = Field(ge=0)
    success: Fraction
    interval: tuple[Fraction, Fraction] = Field(description="Korn-Graubard, 95 %: Clopper-Pearson, worlds as clusters")
    mastered: int = Field(ge=0, description="worlds in which at least the target's share of the episodes succeeds")
    coverage: Fraction = Field(description="their share of all worlds")
    coverage_interval: tuple[Fraction, Fraction]
    scores: tuple[Tail, ...]
    ranking: tuple[Rank, ...] = Field(description="the most influential group first, those within chance last")
    ranges: tuple[JointRange, ...]


def joint_test(rows: JointRows, pins: Floats, outcomes: Outcomes, target: float, within: str) -> JointTest | None:
    """None where not all its episodes are there yet. pins: [points, dimensions] of the layout."""
    here = (outcomes.points >= rows.start) & (outcomes.points < rows.start + rows.worlds)
    if int(here.sum()) < rows.worlds * rows.repeats:
        return None
    table = {name: joint_table(rows, outcomes, name) for name in outcomes.columns}
    success = table[SUCCESS]
    mastered = int((success.mean(1) >= target - 1e-9).sum())
    return JointTest(
        within=within,
        worlds=rows.worlds,
        repeats=rows.repeats,
        successes=int(success.sum()),
        success=float(success.mean()),
        interval=clustered(success),
        mastered=mastered,
        coverage=mastered / rows.worlds,
        coverage_interval=clopper_pearson(mastered, rows.worlds),
        scores=tuple(
            _tail(name, values)
            for name, values in table.items()
            if name not in (SUCCESS, LENGTH) and np.isfinite(values).any()
        ),
        ranking=_ranking(rows, pins, table),
        ranges=tuple(_ranges(rows)),
    )


def clustered(success: Floats) -> tuple[float, float]:
    """Interval of a success rate from worlds [worlds, repeats], whose episodes are no independent draws.

    Korn and Graubard, Survey Methodology 24, 1998: Clopper-Pearson with the effective number of episodes, which is that of the
    worlds where nothing varies.
    """
    worlds, repeats = success.shape
    p, n = float(success.mean()), success.size
    if repeats == 1 or p in (0.0, 1.0):
        return clopper_pearson(round(p * worlds), worlds)
    variance = float(success.mean(1).var(ddof=1)) / worlds
    effective = n if variance <= 0 else min(n, p * (1 - p) / variance)
    low, high = limits(np.array([p * effective]), np.array([effective]))
    return float(low[0]), float(high[0])


def _tail(name: str, values: Floats) -> Tail:
    """values [worlds, repeats]; NaN where an episode has none."""
    high = name in BETTER_HIGH
    kept = values[np.isfinite(values).any(1)]
    rng = np.random.Generator(np.random.Philox(0))
    drawn = [_figures(kept[rng.integers(0, len(kept), len(kept))], high) for _ in range(RESAMPLES)]
    ends = np.quantile(np.array(drawn), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0).T.tolist()
    mean, percentile, cvar = _figures(kept, high)
    return Tail(
        name=name,
        better="high" if high else "low",
        episodes=int(np.isfinite(values).sum()),
        mean=mean,
        mean_interval=tuple(ends[0]),
        percentile=percentile,
        percentile_interval=tuple(ends[1]),
        cvar=cvar,
        cvar_interval=tuple(ends[2]),
    )


def _figures(values: Floats, high: bool) -> tuple[float, float, float]:
    """Mean, the percentile at the bad end, and the mean of the worst tenth (Rockafellar and Uryasev's CVaR)."""
    scores = np.sort(values[np.isfinite(values)])
    bad_first = scores if high else scores[::-1]
    worst = bad_first[: max(1, math.ceil(WORST * len(scores) - 1e-9))]
    return (
        float(scores.mean()),
        float(np.percentile(scores, PERCENTILE if high else 100 - PERCENTILE)),
        float(worst.mean()),
    )


def _ranking(rows: JointRows, pins: Floats, table: Mapping[str, Floats]) -> tuple[Rank, ...]:
    wide = [k for k, d in enumerate(rows.dims) if d.low < d.high]
    names = list(dict.fromkeys(rows.dims[k].group for k in wide))
    groups = [[i for i, k in enumerate(wide) if rows.dims[k].group == name] for name in names]
    x = pins[rows.start : rows.start + rows.worlds][:, wide]
    by_success, by_return = (sensitivity(x, table[name].mean(1), groups) for name in (SUCCESS, RETURN))
    ranks = [
        Rank(
            group=name,
            members=len(groups[k]),
            success=float(by_success.indices[k]),
            success_chance=float(by_success.chance[k]),
            returns=float(by_return.indices[k]),
            returns_chance=float(by_return.chance[k]),
        )
        for k, name in enumerate(names)
    ]
    return tuple(sorted(ranks, key=lambda r: (r.success <= r.success_chance, -r.success, -r.returns)))


def _ranges(rows: JointRows) -> list[JointRange]:
    first = {d.group: d for d in reversed(rows.dims) if d.low < d.high}
    names = [d.group for d in rows.dims if d.group in first]
    return [JointRange(group=g, unit=first[g].unit, low=first[g].low, high=first[g].high) for g in dict.fromkeys(names)]

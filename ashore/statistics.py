"""Figures over seeds: interquartile means and their bootstrap intervals.

Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", arXiv 2108.13264, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

RESAMPLES = 10_000
CURVE_RESAMPLES = 2_000  # for each point of a curve
CONFIDENCE = 0.95
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """An interquartile mean; of one seed there is no interval, and its ends are None."""

    iqm: float
    low: float | None
    high: float | None


def iqm(values: Floats) -> Any:
    """Mean of the middle half along the last axis; of five values, of the middle three."""
    return trim_mean(values, 0.25, axis=-1)


def interval(strata: Sequence[Sequence[float]], resamples: int = RESAMPLES) -> Interval:
    """IQM over all values, with its stratified bootstrap at 95 %.

    strata: a list for each task, a value for each seed. Seeds are drawn again within their task, never between tasks.
    """
    tasks = [np.asarray(values, np.float64) for values in strata]
    point = float(iqm(np.concatenate(tasks)))
    if all(len(values) < 2 for values in tasks):
        return Interval(point, None, None)
    rng = np.random.Generator(np.random.Philox(0))
    drawn = [values[rng.integers(0, len(values), (resamples, len(values)))] for values in tasks]
    low, high = np.quantile(iqm(np.concatenate(drawn, axis=1)), _ends())
    return Interval(point, float(low), float(high))


def band(curves: Floats) -> tuple[Floats, Floats, Floats]:
    """IQM of curves [seeds, points] at each point and the ends of its interval, [points] each; seeds are drawn as wholes."""
    rng = np.random.Generator(np.random.Philox(0))
    drawn = rng.integers(0, len(curves), (CURVE_RESAMPLES, len(curves)))
    low, high = np.quantile([iqm(curves[seeds].T) for seeds in drawn], _ends(), axis=0)
    return iqm(curves.T), low, high


def _ends() -> list[float]:
    return [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]

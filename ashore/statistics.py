"""Figures over seeds: interquartile means and their bootstrap intervals.

Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", arXiv 2108.13264, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CURVE_RESAMPLES = 2_000  # for each point of a curve
MOST_VALUES = 4_000_000  # in memory at once
CONFIDENCE = 0.95
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """An interquartile mean; of one seed there is no interval, and its ends are None."""

    iqm: float
    low: float | None
    high: float | None


def iqm(values: Floats, axis: int = -1) -> Any:
    """Mean of the middle half along an axis; of five values, of the middle three."""
    ordered = np.sort(np.moveaxis(values, axis, -1), axis=-1)
    cut = ordered.shape[-1] // 4
    return ordered[..., cut : ordered.shape[-1] - cut].mean(-1)


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
    blocks = np.array_split(curves, 1 + drawn.size * curves.shape[1] // MOST_VALUES, axis=1)
    low, high = np.concatenate([np.quantile(iqm(block[drawn], axis=1), _ends(), axis=0) for block in blocks], axis=1)
    return iqm(curves, axis=0), low, high


def _ends() -> list[float]:
    return [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]

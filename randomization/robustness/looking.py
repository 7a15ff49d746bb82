"""Intervals of a rate that is looked at several times, and left alone once it is told from a target.

Who looks again while undecided stops sooner on a fluke: of the usual 95 % intervals at up to 64, 128, 256 and 512 episodes only
88 % cover a rate at the target. As in group sequential trials (Pocock, Biometrika 64, 1977) each look takes a higher nominal
confidence, here worked out exactly for the binomial rate.
"""

from __future__ import annotations

import functools

import numpy as np

from ashore.randomization.robustness.curve import CONFIDENCE, limits
from ashore.randomization.robustness.outcomes import Floats

MOST_EXACT = 4096  # episodes at the last look; beyond, the bound of Bonferroni is taken
STEP = 1e-3  # of the confidence


@functools.lru_cache(maxsize=8)
def looking_confidence(first: int, looks: int, target: float) -> float:
    """The lowest nominal confidence with which the interval that a rate ends with covers it at 95 %, whatever the rate.

    first: episodes at the first look; they double from look to look.
    """
    bound = 1 - (1 - CONFIDENCE) / looks  # whoever covers at every look covers wherever they stop
    if first * 2 ** (looks - 1) > MOST_EXACT:
        return bound
    rates = np.clip(target + np.linspace(-0.1, 0.1, 81), 0.001, 0.999)  # the worst ones lie at the target
    for confidence in np.arange(CONFIDENCE, bound, STEP).tolist():
        if coverage(rates, first, looks, target, confidence).min() >= CONFIDENCE:
            return float(confidence)
    return bound


def coverage(rates: Floats, first: int, looks: int, target: float, confidence: float) -> Floats:
    """How likely the interval that a sweep ends with holds the rate, exactly, for each of `rates`."""
    from scipy.stats import binom

    covered, tried = np.zeros(len(rates)), first
    weights = binom.pmf(np.arange(first + 1), first, rates[:, None])  # [rates, successes] of those still undecided
    for look in range(looks):
        counts = np.arange(tried + 1)
        low, high = limits(counts, tried, confidence)
        stops = (low >= target) | (high <= target) | (look == looks - 1)
        holds = (low <= rates[:, None]) & (rates[:, None] <= high)
        covered += np.where(stops & holds, weights, 0.0).sum(1)
        more = binom.pmf(counts, tried, rates[:, None])
        weights = np.stack([np.convolve(w, m) for w, m in zip(np.where(stops, 0.0, weights), more, strict=True)])
        tried *= 2
    return covered

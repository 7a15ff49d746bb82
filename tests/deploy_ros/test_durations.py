"""Durations of a long run: percentiles within a step of the histogram, whatever their number."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.deploy_ros.durations import Durations


@pytest.mark.parametrize("percent", [1, 50, 99, 99.9, 100])
def test_percentiles_are_those_of_all_values(percent: float) -> None:
    values = np.random.default_rng(0).lognormal(-7, 1.5, 20_000)
    durations = Durations()
    for value in values:
        durations.add(float(value))
    exact = np.percentile(values, percent, method="inverted_cdf")
    assert exact <= durations.percentile(percent) * 1.0001
    assert durations.percentile(percent) <= exact * 1.0234


def test_ends() -> None:
    durations = Durations()
    assert durations.summary() == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    for value in (0.0, 0.0, 500.0):
        durations.add(value)
    assert durations.percentile(50) == pytest.approx(1e-6)
    assert durations.longest == 500.0
    assert durations.count == 3

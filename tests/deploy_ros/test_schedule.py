"""The control thread keeps to its grid and never catches up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy_ros.schedule import next_due


@pytest.mark.parametrize(
    ("now", "due", "skipped"),
    [(0.0, 1.0, 0), (0.9, 1.0, 0), (1.4, 1.0, 0), (1.6, 2.0, 1), (2.9, 3.0, 2), (59.2, 59.0, 58), (-3.0, 1.0, 0)],
)
def test_it_runs_on_the_grid_and_skips_what_is_late_by_more_than_half(now: float, due: float, skipped: int) -> None:
    assert next_due(0.0, now, 1.0) == (due, skipped)


@given(st.lists(st.floats(0, 0.3), max_size=50))
def test_steps_are_never_closer_than_half_a_period(durations: list[float]) -> None:
    period, due, now, last = 0.02, 0.0, 0.0, -1.0
    for duration in durations:
        now = max(now, due)
        assert now - last >= period / 2 - 1e-9
        last = now
        now += duration
        due, _ = next_due(due, now, period)

"""Intervals, grids and margins against published values and hand arithmetic."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashore.configs.space import Dimension
from ashore.configs.sweep_plan import CurvesPlan, SweepPlan
from ashore.randomization.robustness.allocation import first_requests
from ashore.randomization.robustness.curve import Curve, Point, clopper_pearson
from ashore.randomization.robustness.grid import grid
from ashore.randomization.robustness.layout import Layout, lay_out
from ashore.randomization.robustness.outcomes import Outcomes, Requests
from ashore.randomization.robustness.summary import summarize
from ashore.randomization.robustness.sweep import Provenance, SweepResult, margin_text, table


def dimension(name: str = "latency", member: str | None = None, **changes: Any) -> Dimension:
    facts: dict[str, Any] = {
        "name": f"{name}[{member}]" if member else name,
        "group": name,
        "unit": "s",
        "nominal": 0.02,
        "low": 0.01,
        "high": 0.04,
        "distribution": "linear",
        "widest": (0.0, 0.1),
    }
    return Dimension(**{**facts, **changes})


def curve(
    values: list[float], bounds: list[float], nominal: float, low: float, high: float, scale: str = "linear"
) -> Curve:
    """A curve whose lower confidence bounds are given."""
    points = [
        Point(value=v, episodes=100, successes=90, success=0.9, interval=(b, 1.0), mean_return=0.0)
        for v, b in zip(values, bounds, strict=True)
    ]
    facts: dict[str, Any] = {"group": "latency", "unit": "s", "members": ("latency",), "distribution": scale}
    return Curve(nominal=nominal, low=low, high=high, points=tuple(points), **facts)


@pytest.mark.parametrize(
    ("successes", "episodes", "low", "high"),
    [
        # Tables of exact binomial limits: Geigy Scientific Tables, vol. 2, as in reference implementations.
        (9, 10, 0.5550, 0.9975),
        (90, 100, 0.8238, 0.9510),
        (100, 100, 0.9638, 1.0),  # 0.025 ** (1 / 100)
        (0, 100, 0.0, 0.0362),
        (1, 1, 0.025, 1.0),
        (50, 100, 0.3983, 0.6017),
    ],
)
def test_clopper_pearson_agrees_with_published_limits(successes: int, episodes: int, low: float, high: float) -> None:
    assert clopper_pearson(successes, episodes) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 400), st.data())
def test_intervals_hold_the_rate_and_mirror_failures(episodes: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, episodes))
    low, high = clopper_pearson(successes, episodes)
    assert 0 <= low <= successes / episodes <= high <= 1
    assert (1 - high, 1 - low) == pytest.approx(clopper_pearson(episodes - successes, episodes), abs=1e-9)


@pytest.mark.parametrize(("successes", "episodes"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(successes: int, episodes: int) -> None:
    with pytest.raises(ValueError, match="allowed: 0 to as many as there are"):
        clopper_pearson(successes, episodes)


@given(st.lists(st.integers(1, 1000), min_size=5, max_size=5), st.integers(1, 30), st.sampled_from(["linear", "log"]))
def test_a_grid_rises_from_end_to_end_and_holds_nominal_and_bounds(five: list[int], points: int, scale: str) -> None:
    a, low, nominal, high, b = sorted(float(v) for v in five)
    values = grid(dimension(nominal=nominal, low=low, high=high, widest=(a, b), distribution=scale), points)
    assert {a, low, nominal, high, b} <= set(values)
    assert (values[0], values[-1]) == (a, b)
    assert all(x < y for x, y in pairwise(values))
    assert len(values) == (max(points, len(set(five))) if a < b else 1)


def test_a_grid_fills_the_widest_gaps_by_hand() -> None:
    # Gaps 1, 1, 1, 7: the four values that are left go into the widest, in fifths of 7.
    values = grid(dimension(nominal=2, low=1, high=3, widest=(0, 10)), 9)
    assert values == pytest.approx([0, 1, 2, 3, 4.4, 5.8, 7.2, 8.6, 10])


def test_a_log_grid_is_even_in_the_logarithm_and_a_fixed_value_is_one_point() -> None:
    values = grid(dimension(nominal=1, low=1, high=1, widest=(0.01, 100), distribution="log"), 5)
    assert values == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert grid(dimension(nominal=1, low=1, high=1, widest=(1, 1)), 9) == [1]


def test_margins_by_hand() -> None:
    # Above: the lower bound falls from 0.9 to 0.5 between 3 and 5 and passes 0.8 a quarter of the way, at 3.5.
    # Trained up to 3, so 2.5 of 2 trained distances. Below: tested down to 0 without falling under 0.8.
    c = curve([0, 1, 3, 5], [0.85, 0.9, 0.9, 0.5], nominal=1, low=0.5, high=3)
    below, above = c.margins(0.8)
    assert (below.fails_at, below.tested_to) == (None, 0)
    assert below.headroom == pytest.approx(1 / 0.5)
    assert above.fails_at == pytest.approx(3.5)
    assert above.headroom == pytest.approx(2.5 / 2)
    assert c.headroom(0.8) == (pytest.approx(1.25), True)
    assert c.holds(0.8)
    assert (margin_text(below), margin_text(above)) == ("beyond 0", "3.5")


def test_a_margin_on_a_log_scale_is_read_off_that_scale() -> None:
    c = curve([1, 100], [0.9, 0.7], nominal=1, low=1, high=10, scale="log")
    below, above = c.margins(0.8)
    assert above.fails_at == pytest.approx(10.0)
    assert above.headroom == pytest.approx(1.0)
    assert below.headroom is None
    assert margin_text(below) == "-"


def test_the_first_failure_outward_counts_even_where_success_comes_back() -> None:
    c = curve([0, 1, 2, 3], [0.9, 0.7, 0.9, 0.9], nominal=0, low=0, high=3)
    assert c.margins(0.8)[1].fails_at == pytest.approx(0.5)
    assert not c.holds(0.8)


def test_a_policy_that_fails_at_nominal_has_no_margin() -> None:
    c = curve([0, 1, 2], [0.9, 0.3, 0.9], nominal=1, low=0, high=2)
    assert [m.fails_at for m in c.margins(0.8)] == [1, 1]
    assert c.headroom(0.8) == (0.0, True)
    assert not c.holds(0.8)


def test_a_zero_width_training_range_is_measured_in_what_was_tested() -> None:
    c = curve([0, 1, 2], [0.9, 0.9, 0.7], nominal=0, low=0, high=0)
    assert c.margins(0.8)[1].headroom == pytest.approx(1.5 / 2)


def test_a_curve_without_its_nominal_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed: nominal = 3"):
        curve([0, 1], [1, 1], nominal=3, low=0, high=1)
    with pytest.raises(ValueError, match="allowed: above 0"):
        curve([0, 1], [1, 1], nominal=1, low=0, high=1, scale="log")


def space() -> list[Dimension]:
    return [dimension("mass", "link1"), dimension("mass", "link2"), dimension("latency")]


def plan(**changes: Any) -> SweepPlan:
    return SweepPlan(**{"curves": CurvesPlan(points=5), **changes})


def played(of: SweepPlan, dims: list[Dimension], limit: float) -> tuple[Layout, Outcomes]:
    """All first episodes; those succeed where nothing is held above the limit."""
    layout, outcomes = lay_out(of, dims, dims), Outcomes()
    requests = first_requests(of, layout)
    good = np.asarray((np.nan_to_num(layout.pins, nan=0.0) <= limit).all(1), float)[requests.points]
    outcomes.add(requests, {"success": good, "return": 2 * good})
    return layout, outcomes


def test_curves_move_one_group_at_a_time_all_its_members_together() -> None:
    of, dims = plan(curves=CurvesPlan(over=("latency", "mass"), points=5)), space()
    layout, outcomes = played(of, dims, 0.05)
    values = [0.0, 0.01, 0.02, 0.04, 0.1]
    held = np.full((10, 3), np.nan)
    held[:5, 2] = values
    held[5:, :2] = np.transpose([values, values])
    np.testing.assert_array_equal(layout.pins, held)
    result = summarize(of, layout, outcomes, dims, Provenance())
    assert [c.group for c in result.curves] == ["latency", "mass"]
    assert [p.successes for p in result.curves[0].points] == [64, 64, 64, 64, 0]
    assert [p.mean_return for p in result.curves[0].points] == [2, 2, 2, 2, 0]
    # 64 of 64 has the lower bound 0.025 ** (1 / 64) and 0 of 64 has 0: 0.8 is passed that far between 0.04 and 0.1.
    full = 0.025 ** (1 / 64)
    assert result.curves[0].margins(0.8)[1].fails_at == pytest.approx(0.04 + 0.06 * (full - 0.8) / full)


def test_all_stands_for_every_group_and_what_is_unfinished_is_left_out() -> None:
    of, dims = plan(), space()
    layout, outcomes = played(of, dims, 0.05)
    result = summarize(of, layout, outcomes, dims, Provenance())
    assert [c.group for c in result.curves] == ["mass", "latency"]
    part = Outcomes()
    first = Requests(outcomes.points[:600], outcomes.episodes[:600])
    part.add(first, {name: column[:600] for name, column in outcomes.columns.items()})
    assert [c.group for c in summarize(of, layout, part, dims, Provenance()).curves] == ["mass"]


def test_an_unknown_group_names_what_exists() -> None:
    with pytest.raises(ValueError, match="parameter = 'latncy'; did you mean latency\\? allowed: mass, latency, all"):
        lay_out(plan(curves=CurvesPlan(over=("latncy",))), space(), space())


def test_json_reads_back_equal_and_the_table_names_the_most_fragile_first() -> None:
    of, dims = plan(), [dimension("mass"), dimension("latency", high=0.09)]
    provenance = Provenance(command="ashore sweep a.onnx", policy_sha256="ab" * 32, seeds=(0, 1))
    result = summarize(of, *played(of, dims, 0.05), dims, provenance)
    assert SweepResult.from_json(result.to_json()) == result
    assert [c.group for c in result.by_fragility()] == ["latency", "mass"]
    names = list(table(result).columns[0].cells)
    assert names == ["latency", "mass"]
    assert not math.isnan(result.curves[0].points[0].mean_return)

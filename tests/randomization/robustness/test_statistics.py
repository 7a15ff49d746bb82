"""Intervals that cover as they say, indices that agree with theory and with scipy, and pairs counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, sobol_indices, uniform

from ashore.configs.space import Dimension
from ashore.configs.sweep_plan import CurvesPlan, JointPlan, SweepPlan
from ashore.randomization.robustness.allocation import confidence_of, first_requests, further_requests
from ashore.randomization.robustness.curve import clopper_pearson, limits
from ashore.randomization.robustness.joint import clustered
from ashore.randomization.robustness.layout import Layout, lay_out
from ashore.randomization.robustness.looking import coverage, looking_confidence
from ashore.randomization.robustness.outcomes import Floats, Outcomes, Requests
from ashore.randomization.robustness.paired import compare_pair
from ashore.randomization.robustness.sensitivity import sensitivity
from ashore.randomization.robustness.summary import joint_of

ISHIGAMI = np.array([0.3139, 0.4424, 0.0])  # first-order indices for a = 7, b = 0.1, in closed form


def dimension(name: str, **changes: object) -> Dimension:
    facts: dict[str, object] = {"name": name, "group": name, "unit": "1", "nominal": 0.0, "low": -1.0, "high": 1.0}
    return Dimension.model_validate({**facts, "distribution": "linear", "widest": (-2.0, 2.0), **changes})


def ishigami(x: Floats) -> Floats:
    """x [n, 3] in [-pi, pi]; Ishigami and Homma, 1990."""
    y: Floats = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    return y


def test_indices_agree_with_theory_and_with_scipy() -> None:
    x = np.random.default_rng(1).uniform(-np.pi, np.pi, (8192, 4))  # the fourth does nothing
    found = sensitivity(x, ishigami(x), [[0], [1], [2, 3]])
    np.testing.assert_allclose(found.indices, ISHIGAMI, atol=0.02)  # of 20 classes, a little below
    theirs = sobol_indices(
        func=lambda u: ishigami(u.T), n=4096, dists=[uniform(-np.pi, 2 * np.pi)] * 3, rng=np.random.default_rng(2)
    )
    np.testing.assert_allclose(found.indices, theirs.first_order, atol=0.05)
    assert (found.indices[:2] > found.chance[:2]).all() and found.indices[2] < found.chance[2]


def test_of_parameters_that_do_nothing_one_in_twenty_stands_out() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.random((512, 400)), (rng.random(512) < 0.9).astype(float)
    found = sensitivity(x, y, [[k] for k in range(400)])
    assert abs(found.indices.mean()) < 0.001, "what chance explains is taken off"
    assert 0.02 < (found.indices > found.chance).mean() < 0.09


class Synthetic:
    """A policy of known success: it falls from 0.97 to 0.5 over the one parameter that matters."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    @staticmethod
    def rate(pins: Floats) -> Floats:
        rates: Floats = 0.97 - 0.47 * np.clip((np.nan_to_num(pins[:, 0]) + 2) / 4, 0, 1)
        return rates

    def play(self, layout: Layout, requests: Requests, outcomes: Outcomes) -> None:
        success = self._rng.random(len(requests.points)) < self.rate(layout.pins[requests.points])
        outcomes.add(requests, {"success": success.astype(float), "return": success + self._rng.random(len(success))})

    def sweep(self, plan: SweepPlan, dims: list[Dimension]) -> tuple[Layout, Outcomes]:
        layout, outcomes = lay_out(plan, dims, dims), Outcomes()
        self.play(layout, first_requests(plan, layout), outcomes)
        while (more := further_requests(plan, layout, outcomes)) is not None:
            self.play(layout, more, outcomes)
        return layout, outcomes


@pytest.mark.parametrize("budget", [None, 4000])
def test_reported_intervals_cover_as_they_say(budget: int | None) -> None:
    """Of 95 % intervals over a whole curve, with the same episodes everywhere and after the adaptive allocation."""
    plan = SweepPlan(curves=CurvesPlan(points=15), budget=budget)
    covered, at_target = [], []
    for seed in range(150):
        layout, outcomes = Synthetic(seed).sweep(plan, [dimension("load")])
        low, high = limits(*outcomes.counts(len(layout.pins)), confidence_of(plan))
        rates = Synthetic.rate(layout.pins)
        covered.append((low <= rates) & (rates <= high))
        at_target.append(covered[-1][np.abs(rates - plan.target).argmin()])
    assert 0.94 <= np.mean(covered) <= 0.99, np.mean(covered)
    assert 0.92 <= np.mean(at_target) <= 1.0, np.mean(at_target)  # of 150, so within 0.02 of what it is


def test_looking_again_without_care_covers_less_and_the_raised_confidence_makes_up_for_it() -> None:
    rates = np.array([0.6, 0.79, 0.8, 0.81, 0.95])
    careless = coverage(rates, 64, 4, 0.8, 0.95)
    assert careless[2] == pytest.approx(0.880, abs=1e-3)
    assert looking_confidence(64, 4, 0.8) == pytest.approx(0.98, abs=2e-3)
    assert coverage(rates, 64, 4, 0.8, looking_confidence(64, 4, 0.8)).min() >= 0.95
    # One look is Clopper-Pearson: the share of outcomes of 10 whose interval holds 0.5 is 1 - 2 * 11 / 1024.
    assert coverage(np.array([0.5]), 10, 1, 0.8, 0.95) == pytest.approx(1 - 22 / 1024)
    assert looking_confidence(10_000, 5, 0.8) == pytest.approx(0.99)


def test_the_budget_goes_where_success_is_near_the_target_and_no_further() -> None:
    plan = SweepPlan(curves=CurvesPlan(points=15), budget=3000)
    layout, outcomes = Synthetic(5).sweep(plan, [dimension("load")])
    _, tried = outcomes.counts(len(layout.pins))
    rates = Synthetic.rate(layout.pins)
    assert set(tried) <= {64, 128, 256, 512}
    assert tried.sum() <= 3000
    assert tried[np.abs(rates - 0.8) < 0.05].mean() > 2 * tried[np.abs(rates - 0.8) > 0.15].mean()
    again, repeated = Synthetic(5).sweep(plan, [dimension("load")])
    assert (repeated.points == outcomes.points).all() and (again.pins == layout.pins).all()
    episodes = outcomes.episodes[outcomes.points == tried.argmax()]
    assert (episodes == np.arange(len(episodes))).all(), "each once, in order"


def test_worlds_that_are_played_several_times_count_as_worlds() -> None:
    """Success is settled by the world in this case: repeats add nothing, and the interval must not shrink by them."""
    rng = np.random.default_rng(0)
    covered, sizes = [], []
    for _ in range(400):
        success = np.repeat(rng.random(100) < 0.8, 4).reshape(100, 4).astype(float)
        low, high = clustered(success)
        covered.append(low <= 0.8 <= high)
        sizes.append(high - low)
    assert 0.94 <= np.mean(covered) <= 0.99
    alone = clopper_pearson(80, 100)
    assert np.mean(sizes) == pytest.approx(alone[1] - alone[0], rel=0.1)


def joint(outcome: Floats, returns: Floats) -> tuple[SweepPlan, Layout, Outcomes]:
    worlds, repeats = outcome.shape
    plan = SweepPlan(joint=JointPlan(worlds=worlds, repeats=repeats))
    layout, outcomes = lay_out(plan, [dimension("load")], [dimension("load")]), Outcomes()
    outcomes.add(first_requests(plan, layout), {"success": outcome.ravel(), "return": returns.ravel()})
    return plan, layout, outcomes


def test_tails_and_coverage_by_hand() -> None:
    """40 episodes with returns 1 to 40: the worst tenth is 1 to 4; between the second and the third lies the 5th percentile."""
    returns = np.random.default_rng(0).permutation(np.arange(1.0, 41.0)).reshape(20, 2)
    success = np.ones((20, 2))
    success[:3, 0] = 0  # three worlds in which one of two fails, below the target of 0.8
    found = joint_of(*joint(success, returns))
    assert found is not None
    score = found.scores[0]
    assert (score.name, score.mean, score.cvar) == ("return", 20.5, 2.5)
    assert score.percentile == pytest.approx(1 + 0.05 * 39)
    assert score.mean_interval[0] < 20.5 < score.mean_interval[1]
    assert (found.successes, found.mastered, found.coverage) == (37, 17, 0.85)
    short = joint(success, returns)
    short[2].points = short[2].points[:-1]
    for name in ("success", "return"):
        short[2].columns[name] = short[2].columns[name][:-1]
    short[2].episodes = short[2].episodes[:-1]
    assert joint_of(*short) is None, "no figure of half a test"


def test_a_pair_of_policies_by_hand() -> None:
    first, second = np.ones((50, 1)), np.ones((50, 1))
    first[:2], second[2:12] = 0, 0  # 10 that the first alone masters, 2 that the second alone does
    _, layout, a = joint(first, first)
    _, _, b = joint(second, second)
    assert layout.joint is not None
    pair = compare_pair(("a", "b"), layout.joint, (a, b))
    assert (pair.only_first, pair.only_second, pair.episodes) == (10, 2, 50)
    assert pair.difference == pytest.approx(8 / 50)
    assert (
        pair.p_value == pytest.approx(binomtest(10, 12).pvalue) == pytest.approx(158 / 4096)
    )  # 2 (1 + 12 + 66) / 2^12
    assert pair.better_return == pytest.approx((10 + 38 / 2) / 50)
    assert pair.difference_interval[0] > 0
    same = compare_pair(("a", "a"), layout.joint, (a, a))
    assert (same.p_value, same.better_where_unlike, same.better_return) == (1.0, None, 0.5)


def test_episodes_of_one_world_are_one_witness() -> None:
    """Of equal policies that each master half of the worlds, in all their episodes or in none, few are told apart."""
    rng, told = np.random.default_rng(0), 0
    for _ in range(300):
        first, second = (np.repeat(rng.random((20, 1)) < 0.5, 8, axis=1).astype(float) for _ in range(2))
        (_, layout, a), (_, _, b) = joint(first, first), joint(second, second)
        assert layout.joint is not None
        told += compare_pair(("a", "b"), layout.joint, (a, b)).p_value < 0.05
    assert told / 300 < 0.05  # episode by episode it would be more than half of them

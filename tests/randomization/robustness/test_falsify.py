"""Searches for failing worlds, with a synthetic policy whose failures are known."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.benchmarks.planted import NEAREST, SHARE, Planted
from ashore.randomization.robustness.falsify import Method, Search
from ashore.randomization.robustness.minimise import minimise
from ashore.randomization.robustness.normalized import Floats, Normalized
from ashore.randomization.robustness.trials import Confirmed, Ints, Trials
from tests.randomization.spaces import LINEAR, ONE_SIDED


def found_after(method: Method, seed: int, budget: int = 60_000) -> int:
    trials = Planted(seed).trials()
    search = Search(trials, method, seed=seed)
    search.run(budget, first_only=True)
    return search.found_after or budget


def test_the_planted_region_is_as_small_as_it_says() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (400_000, 10))
    share = Planted(0).inside(points).mean()
    assert abs(share - SHARE) < 4 * (SHARE / 400_000) ** 0.5  # four standard errors


def test_cma_finds_a_planted_region_in_a_fifth_of_the_episodes_of_random_search() -> None:
    """Random search hits a share p within ln 2 / p worlds half of the time; `python -m ashore.benchmarks.falsify` plays it."""
    median_of_random = np.log(2) / SHARE * 4  # episodes in each world
    assert np.median([found_after("cma", seed) for seed in range(5)]) <= median_of_random / 5


@pytest.mark.parametrize("method", ["cma", "random"])
def test_what_is_found_is_in_the_region_and_the_budget_is_kept(method: Method) -> None:
    planted = Planted(1)
    trials = planted.trials()
    search = Search(trials, method, seed=1)
    search.run(12_000)
    assert search.best is not None and planted.inside(planted.space.lambdas(search.best.point[None]))[0]
    assert search.best.failures > 0.8 * search.best.episodes
    assert trials.spent <= 12_000 + 64  # the last generation may have one world confirmed


def test_the_search_comes_nearer_and_minimising_leaves_what_is_involved() -> None:
    planted = Planted(3)
    trials = planted.trials()
    search = Search(trials, seed=3)
    search.run(6000)
    assert search.best is not None
    steps: list[Confirmed] = []
    found = minimise(trials, search.best, 4000, keep=steps.append)
    assert steps and steps[-1] is found and trials.fails(found)
    assert sorted(np.flatnonzero(found.point)) == sorted(planted.involved)
    distance = float(np.linalg.norm(found.point))
    assert NEAREST - 1e-9 <= distance < 1.5 * NEAREST


def test_the_same_seed_finds_the_same() -> None:
    assert [found_after("cma", 2) for _ in range(2)] == [found_after("cma", 2)] * 2


def test_a_policy_that_fails_at_nominal_is_found_at_once() -> None:
    trials = Trials(Normalized((LINEAR,)), lambda lambdas, _: (np.zeros(len(lambdas)), np.zeros(len(lambdas))))
    search = Search(trials)
    search.run(1000)
    assert search.best is not None and minimise(trials, search.best, 1000) is search.best
    assert search.distance == 0 and trials.spent == 64 and search.best.failures == 64


def test_a_policy_that_never_fails_is_not_said_to() -> None:
    trials = Trials(Normalized((LINEAR, ONE_SIDED)), lambda lambdas, _: (np.ones(len(lambdas)), np.ones(len(lambdas))))
    search = Search(trials)
    search.run(2000)
    assert search.best is None and search.found_after is None


def test_points_stay_within_the_radius_and_the_bounds() -> None:
    seen: list[Floats] = []

    def play(lambdas: Floats, _: Ints) -> tuple[Floats, Floats]:
        seen.append(lambdas)
        return np.ones(len(lambdas)), lambdas[:, 0]

    for method in ("cma", "random"):
        Search(Trials(Normalized((LINEAR, ONE_SIDED)), play), method, radius=1.0).run(2000)
    values = np.concatenate(seen)
    assert values[:, 0].min() >= 0.5 - 1e-9 and values[:, 0].max() <= 2.0 + 1e-9  # one trained width each way
    assert values[:, 1].min() >= 0.0 and values[:, 1].max() <= 0.2 + 1e-9


def test_a_batch_meets_equal_chances_and_no_two_batches_do() -> None:
    batches: list[list[int]] = []

    def play(lambdas: Floats, numbers: Ints) -> tuple[Floats, Floats]:
        batches.append(numbers.tolist())
        return np.ones(len(lambdas)), np.ones(len(lambdas))

    trials = Trials(Normalized((LINEAR,)), play)
    trials.rate_and_score(np.zeros((3, 1)), 2)
    trials.confirm(np.zeros(1))
    assert batches[0] == [0, 1, 0, 1, 0, 1] and batches[1] == list(range(2, 66))


def test_an_interrupted_search_keeps_what_it_found() -> None:
    planted = Planted(3)
    trials = planted.trials()
    search = Search(trials, seed=3)

    def stop() -> None:
        if search.best is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.run(20_000, progress=stop)
    assert search.best is not None and trials.fails(search.best)

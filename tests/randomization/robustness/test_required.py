"""What is required becomes worlds to play, and a rate counts as shown only where its interval says so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ashore.configs.requirements import Requirements
from ashore.configs.space import Dimension
from ashore.randomization.robustness.required import Bools, Check, Floats, checks, run_checks, without_margin


def dimension(name: str, nominal: float, low: float, high: float, **rest: Any) -> Dimension:
    given = {"group": name.partition("[")[0], "unit": "1", "distribution": "linear", "widest": (0.0, 10.0)} | rest
    return Dimension(name=name, nominal=nominal, low=low, high=high, **given)


SPACE = (
    dimension("payload", 0.0, 0.0, 2.0, unit="kg"),
    dimension("mass[a]", 1.0, 0.5, 2.0, distribution="log", widest=(0.1, 3.0)),
    dimension("mass[b]", 1.0, 0.8, 2.0, distribution="log", widest=(0.1, 3.0)),
    dimension("still", 1.0, 1.0, 1.0),
)


def rows_of(**parts: Any) -> dict[str, Check]:
    return {c.name: c for c in checks(Requirements.model_validate(parts), SPACE, 0)}


def test_margins_are_tested_where_training_went_and_all_of_a_group_moves() -> None:
    rows = rows_of(margins={"episodes": 64})
    assert list(rows) == [
        "payload = 2 kg (1 trained width up)",
        "mass = 0.5 to 0.8 (1 trained width down)",
        "mass = 2 (1 trained width up)",
    ]
    held = rows["mass = 0.5 to 0.8 (1 trained width down)"].lambdas[0]
    assert held[1:3].tolist() == [0.5, 0.8] and np.isnan(held[[0, 3]]).all()
    assert without_margin(Requirements.model_validate({"margins": {}}), SPACE) == ["still"]


def test_a_width_is_counted_along_the_parameters_own_scale_and_ends_at_its_widest_bound() -> None:
    rows = rows_of(margins={"widths": 2.0, "each": {"payload": 1.5}})
    assert "payload = 3 kg (1.5 trained widths up)" in rows
    # exp(2 log 2) = 4 is beyond 3; exp(2 log 0.5) = 0.25, exp(2 log 0.8) = 0.64
    assert "mass = 3 (2 trained widths up, its widest bound)" in rows
    assert rows["mass = 0.25 to 0.64 (2 trained widths down)"].lambdas[0][1] == pytest.approx(0.25)


def test_success_is_required_in_the_declared_or_in_the_trained_ranges() -> None:
    declared = rows_of(success={"episodes": 64})["success within the declared ranges"]
    assert np.isnan(declared.lambdas).all() and declared.lambdas.shape == (64 * 4, 4)
    lambdas = rows_of(success={"within": "trained"})["success within the trained ranges"].lambdas
    assert lambdas.min(0) == pytest.approx([0.0, 0.5, 0.8, 1.0], abs=0.01)
    assert lambdas.max(0) == pytest.approx([2.0, 2.0, 2.0, 1.0], abs=0.01)
    assert np.median(lambdas[:, 1]) == pytest.approx(1.0, abs=0.05), "log: half of it below sqrt(0.5 * 2)"


def test_identified_ranges_stand_in_for_the_declared_ones() -> None:
    row = rows_of(success={"ranges": {"mass": [1.0, 1.2]}})["success within the declared ranges, 1 of them given"]
    assert np.isnan(row.lambdas[:, [0, 3]]).all()
    assert row.lambdas[:, 1:3].min() >= 1.0 and row.lambdas[:, 1:3].max() <= 1.2
    assert (row.lambdas[:, 1] != row.lambdas[:, 2]).all(), "each member draws its own"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"tolerates": {"values": {"paylod": 1.0}}}, "did you mean payload.*allowed: payload, mass, still"),
        ({"tolerates": {"values": {"payload": 11.0}}}, "payload = 11 kg; allowed: within bounds 0 to 10 kg"),
        ({"success": {"ranges": {"mass": [0.5, 4.0]}}}, "success.ranges.mass = 4; allowed: within bounds 0.1 to 3$"),
        ({"margins": {"each": {"still": 1.0}}}, "training never varied still; allowed: tolerates"),
        ({"margins": {"each": {"x": 1.0}}}, "margins.each: x is no parameter"),
        ({"success": {"at_least": 0.99, "episodes": 64, "doublings": 1}}, "cannot show 99%"),
    ],
)
def test_what_cannot_be_required_is_refused_with_what_can(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rows_of(**parts)


def played(rates: dict[float, float], log: list[Floats]) -> Any:
    """Episodes that succeed with the rate of their payload, by a quantile for each number, the same for all worlds."""
    quantiles = np.random.Generator(np.random.Philox(0)).uniform(size=4096)

    def play(lambdas: Floats, numbers: Any) -> Bools:
        log.append(lambdas)
        return np.array([quantiles[n] < rates[x] for x, n in zip(lambdas[:, 0].tolist(), numbers, strict=True)])

    return play


def test_only_rows_that_are_open_are_looked_at_again() -> None:
    rates, log, said = {1.0: 1.0, 2.0: 0.3, 3.0: 0.8}, list[Floats](), list[str]()
    required = [_row(x, episodes=64, looks=3) for x in rates]
    good, bad, close = run_checks(required, played(rates, log), said.append)
    assert (good.word, bad.word, close.word) == ("passed", "failed", "open")
    assert (good.episodes, bad.episodes, close.episodes) == (64, 64, 256)
    assert [len(lambdas) for lambdas in log] == [3 * 64, 64, 128]
    assert set(np.concatenate(log[1:])[:, 0].tolist()) == {3.0}
    assert said == [
        "192 episodes: 1 passed, 1 failed, 1 open",
        "256 episodes: 1 passed, 1 failed, 1 open",
        "384 episodes: 1 passed, 1 failed, 1 open",
    ]


def test_a_policy_just_below_what_is_required_seldom_passes_whatever_the_looks() -> None:
    """With 0.79 where 0.8 is required, at most 2.5 % of the verdicts may pass: the error of one side of all looks."""
    rng = np.random.Generator(np.random.Philox(1))

    def play(lambdas: Floats, numbers: Any) -> Bools:
        return np.asarray(rng.uniform(size=len(lambdas)) < 0.79)

    rows = run_checks([_row(1.0, episodes=64, looks=4)] * 4000, play, lambda _: None)
    assert sum(row.passed for row in rows) <= 0.025 * 4000
    assert any(row.passed for row in rows), "and yet it may happen"


def _row(payload: float, *, episodes: int, looks: int) -> Check:
    lambdas = np.full((episodes * 2 ** (looks - 1), 2), math.nan)
    lambdas[:, 0] = payload
    return Check(f"payload = {payload}", 0.8, episodes, looks, lambdas)

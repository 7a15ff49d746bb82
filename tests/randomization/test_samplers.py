"""What the samplers promise one by one: shares, thresholds, bounds, bookkeeping, and a state that continues to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from ashore.configs.sampler import EACH, AdrSettings, CurriculumSettings, NormalSettings
from ashore.configs.space import Dimension
from ashore.randomization import samplers
from ashore.randomization.samplers.adr import AdrSampler
from ashore.randomization.samplers.base import Sampler, summary
from ashore.randomization.samplers.curriculum import CurriculumSampler
from ashore.randomization.samplers.normal import NormalSampler
from tests.randomization.spaces import HELD, LINEAR, LOG, ONE_SIDED, SPACE, uniforms

SMALL: dict[str, dict[str, Any]] = {
    "curriculum": {"episodes": 30, "step": 0.2},
    "adr": {"buffer": 4, "step": 0.2},
    "doraemon": {"episodes": 300, "kl": 0.05},
}


def make(kind: str) -> Sampler:
    return samplers.make(EACH[kind].model_validate({"kind": kind, **SMALL.get(kind, {})}), SPACE)


def play(sampler: Sampler, rounds: int, seed: int = 0) -> Tensor:
    """Episodes of a policy that solves `linear` below 1.5 and `log` above 0.1; gives their lambda."""
    seen = []
    for k in range(rounds):
        values, token = sampler.sample(uniforms(sampler, 64, seed + k))
        sampler.observe(token, values, (values[:, 0] < 1.5) & (values[:, 1] > 0.1))
        seen.append(values)
    return torch.cat(seen)


@pytest.mark.parametrize("kind", EACH)
def test_every_sampler_stays_within_the_bounds_and_keeps_what_is_held(kind: str) -> None:
    sampler = make(kind)
    values = play(sampler, 40)
    for values_of, d in zip(values.T, SPACE, strict=True):
        assert d.widest[0] <= float(values_of.min()) and float(values_of.max()) <= d.widest[1], d.name
    if kind != "none":
        assert values[:, 3].tolist() == pytest.approx([0.6] * len(values)), "a declared range without width is a value"
    report = summary([d.name for d in SPACE], sampler)
    assert all(math.isfinite(x) for x in report.values())
    assert report["zero_width"] == (4 if kind == "none" else 1)
    low, high = sampler.ranges()
    assert all(low <= high) and report["low/log"] == low[1] and report["high/one_sided"] == high[2]


@pytest.mark.parametrize("kind", EACH)
def test_a_restored_sampler_goes_on_to_the_bit(kind: str) -> None:
    sampler, other = make(kind), make(kind)
    play(sampler, 17)
    values, token = sampler.sample(uniforms(sampler, 10, 99))  # still under way when the state is saved
    state = sampler.state_dict()
    play(other, 3, seed=50)
    other.load_state_dict(state)
    for s in (sampler, other):
        s.observe(token, values, torch.ones(10))
    assert torch.equal(play(sampler, 20, seed=100), play(other, 20, seed=100))
    assert summary([d.name for d in SPACE], sampler) == summary([d.name for d in SPACE], other)
    again = make(kind)
    again.load_state_dict(state)
    again.observe(token, values, torch.ones(10))
    assert torch.equal(play(again, 20, seed=100)[:64], play_first(kind, state, token, values)), "a state is a copy"


def play_first(kind: str, state: dict[str, Any], token: Tensor, values: Tensor) -> Tensor:
    sampler = make(kind)
    sampler.load_state_dict(state)
    sampler.observe(token, values, torch.ones(10))
    return sampler.sample(uniforms(sampler, 64, 100))[0]


def test_none_is_nominal_to_the_bit() -> None:
    values, _ = make("none").sample(torch.zeros(5, 0))
    assert values.tolist() == [[1.0, 0.3, 0.0, 0.7]] * 5


@pytest.mark.parametrize("kind", ["curriculum", "adr"])
def test_what_starts_without_width_starts_at_nominal_to_the_bit(kind: str) -> None:
    values, _ = make(kind).sample(uniforms(make(kind), 200))
    assert (values[:, :3] == torch.tensor([1.0, 0.3, 0.0], dtype=torch.float64)).all()


def test_uniform_over_the_declared_ranges_has_entropy_zero() -> None:
    assert make("uniform").entropies()[:3].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)


def test_normal_is_the_truncated_normal_of_scipy() -> None:
    sampler = NormalSampler((LINEAR, LOG), NormalSettings(kind="normal", std=0.5))
    values, _ = sampler.sample(uniforms(sampler, 20_000))
    for column, d in zip(values.T.numpy(), (LINEAR, LOG), strict=True):
        along = np.log if d.distribution == "log" else np.asarray
        center, std = along(d.nominal), 0.5 * (along(d.high) - along(d.low))
        least, most = ((along(end) - center) / std for end in d.widest)
        expected = stats.truncnorm(least, most, center, std)
        assert stats.kstest(along(column), expected.cdf).pvalue > 0.01
        nats = float(sampler.entropies()[(LINEAR, LOG).index(d)])
        assert nats == pytest.approx(expected.entropy() - np.log(along(d.high) - along(d.low)), rel=1e-9)


def curriculum(**settings: Any) -> CurriculumSampler:
    return CurriculumSampler((LINEAR, ONE_SIDED), CurriculumSettings(kind="curriculum", episodes=10, **settings))


def finish(sampler: Sampler, score: float, count: int = 10) -> None:
    """`count` ordinary episodes of which this share succeeded."""
    values, token = sampler.sample(uniforms(sampler, count))
    sampler.observe(token, values, (torch.arange(count) < round(score * count)))


def test_the_curriculum_rises_and_falls_at_its_thresholds_and_rests_between() -> None:
    sampler = curriculum(step=0.4)
    for score, difficulty in (
        (0.6, 0.0),
        (0.7, 0.4),
        (0.5, 0.4),
        (1.0, 0.8),
        (1.0, 1.0),
        (0.4, 0.6),
        (0.0, 0.2),
        (0, 0),
    ):
        finish(sampler, score)
        assert sampler.report()["difficulty"] == pytest.approx(difficulty)
    finish(sampler, 1.0, count=9)
    assert sampler.difficulty == 0.0, "too few episodes to decide"


def test_the_curriculum_grows_from_nominal_to_the_declared_range_or_to_the_bounds() -> None:
    for within, full in (("declared", (0.5, 2.0)), ("bounds", (0.0, 5.0))):
        sampler = curriculum(step=0.5, within=within)
        finish(sampler, 1.0)
        assert [float(end[0]) for end in sampler.ranges()] == pytest.approx([(1 + end) / 2 for end in full])
        finish(sampler, 1.0)
        assert tuple(float(end[0]) for end in sampler.ranges()) == full
        values, _ = sampler.sample(uniforms(sampler, 2000))
        assert stats.kstest(values[:, 0].numpy(), stats.uniform(full[0], full[1] - full[0]).cdf).pvalue > 0.01


def adr(*dims: Dimension, **settings: Any) -> AdrSampler:
    return AdrSampler(
        dims or (LINEAR, LOG, ONE_SIDED), AdrSettings(kind="adr", **{"buffer": 10, "step": 0.1} | settings)
    )


def observe_at(sampler: AdrSampler, bound: int, successes: int, count: int = 10) -> None:
    """Episodes at a bound, with the tokens that drawing gives; bounds 0 to d - 1 are low ones."""
    values, token = sampler.sample(uniforms(sampler, 4000))
    at = (token > 0) & ((token - 1) % len(sampler.bounds) == bound)
    rows = at.nonzero()[:count, 0]
    assert len(rows) == count
    sampler.observe(token[rows], values[rows], torch.arange(count) < successes)


def test_half_of_the_episodes_pin_one_movable_dimension_to_a_bound_and_draw_the_rest() -> None:
    sampler = adr()
    for bound in (0, 1, 3, 4, 5):
        observe_at(sampler, bound, 10)
    values, token = sampler.sample(uniforms(sampler, 20_000, 5))
    testing = token > 0
    assert float(testing.float().mean()) == pytest.approx(0.5, abs=0.015)
    bounds = (token[testing] - 1) % 6
    assert bounds.unique().tolist() == [0, 1, 3, 4, 5], "the low bound of `one_sided` is nominal and cannot move"
    assert np.allclose(bounds.bincount(minlength=6)[[0, 1, 3, 4, 5]] / len(bounds), 0.2, atol=0.02)
    low, high = sampler.ranges()
    for bound in bounds.unique().tolist():
        pinned = values[testing][bounds == bound]
        side, i = divmod(bound, 3)
        assert (pinned[:, i] == (low, high)[side][i]).all()
        others = [k for k in range(3) if k != i]
        assert (pinned[:, others].std(0) > 0).all()
    ordinary = values[~testing]
    assert stats.kstest(ordinary[:, 0].numpy(), stats.uniform(float(low[0]), float(high[0] - low[0])).cdf).pvalue > 0.01


def test_a_full_buffer_widens_at_the_upper_threshold_narrows_at_the_lower_and_rests_between() -> None:
    sampler = adr(LINEAR)  # a step is 0.15
    for successes, high in ((3, 1.0), (4, 1.15), (10, 1.3), (3, 1.3), (2, 1.15), (0, 1.0), (0, 1.0)):
        observe_at(sampler, 1, successes)
        assert float(sampler.ranges()[1][0]) == pytest.approx(high), "it narrows to nominal at most"
        assert sampler.report()["success_high/linear"] == successes / 10
    assert float(sampler.ranges()[0][0]) == 1.0, "the other bound has a buffer of its own"
    observe_at(sampler, 1, 9, count=9)
    assert float(sampler.ranges()[1][0]) == 1.0, "the buffer is not full"
    observe_at(sampler, 1, 0, count=1)
    assert float(sampler.ranges()[1][0]) == pytest.approx(1.15), "and was cleared before"


def test_a_step_is_a_share_of_the_declared_range_along_the_scale() -> None:
    sampler = adr()
    for bound in range(6):
        if bound != 2:
            observe_at(sampler, bound, 10)
    low, high = sampler.ranges()
    assert low.tolist() == pytest.approx([0.85, 0.3 / 10**0.1, 0.0])
    assert high.tolist() == pytest.approx([1.15, 0.3 * 10**0.1, 0.02])
    assert sampler.entropies().tolist() == pytest.approx([math.log(0.2), math.log(0.2), math.log(0.1)])


@pytest.mark.parametrize(("within", "high"), [("bounds", 5.0), ("declared", 2.0)])
def test_a_bound_stops_at_its_limit(within: str, high: float) -> None:
    sampler = adr(LINEAR, within=within, step=0.4)
    for _ in range(8):
        observe_at(sampler, 1, 10)
    assert float(sampler.ranges()[1][0]) == high
    observe_at(sampler, 1, 0)
    assert float(sampler.ranges()[1][0]) == pytest.approx(high - 0.6)


def test_an_episode_at_a_bound_that_moved_meanwhile_does_not_count() -> None:
    sampler = adr(LINEAR)
    values, token = sampler.sample(uniforms(sampler, 200))
    late = (token == 2).nonzero()[:10, 0]
    observe_at(sampler, 1, 10)
    sampler.observe(token[late], values[late], torch.ones(10))
    assert float(sampler.ranges()[1][0]) == pytest.approx(1.15)
    observe_at(sampler, 1, 3)  # stays
    values, token = sampler.sample(uniforms(sampler, 200))
    late = ((token > 0) & (token % 2 == 0)).nonzero()[:10, 0]
    observe_at(sampler, 1, 3)  # stays again: what is under way still tests the bound where it is
    sampler.observe(token[late], values[late], torch.ones(10))
    assert float(sampler.ranges()[1][0]) == pytest.approx(1.3)


def test_nothing_to_move_is_nothing_to_test() -> None:
    sampler = adr(HELD)
    values, token = sampler.sample(uniforms(sampler, 20))
    assert sampler.num_uniforms == 1 and not token.any() and len(values.unique()) == 1

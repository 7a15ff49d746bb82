"""What the samplers promise one by one: shares, thresholds, bounds, bookkeeping, and a state that continues to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad
from torch import Tensor

from configs.sampler import EACH, AdrSettings, CurriculumSettings, DoraemonSettings, NormalSettings
from configs.space import Dimension
from randomization import samplers
from randomization.samplers import betas
from randomization.samplers.adr import AdrSampler
from randomization.samplers.base import Sampler, summary
from randomization.samplers.curriculum import CurriculumSampler
from randomization.samplers.doraemon import DoraemonSampler
from randomization.samplers.normal import NormalSampler


def dimension(name: str, nominal: float, low: float, high: float, widest: Any, scale: str = "linear") -> Dimension:
    return Dimension.model_validate(
        {"name": name, "group": name, "unit": "1", "nominal": nominal, "low": low, "high": high}
        | {"distribution": scale, "widest": widest}
    )


LINEAR = dimension("linear", 1.0, 0.5, 2.0, (0.0, 5.0))
LOG = dimension("log", 0.3, 0.1, 1.0, (0.01, 10.0), "log")
ONE_SIDED = dimension("one_sided", 0.0, 0.0, 0.2, (0.0, 0.5))
HELD = dimension("held", 0.7, 0.6, 0.6, (0.1, 2.0), "log")
SPACE = (LINEAR, LOG, ONE_SIDED, HELD)
SMALL: dict[str, dict[str, Any]] = {
    "curriculum": {"episodes": 30, "step": 0.2},
    "adr": {"buffer": 4, "step": 0.2},
    "doraemon": {"episodes": 300, "kl": 0.05},
}


def make(kind: str) -> Sampler:
    return samplers.make(EACH[kind].model_validate({"kind": kind, **SMALL.get(kind, {})}), SPACE)


def uniforms(sampler: Sampler, count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, sampler.draws, generator=torch.Generator().manual_seed(seed))


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
    assert sampler.draws == 1 and not token.any() and len(values.unique()) == 1


@pytest.mark.parametrize("p", [[100.0, 100.0], [1.5, 30.0], [0.9, 1.1], [3.0, 0.85]])
def test_entropy_and_divergence_of_betas_are_those_of_quadrature(p: list[float]) -> None:
    now, q = stats.beta(4.0, 7.0), stats.beta(*p)
    integral = quad(lambda x: now.pdf(x) * (now.logpdf(x) - q.logpdf(x)), 0, 1, limit=200)[0]
    assert betas.divergence(np.array([4.0, 7.0]), np.array(p)).value == pytest.approx(integral, rel=1e-6)
    assert betas.entropy(np.array(p)).value == pytest.approx(float(q.entropy()), rel=1e-9)


def test_slopes_and_curvatures_are_those_of_differences() -> None:
    random = np.random.default_rng(0)
    now, p = np.array([5.0, 40.0, 6.0, 30.0]), np.array([3.0, 25.0, 5.0, 22.0])
    x = random.beta(now[:2], now[2:], (200, 2))
    logs = betas.features(x)
    seen = betas.Episodes(logs, betas.log_density(logs, now), random.random(200))
    assert np.allclose(seen.drawn, stats.beta.logpdf(x, now[:2], now[2:]).sum(1))
    for function in (betas.entropy, lambda p: betas.divergence(now, p), seen.success):
        at = function(p)
        for i, h in enumerate(np.eye(4) * 1e-4):
            assert at.slope[i] == pytest.approx((function(p + h).value - function(p - h).value) / 2e-4, rel=1e-4)
            assert at.curvature[i] == pytest.approx((function(p + h).slope - function(p - h).slope) / 2e-4, rel=1e-4)


def doraemon(*dims: Dimension, **settings: Any) -> DoraemonSampler:
    settings = {"episodes": 500, "kl": 0.02, "kl_most": 1.0} | settings
    return DoraemonSampler(dims or SPACE, DoraemonSettings(kind="doraemon", **settings))


def test_doraemon_starts_narrow_around_nominal_with_the_declared_spread() -> None:
    sampler = doraemon()
    values, _ = sampler.sample(uniforms(sampler, 20_000))
    assert float(values[:, 0].std()) == pytest.approx(0.035 * 1.5, rel=0.05)
    assert float(values[:, 1].log().std()) == pytest.approx(0.035 * math.log(10), rel=0.05)
    assert float(values[:, 2].std()) == pytest.approx(0.035 * 0.2, rel=0.05)
    assert float(values[:, 0].median()) == pytest.approx(1.0, abs=0.02)
    even = doraemon(dimension("even", 0.5, 0.0, 1.0, (0.0, 1.0)), start=0.5 / 201**0.5)
    assert even.parameters.tolist() == pytest.approx([100.0, 100.0]), "the paper's start"


def test_doraemon_broadens_by_the_allowed_divergence_while_all_succeed() -> None:
    sampler = doraemon()
    before = sampler.entropies()[:3]
    values, token = sampler.sample(uniforms(sampler, 500))
    sampler.observe(token, values, torch.ones(500))
    report = sampler.report()
    assert report["kl"] == pytest.approx(3 * 0.02, rel=1e-2), "three parameters that are not held"
    assert (sampler.entropies()[:3] > before).all()
    assert 0 < report["ess"] <= 500 and report["success"] == 1.0
    capped = doraemon(kl_most=0.01)
    capped.observe(*capped.sample(uniforms(capped, 500))[::-1], torch.ones(500))
    assert capped.report()["kl"] == pytest.approx(0.01, rel=1e-2)


def test_doraemon_waits_for_success_once_and_afterwards_turns_back_where_it_is_lost() -> None:
    sampler = doraemon(LINEAR)
    start = sampler.parameters.clone()

    def episodes(limit: float) -> None:
        values, token = sampler.sample(uniforms(sampler, 500, len(sampler.history)))
        sampler.observe(token, values, values[:, 0] < limit)

    episodes(0.0)
    assert torch.equal(sampler.parameters, start), "nothing succeeds yet"
    for _ in range(4):
        episodes(9.0)
    mean = sampler.ranges()[1][0]
    for _ in range(2):
        episodes(0.97)  # the world became harder: less than half of the episodes succeed
    assert sampler.ranges()[1][0] < mean, "the inverse problem moves to where success is"
    assert sampler.report()["expected_success"] > sampler.report()["success"]


def test_weights_of_episodes_from_before_an_update_are_one_in_the_mean() -> None:
    sampler = doraemon(LINEAR, episodes=500)
    old = sampler.sample(uniforms(sampler, 250, 7))
    values, token = sampler.sample(uniforms(sampler, 500))
    sampler.observe(token, values, torch.ones(500))
    new = sampler.sample(uniforms(sampler, 250, 8))
    assert old[1].unique().tolist() == [0] and new[1].unique().tolist() == [1]
    now = sampler.parameters.numpy()
    for values, token in (old, new):
        sampler.observe(token, values, torch.ones(250))
    assert len(sampler.history) == 3
    logs = betas.features(sampler._x.numpy())
    drawn = betas.log_mixture(logs, sampler.history[:2].numpy(), np.array([0.5, 0.5]))
    assert betas.Episodes(logs, drawn, np.ones(500)).success(now).value == pytest.approx(1.0, abs=0.05)


def test_episodes_from_before_updates_count_as_one_mixture() -> None:
    """Weighted each by the narrower density it was drawn with, a few far ones would now and then outweigh all others: with
    these numbers, 20 effective episodes of 400, and an expected success rate of 1.05."""
    dims = [dimension(f"p{i}", 0.0, 0.0, 0.2, (0.0, 1.0)) for i in range(12)]
    sampler, generator = doraemon(*dims, episodes=400, kl=0.02), torch.Generator().manual_seed(0)
    playing = [sampler.sample(uniforms(sampler, 64, seed)) for seed in range(4)]
    seen = {}
    for seed in range(4, 4 + 16 * 7):  # episodes end in the order they began in, and others begin
        values, token = playing.pop(0)
        sampler.observe(token, values, (torch.rand(64, generator=generator) < 0.75).double())
        playing.append(sampler.sample(uniforms(sampler, 64, seed)))
        seen[len(sampler.history)] = sampler.report()
    updates = [x for x in seen.values() if x["updates"]]
    assert len(updates) == 17
    assert min(x["ess"] for x in updates) > 50
    assert max(abs(x["expected_success"] - 0.75) for x in updates) < 0.2

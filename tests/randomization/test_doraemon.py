"""DORAEMON and its Betas: formulas against quadrature, the start, the steps, the weights of episodes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad

from ashore.configs.sampler import DoraemonSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers import betas
from ashore.randomization.samplers.doraemon import DoraemonSampler
from tests.randomization.spaces import LINEAR, SPACE, dimension, uniforms


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

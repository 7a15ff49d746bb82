"""What actors draw from: formulas by hand and against torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical as ReferenceCategorical
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution
from torch.distributions import kl_divergence as reference_kl

from ashore.policies.distributions import Categorical, Gaussian, SquashedGaussian
from ashore.policies.networks import GaussianActor, SquashedActor


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kl_of_a_unit_gaussian_from_one_shifted_by_one_and_twice_as_wide() -> None:
    zero, one, log2 = torch.zeros(1), torch.ones(1), torch.full((1,), math.log(2))
    # log 2 + (1 + 1) / (2 * 4) - 1/2
    assert Gaussian(zero, zero).kl_to(Gaussian(one, log2)).item() == pytest.approx(math.log(2) - 0.25)
    assert Gaussian(one, log2).kl_to(Gaussian(one, log2)).item() == pytest.approx(0, abs=1e-7)


def test_a_gaussian_agrees_with_torch() -> None:
    mean_p, mean_q, action = _random(3, 5, 4)
    log_std_p, log_std_q = _random(2, 4, seed=1)
    p, q = (Independent(Normal(m, s.exp()), 1) for m, s in ((mean_p, log_std_p), (mean_q, log_std_q)))
    ours, other = Gaussian(mean_p, log_std_p), Gaussian(mean_q, log_std_q)
    torch.testing.assert_close(ours.log_prob(action), p.log_prob(action))
    torch.testing.assert_close(ours.entropy().expand(5), p.entropy())
    torch.testing.assert_close(ours.kl_to(other), reference_kl(p, q))


def test_a_categorical_agrees_with_torch_and_draws_by_its_probabilities() -> None:
    logits_p, logits_q = _random(2, 5, 4)
    p, q, action = (
        ReferenceCategorical(logits=logits_p),
        ReferenceCategorical(logits=logits_q),
        torch.tensor([0, 1, 2, 3, 0]),
    )
    ours = Categorical(logits_p)
    torch.testing.assert_close(ours.log_prob(action), p.log_prob(action))
    torch.testing.assert_close(ours.entropy(), p.entropy())
    torch.testing.assert_close(ours.kl_to(Categorical(logits_q)), reference_kl(p, q))
    drawn = Categorical(logits_p[0].expand(40_000, 4)).sample(torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.bincount(minlength=4) / 40_000, p.probs[0].float(), atol=0.01, rtol=0)


def test_a_squashed_gaussian_agrees_with_torch_also_where_the_tanh_is_flat() -> None:
    mean, log_std = 2 * _random(50, 3), _random(50, 3, seed=1)
    reference = TransformedDistribution(Independent(Normal(mean, log_std.exp()), 1), [TanhTransform(cache_size=1)])
    ours = SquashedGaussian(mean, log_std)
    action, log_prob = ours.draw(torch.Generator().manual_seed(0))
    assert action.abs().max() <= 1
    near = action.abs().max(-1).values < 0.999  # torch's own inverse loses digits beyond
    torch.testing.assert_close(log_prob[near], reference.log_prob(action)[near], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.log_prob(action)[near], log_prob[near], rtol=1e-4, atol=1e-4)
    assert SquashedGaussian(mean + 30, log_std).draw(torch.Generator().manual_seed(0))[1].isfinite().all()


def test_a_fresh_actor_acts_near_zero_with_the_spread_asked_for() -> None:
    actor = GaussianActor(6, 2, (64, 32), "elu", 0.7, torch.Generator().manual_seed(0))
    assert actor(torch.randn(100, 6)).abs().max() < 0.2
    torch.testing.assert_close(actor.log_std.exp(), torch.full((2,), 0.7))


def test_the_layers_of_a_squashed_actor_give_its_mode() -> None:
    actor = SquashedActor(6, 2, (16,), "relu", torch.Generator().manual_seed(0))
    seen = torch.randn(100, 6)
    torch.testing.assert_close(torch.nn.Sequential(*actor.layers())(seen), actor.mode(actor(seen)))

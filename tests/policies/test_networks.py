"""Gaussian formulas by hand and against torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Independent, Normal
from torch.distributions import kl_divergence as reference_kl

from ashore.policies.networks import Actor, entropy, kl_divergence, log_prob


def test_kl_of_a_unit_gaussian_from_one_shifted_by_one_and_twice_as_wide() -> None:
    zero, one, log2 = torch.zeros(1), torch.ones(1), torch.full((1,), math.log(2))
    # log 2 + (1 + 1) / (2 * 4) - 1/2
    assert kl_divergence(zero, zero, one, log2).item() == pytest.approx(math.log(2) - 0.25)
    assert kl_divergence(one, log2, one, log2).item() == pytest.approx(0, abs=1e-7)


def test_log_prob_entropy_and_kl_agree_with_torch() -> None:
    g = torch.Generator().manual_seed(0)
    mean_p, mean_q, action = torch.randn(3, 5, 4, generator=g, dtype=torch.float64)
    log_std_p, log_std_q = torch.randn(2, 4, generator=g, dtype=torch.float64)
    p, q = (Independent(Normal(m, s.exp()), 1) for m, s in ((mean_p, log_std_p), (mean_q, log_std_q)))
    torch.testing.assert_close(log_prob(action, mean_p, log_std_p), p.log_prob(action))
    torch.testing.assert_close(entropy(log_std_p).expand(5), p.entropy())
    torch.testing.assert_close(kl_divergence(mean_p, log_std_p, mean_q, log_std_q), reference_kl(p, q))


def test_a_fresh_actor_acts_near_zero_with_the_spread_asked_for() -> None:
    actor = Actor(6, 2, (64, 32), "elu", 0.7, torch.Generator().manual_seed(0))
    assert actor(torch.randn(100, 6)).abs().max() < 0.2
    torch.testing.assert_close(actor.log_std.exp(), torch.full((2,), 0.7))

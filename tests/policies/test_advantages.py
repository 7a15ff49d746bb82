"""Generalized advantage estimation: a case by hand, and the definition as a sum."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ashore.policies.advantages import estimate_advantages


def test_truncated_bootstraps_from_its_terminal_observation_and_terminated_from_zero() -> None:
    # Discount and lambda 0.5, all rewards 1. World 0 is truncated at t = 1 in a state worth 10, world 1 terminates there.
    value = torch.tensor([[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]])
    next_value = torch.tensor([[4.0, 4.0], [10.0, torch.nan], [8.0, 8.0]])
    ends = torch.tensor([[False, False], [True, False], [False, False]])
    advantage, returns = estimate_advantages(torch.ones(3, 2), value, next_value, ends.flip(1), ends, 0.5, 0.5)
    # delta: 1 + 2 - 2 = 1; 1 + 5 - 4 = 2 or 1 - 4 = -3; 1 + 4 - 6 = -1. The first adds a quarter of the second.
    expected = torch.tensor([[1.5, 0.25], [2.0, -3.0], [-1.0, -1.0]])
    assert torch.equal(advantage, expected)
    assert torch.equal(returns, expected + value)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_equals_the_sum_of_discounted_errors_up_to_the_episodes_end(
    seed: int, discount: float, gae_lambda: float
) -> None:
    random = np.random.default_rng(seed)
    reward, value, next_value = random.normal(size=(3, 12, 4))
    ended = random.random((2, 12, 4)) < 0.2
    r, v, following, terminated, truncated = (torch.from_numpy(x) for x in (reward, value, next_value, *ended))
    advantage, _ = estimate_advantages(r, v, following, terminated, truncated, discount, gae_lambda)
    for n in range(4):
        for t in range(12):
            expected = 0.0
            for k in range(t, 12):
                error = reward[k, n] + discount * next_value[k, n] * (not ended[0, k, n]) - value[k, n]
                expected += (discount * gae_lambda) ** (k - t) * error
                if ended[:, k, n].any():
                    break
            assert abs(float(advantage[t, n]) - expected) < 1e-12

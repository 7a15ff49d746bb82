"""What steps are credited with: cases by hand, the definitions as sums, and how one becomes the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ashore.policies.advantages import estimate_advantages, n_step_return, reward_to_go, v_trace, whole_return

# Discount 0.5, all rewards 1. World 0 is truncated at t = 1 in a state worth 10, world 1 terminates there.
VALUE = torch.tensor([[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]])
NEXT = torch.tensor([[4.0, 4.0], [10.0, torch.nan], [8.0, 8.0]])
TRUNCATED = torch.tensor([[False, False], [True, False], [False, False]])
TERMINATED = TRUNCATED.flip(1)
STEPS = (torch.ones(3, 2), NEXT, TERMINATED, TRUNCATED, 0.5)


def test_truncated_bootstraps_from_its_terminal_observation_and_terminated_from_zero() -> None:
    advantage, returns = estimate_advantages(torch.ones(3, 2), VALUE, NEXT, TERMINATED, TRUNCATED, 0.5, 0.5)
    # delta: 1 + 2 - 2 = 1; 1 + 5 - 4 = 2 or 1 - 4 = -3; 1 + 4 - 6 = -1. The first adds a quarter of the second.
    expected = torch.tensor([[1.5, 0.25], [2.0, -3.0], [-1.0, -1.0]])
    assert torch.equal(advantage, expected)
    assert torch.equal(returns, expected + VALUE)


def test_lambda_0_is_one_step_and_lambda_1_the_reward_to_go() -> None:
    zero, _ = estimate_advantages(torch.ones(3, 2), VALUE, NEXT, TERMINATED, TRUNCATED, 0.5, 0.0)
    assert torch.equal(zero, torch.tensor([[1.0, 1.0], [2.0, -3.0], [-1.0, -1.0]]))
    one, returns = estimate_advantages(torch.ones(3, 2), VALUE, NEXT, TERMINATED, TRUNCATED, 0.5, 1.0)
    assert torch.equal(one, torch.tensor([[2.0, -0.5], [2.0, -3.0], [-1.0, -1.0]]))
    assert torch.equal(returns, reward_to_go(*STEPS))


def test_reward_to_go_by_hand() -> None:
    # t = 2: 1 + 8 / 2. t = 1: 1 + 10 / 2, or 1. t = 0: 1 and half of that.
    assert torch.equal(reward_to_go(*STEPS), torch.tensor([[4.0, 1.5], [6.0, 1.0], [5.0, 5.0]]))


def test_whole_return_adds_the_rewards_before_within_the_episode() -> None:
    assert torch.equal(whole_return(*STEPS), torch.tensor([[4.0, 1.5], [7.0, 2.0], [5.0, 5.0]]))
    undiscounted = whole_return(torch.ones(3, 2), NEXT, TERMINATED, TRUNCATED, 1.0)
    assert torch.equal(undiscounted, torch.tensor([[12.0, 2.0], [12.0, 2.0], [9.0, 9.0]]))  # one return an episode


def test_n_steps_by_hand() -> None:
    assert torch.equal(n_step_return(*STEPS, 1), torch.tensor([[3.0, 3.0], [6.0, 1.0], [5.0, 5.0]]))
    assert torch.equal(n_step_return(*STEPS, 2), torch.tensor([[4.0, 1.5], [6.0, 1.0], [5.0, 5.0]]))
    never = torch.zeros(3, 1, dtype=torch.bool)
    next_value = torch.tensor([[2.0], [4.0], [8.0]])
    # 1 + 1/2 + 4/4, then 1 + 1/2 + 8/4, then the rollout ends: 1 + 8/2.
    assert n_step_return(torch.ones(3, 1), next_value, never, never, 0.5, n=2)[:, 0].tolist() == [2.5, 3.5, 5.0]


def _random(seed: int) -> tuple[Tensor, ...]:
    """Reward, value, next value, terminated, truncated: [12, 4] each."""
    random = np.random.default_rng(seed)
    numbers, ended = random.normal(size=(3, 12, 4)), random.random((2, 12, 4)) < 0.2
    return tuple(torch.from_numpy(x) for x in (*numbers, *ended))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_equals_the_sum_of_discounted_errors_up_to_the_episodes_end(
    seed: int, discount: float, gae_lambda: float
) -> None:
    reward, value, next_value, terminated, truncated = _random(seed)
    advantage, _ = estimate_advantages(reward, value, next_value, terminated, truncated, discount, gae_lambda)
    for n in range(4):
        for t in range(12):
            expected = 0.0
            for k in range(t, 12):
                error = reward[k, n] + discount * next_value[k, n] * ~terminated[k, n] - value[k, n]
                expected += (discount * gae_lambda) ** (k - t) * float(error)
                if terminated[k, n] or truncated[k, n]:
                    break
            assert abs(float(advantage[t, n]) - expected) < 1e-12


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 14))
def test_n_step_return_is_the_sum_of_n_rewards_and_the_value_they_led_to(seed: int, discount: float, n: int) -> None:
    reward, _, next_value, terminated, truncated = _random(seed)
    target = n_step_return(reward, next_value, terminated, truncated, discount, n)
    for w in range(4):
        for t in range(12):
            expected = 0.0
            for k in range(t, min(12, t + n)):
                expected += discount ** (k - t) * float(reward[k, w])
                if terminated[k, w] or truncated[k, w]:
                    break
            if not terminated[k, w]:
                expected += discount ** (k - t + 1) * float(next_value[k, w])
            assert float(target[t, w]) == pytest.approx(expected, abs=1e-12)
    if n >= 12:
        torch.testing.assert_close(target, reward_to_go(reward, next_value, terminated, truncated, discount))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_v_trace_of_the_policy_that_acted_is_the_return_of_as_many_steps_as_there_are(
    seed: int, discount: float
) -> None:
    reward, value, next_value, terminated, truncated = _random(seed)
    next_value = _consistent(value, next_value, terminated | truncated)
    steps = (reward, value, next_value, terminated, truncated, discount)
    advantage, target = v_trace(*steps, ratio=torch.ones_like(reward))
    expected = n_step_return(reward, next_value, terminated, truncated, discount, n=12)
    torch.testing.assert_close(target, expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(advantage, expected - value, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 2), st.floats(0.1, 2))
def test_v_trace_equals_its_sum(seed: int, rho_clip: float, c_clip: float) -> None:
    """Espeholt et al., eq. 1: v_s = V_s + sum_t discount^(t-s) c_s ... c_(t-1) rho_t delta_t."""
    reward, value, next_value, terminated, truncated = _random(seed)
    next_value = _consistent(value, next_value, terminated | truncated)
    ratio = torch.from_numpy(np.random.default_rng(seed + 1).uniform(0, 3, (12, 4)))
    steps = (reward, value, next_value, terminated, truncated, 0.9, ratio, rho_clip, c_clip)
    advantage, target = v_trace(*steps)
    for n in range(4):
        for s in range(12):
            expected, trace = float(value[s, n]), 1.0
            for t in range(s, 12):
                delta = float(reward[t, n] + 0.9 * next_value[t, n] * ~terminated[t, n] - value[t, n])
                expected += trace * min(rho_clip, float(ratio[t, n])) * delta
                trace *= 0.9 * min(c_clip, float(ratio[t, n]))
                if terminated[t, n] or truncated[t, n]:
                    break
            assert float(target[s, n]) == pytest.approx(expected, abs=1e-12)
            ends = bool(terminated[s, n] or truncated[s, n]) or s == 11
            following = float(next_value[s, n] * ~terminated[s, n]) if ends else float(target[s + 1, n])
            assert float(advantage[s, n]) == pytest.approx(
                float(reward[s, n] + 0.9 * following - value[s, n]), abs=1e-12
            )


def _consistent(value: Tensor, next_value: Tensor, ended: Tensor) -> Tensor:
    """Where an episode goes on, what a step led to is what the next one saw."""
    return torch.cat([torch.where(ended[:-1], next_value[:-1], value[1:]), next_value[-1:]])

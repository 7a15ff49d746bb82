"""The policy gradient, exactly: every trajectory of a small problem with its probability, in place of samples."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from ashore.policies.advantages import estimate_advantages, n_step_return, reward_to_go, whole_return
from ashore.policies.distributions import Categorical
from ashore.policies.on_policy.updates import policy_gradient_loss

STEPS = 3
# Two states, two actions, three steps, then the end. TO[s, a]: probability of state 1. REWARD[t, s, a].
TO = torch.tensor([[0.2, 0.9], [0.6, 0.3]], dtype=torch.float64)
REWARD = torch.tensor(
    [[[3.0, 1.0], [0.0, 2.0]], [[1.0, -1.0], [4.0, 0.5]], [[2.0, 0.0], [1.0, 5.0]]], dtype=torch.float64
)
THETA = torch.tensor([[0.3, -0.2], [0.1, 0.8]], dtype=torch.float64)  # logits of each state


def trajectories() -> tuple[Tensor, Tensor]:
    """States and actions of every trajectory that begins in state 0: [T, 32] each."""
    rows = [
        ((0, *later), actions)
        for later in itertools.product((0, 1), repeat=STEPS - 1)
        for actions in itertools.product((0, 1), repeat=STEPS)
    ]
    states, actions = (torch.tensor(x).T for x in zip(*rows, strict=True))
    return states, actions


def probability(theta: Tensor, state: Tensor, action: Tensor) -> Tensor:
    """[32]"""
    chosen = theta.softmax(-1)[state, action].prod(0)
    one = TO[state[:-1], action[:-1]]
    return chosen * torch.where(state[1:] == 1, one, 1 - one).prod(0)


def values() -> Tensor:
    """V_t(s) of the policy: [T + 1, 2]."""
    value = torch.zeros(STEPS + 1, 2, dtype=torch.float64)
    for t in reversed(range(STEPS)):
        q = REWARD[t] + (1 - TO) * value[t + 1, 0] + TO * value[t + 1, 1]
        value[t] = (THETA.softmax(-1) * q).sum(-1)
    return value


def weights() -> dict[str, Tensor]:
    """What each step of each trajectory is weighted with, by the way of crediting it: [T, 32] each."""
    state, action = trajectories()
    time = torch.arange(STEPS)[:, None]
    reward, value = REWARD[time, state, action], values()[time, state]
    next_value = torch.cat([value[1:], torch.full((1, state.shape[1]), torch.nan, dtype=torch.float64)])
    terminated = (time == STEPS - 1).expand_as(state)
    ends = (terminated, torch.zeros_like(terminated))
    to_go = reward_to_go(reward, next_value, *ends, 1.0)
    return {
        "whole": whole_return(reward, next_value, *ends, 1.0),
        "to_go": to_go,
        "baseline": to_go - value,
        "n_step": n_step_return(reward, next_value, *ends, 1.0, 2) - value,
        "gae": estimate_advantages(reward, value, next_value, *ends, 1.0, 0.5)[0],
        "td0": n_step_return(reward, next_value, *ends, 1.0, 1) - value,
    }


def moments(credit: Tensor) -> tuple[Tensor, float]:
    """Mean [2, 2] of the gradient of one trajectory, and the sum of its components' variances."""
    state, action = trajectories()
    p = probability(THETA, state, action)
    gradients = []
    for k in range(state.shape[1]):
        theta = THETA.clone().requires_grad_()
        log_prob = Categorical(theta[state[:, k]]).log_prob(action[:, k])
        loss = STEPS * policy_gradient_loss(log_prob, credit[:, k])
        gradients.append(-torch.autograd.grad(loss, theta)[0])
    each = torch.stack(gradients)
    mean = (p[:, None, None] * each).sum(0)
    return mean, float((p[:, None, None] * (each - mean).square()).sum())


@pytest.mark.parametrize("name", weights())
def test_the_mean_is_the_gradient_of_the_expected_return(name: str) -> None:
    state, action = trajectories()
    theta = THETA.clone().requires_grad_()
    returns = REWARD[torch.arange(STEPS)[:, None], state, action].sum(0)
    expected = torch.autograd.grad((probability(theta, state, action) * returns).sum(), theta)[0]
    torch.testing.assert_close(moments(weights()[name])[0], expected)


def test_the_variance_falls_with_every_step_of_the_ladder() -> None:
    variance = {name: moments(credit)[1] for name, credit in weights().items()}
    assert list(variance.values()) == sorted(variance.values(), reverse=True)
    assert variance["to_go"] < 0.8 * variance["whole"] and variance["baseline"] < 0.5 * variance["to_go"]


def test_the_bandit_that_is_worked_by_hand() -> None:
    """theta = (1, -1, 0); the first arm was pulled and gave 3: the gradient is 3 (1 - pi_1, -pi_2, -pi_3)."""
    theta = torch.tensor([[1.0, -1.0, 0.0]], requires_grad=True)
    pi = theta.detach().softmax(-1)[0]
    assert [round(x, 2) for x in pi.tolist()] == [0.67, 0.09, 0.24]
    loss = policy_gradient_loss(Categorical(theta).log_prob(torch.tensor([0])), torch.tensor([3.0]))
    gradient = -torch.autograd.grad(loss, theta)[0][0]
    torch.testing.assert_close(gradient, 3 * torch.tensor([1 - pi[0], -pi[1], -pi[2]]))
    assert [round(x, 2) for x in gradient.tolist()] == [1.0, -0.27, -0.73]

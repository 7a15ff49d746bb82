"""On a small Markov decision process whose values are known, every target leads to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ashore.policies.advantages import estimate_advantages, n_step_return, reward_to_go, v_trace

STATES, ACTIONS, DISCOUNT, LIMIT = 3, 2, 0.9, 5
# TO[s, a]: probabilities of the next state; the rest ends the episode. REWARD[s, a].
TO = torch.tensor(
    [
        [[0.1, 0.8, 0.1], [0.0, 0.2, 0.8]],
        [[0.5, 0.0, 0.3], [0.1, 0.1, 0.3]],
        [[0.3, 0.6, 0.1], [0.9, 0.0, 0.0]],
    ],
    dtype=torch.float64,
)
REWARD = torch.tensor([[1.0, -1.0], [0.5, 2.0], [-0.5, 0.0]], dtype=torch.float64)
POLICY = torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8]], dtype=torch.float64)
OTHER = torch.tensor([[0.5, 0.5], [0.6, 0.4], [0.4, 0.6]], dtype=torch.float64)


def solved(policy: Tensor) -> tuple[Tensor, Tensor]:
    """V = (1 - discount P)^-1 r and Q = r + discount P V of a policy: [S], [S, A]."""
    chain, reward = torch.einsum("sa,sat->st", policy, TO), (policy * REWARD).sum(1)
    value = torch.linalg.solve(torch.eye(STATES, dtype=torch.float64) - DISCOUNT * chain, reward)
    return value, REWARD + DISCOUNT * TO @ value


def played(policy: Tensor, steps: int = 8, worlds: int = 20_000) -> tuple[Tensor, ...]:
    """States, actions, rewards, states led to, terminated, truncated after `LIMIT` steps: [T, N] each."""
    generator = torch.Generator().manual_seed(0)

    def drawn(p: Tensor) -> Tensor:
        return torch.multinomial(p, 1, generator=generator)[:, 0]

    state, age = drawn(torch.ones(worlds, STATES)), drawn(torch.ones(worlds, LIMIT))
    rows = []
    for _ in range(steps):
        action = drawn(policy[state])
        onward = TO[state, action]
        following = drawn(torch.cat([onward, 1 - onward.sum(1, keepdim=True)], 1).clip(min=0))
        age = age + 1
        terminated = following == STATES
        truncated = (age >= LIMIT) & ~terminated
        rows.append((state, action, REWARD[state, action], following.clip(max=STATES - 1), terminated, truncated))
        ended = terminated | truncated
        state = torch.where(ended, drawn(torch.ones(worlds, STATES)), following.clip(max=STATES - 1))
        age = age.masked_fill(ended, 0)
    return tuple(torch.stack(x) for x in zip(*rows, strict=True))


def mean_by(index: Tensor, target: Tensor, size: int) -> Tensor:
    sums = torch.zeros(size, dtype=torch.float64).index_add_(0, index.flatten(), target.flatten())
    return sums / torch.bincount(index.flatten(), minlength=size)


Target = Callable[..., Tensor]  # of reward, value, next value, terminated, truncated
TARGETS: dict[str, Target] = {
    "td0": lambda r, v, nv, end, cut: n_step_return(r, nv, end, cut, DISCOUNT, 1),
    "n_step": lambda r, v, nv, end, cut: n_step_return(r, nv, end, cut, DISCOUNT, 3),
    "monte_carlo": lambda r, v, nv, end, cut: reward_to_go(r, nv, end, cut, DISCOUNT),
    "gae": lambda r, v, nv, end, cut: estimate_advantages(r, v, nv, end, cut, DISCOUNT, 0.8)[1],
}


@pytest.mark.parametrize("name", TARGETS)
def test_values_of_states_and_actions_and_advantages_come_out(name: str) -> None:
    """A wrong bootstrap at the time limit, or a right one at the end, would move them by far more than chance does."""
    state, action, reward, following, terminated, truncated = played(POLICY)
    expected_v, expected_q = solved(POLICY)
    value = torch.zeros(STATES, dtype=torch.float64)
    for _ in range(40):
        seen = value[state], value[following]
        target = TARGETS[name](reward, *seen, terminated, truncated)
        value = mean_by(state, target, STATES)
    q = mean_by(state * ACTIONS + action, target, STATES * ACTIONS).view(STATES, ACTIONS)
    torch.testing.assert_close(value, expected_v, rtol=0, atol=0.03)
    torch.testing.assert_close(q, expected_q, rtol=0, atol=0.05)
    torch.testing.assert_close(q - value[:, None], expected_q - expected_v[:, None], rtol=0, atol=0.05)


def test_v_trace_learns_the_value_of_a_policy_that_did_not_act() -> None:
    state, action, reward, following, terminated, truncated = played(OTHER)
    ratio = (POLICY / OTHER)[state, action]
    expected_v, expected_q = solved(POLICY)
    value = torch.zeros(STATES, dtype=torch.float64)
    for _ in range(40):
        steps = (reward, value[state], value[following], terminated, truncated, DISCOUNT, ratio)
        advantage, target = v_trace(*steps, 10.0, 1.0)
        value = mean_by(state, target, STATES)
    torch.testing.assert_close(value, expected_v, rtol=0, atol=0.03)
    assert (solved(OTHER)[0] - expected_v).abs().min() > 0.03  # it is another one's
    advantages = mean_by(state * ACTIONS + action, advantage, STATES * ACTIONS).view(STATES, ACTIONS)
    torch.testing.assert_close(advantages, expected_q - expected_v[:, None], rtol=0, atol=0.05)


def test_a_sarsa_critic_learns_q() -> None:
    """r + discount Q(s', a') with a' drawn from the policy, as `actor_critic` has it."""
    state, action, reward, following, terminated, _ = played(POLICY)
    generator = torch.Generator().manual_seed(1)
    chosen = torch.multinomial(POLICY[following.flatten()], 1, generator=generator).view(following.shape)
    q = torch.zeros(STATES, ACTIONS, dtype=torch.float64)
    for _ in range(40):
        target = reward + DISCOUNT * q[following, chosen].masked_fill(terminated, 0)
        q = mean_by(state * ACTIONS + action, target, STATES * ACTIONS).view(STATES, ACTIONS)
    torch.testing.assert_close(q, solved(POLICY)[1], rtol=0, atol=0.05)

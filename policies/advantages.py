"""What an action is credited with, and what a critic is taught: whole returns to V-trace, as pure functions of a rollout.

All tensors are [T, N]: T steps of N worlds. `next_value[t]` is the value of the observation that step t led to: for a world
that ended there, of its own terminal observation, not of the next episode's first. It stands for all that would have come
later where an episode was truncated or the rollout stops, and counts for nothing (and may be anything) where the world
terminated. Nothing of the next episode counts either way. A target T_t is what V(s_t) should be; its advantage is T_t - V(s_t).
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def reward_to_go(reward: Tensor, next_value: Tensor, terminated: Tensor, truncated: Tensor, discount: float) -> Tensor:
    """G_t = r_t + discount * G_{t+1}: every reward that follows. Sutton and Barto, 2nd ed., eq. 3.9."""
    ended = terminated | truncated
    stops = ended.clone()
    stops[-1] = True
    first = reward + discount * next_value.masked_fill(terminated | ~stops, 0)
    return _backward(first, discount * (~ended).to(reward.dtype))


@torch.no_grad()
def whole_return(reward: Tensor, next_value: Tensor, terminated: Tensor, truncated: Tensor, discount: float) -> Tensor:
    """G_t and, as they came, the episode's rewards before t since the rollout began.

    Without discount this is the episode's return, the same for all its steps. What was earned before an action does not
    depend on it: the gradient's mean is that of `reward_to_go`, its variance is not.
    """
    before = torch.zeros_like(reward)
    for t in range(1, len(reward)):
        before[t] = (before[t - 1] + reward[t - 1]).masked_fill(terminated[t - 1] | truncated[t - 1], 0)
    return before + reward_to_go(reward, next_value, terminated, truncated, discount)


@torch.no_grad()
def n_step_return(
    reward: Tensor, next_value: Tensor, terminated: Tensor, truncated: Tensor, discount: float, n: int
) -> Tensor:
    """n rewards, then the critic: r_t + ... + discount^n V(s_{t+n}), or fewer up to the end. Sutton and Barto, eq. 7.1.

    n = 1 is the target of TD(0); n >= T is `reward_to_go`.
    """
    ended = terminated | truncated
    one = reward + discount * next_value.masked_fill(terminated, 0)
    target = one
    for _ in range(min(n, len(reward)) - 1):
        longer = reward[:-1] + discount * target[1:]
        target = torch.cat([torch.where(ended[:-1], one[:-1], longer), one[-1:]])
    return target


@torch.no_grad()
def estimate_advantages(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    discount: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Generalized advantages and returns (advantage + value). Schulman et al., arXiv 1506.02438, eq. 16.

    gae_lambda = 0 is TD(0); 1 is `reward_to_go`.
    """
    delta = reward + discount * next_value.masked_fill(terminated, 0) - value
    carry = discount * gae_lambda * (~(terminated | truncated)).to(reward.dtype)
    advantage = _backward(delta, carry)
    return advantage, advantage + value


@torch.no_grad()
def v_trace(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    discount: float,
    ratio: Tensor,
    rho_clip: float = 1.0,
    c_clip: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Advantages of the policy's gradient and targets of the critic. Espeholt et al., arXiv 1802.01561, eq. 1 and section 4.2.

    ratio: pi(a|s) / mu(a|s) of the present policy to the one that acted. The advantage is not yet weighted with it.
    Ratios of 1 give `reward_to_go`.
    """
    rho, c = ratio.clip(max=rho_clip), ratio.clip(max=c_clip)
    ended = terminated | truncated
    led_to = next_value.masked_fill(terminated, 0)
    delta = rho * (reward + discount * led_to - value)
    target = value + _backward(delta, discount * c * (~ended).to(reward.dtype))
    following = torch.cat([torch.where(ended[:-1], led_to[:-1], target[1:]), led_to[-1:]])
    return reward + discount * following - value, target


def _backward(first: Tensor, carry: Tensor) -> Tensor:
    """x_t = first_t + carry_t x_{t+1}, from the last step to the first."""
    out = torch.empty_like(first)
    later = torch.zeros_like(first[0])
    for t in reversed(range(len(first))):
        later = first[t] + carry[t] * later
        out[t] = later
    return out

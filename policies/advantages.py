"""Generalized advantage estimation, with terminated and truncated episodes told apart."""

from __future__ import annotations

import torch
from torch import Tensor


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
    """Advantages and returns (advantage + value), all [T, N]. Schulman et al., arXiv 1506.02438, eq. 16.

    next_value[t] is the value of the observation that step t led to: for a world that ended there, of its own terminal
    observation, not of the next episode's first. It counts for nothing (and may be anything) where the world terminated.
    The sum over later steps is cut where an episode ended either way.
    """
    delta = reward + discount * next_value.masked_fill(terminated, 0) - value
    carry = discount * gae_lambda * (~(terminated | truncated)).to(reward.dtype)
    advantage = torch.empty_like(reward)
    later = torch.zeros_like(reward[0])
    for t in reversed(range(len(reward))):
        later = delta[t] + carry[t] * later
        advantage[t] = later
    return advantage, advantage + value

"""The actor, the critic, and the diagonal Gaussian between the actor's mean and its actions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.schema import PPOSettings
from ashore.policies.memory import make_memory

ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": nn.ELU, "relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}
LOG_2PI = math.log(2 * math.pi)


def mlp(
    sizes: Sequence[int], activation: str, last_gain: float, generator: torch.Generator | None = None
) -> nn.Sequential:
    """Linear layers of `sizes` with an activation between them; orthogonal weights, zero biases.

    Gains sqrt(2) and `last_gain` as in Andrychowicz et al., "What matters in on-policy RL", arXiv 2006.05990.
    """
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        linear = nn.Linear(inputs, outputs)
        nn.init.orthogonal_(linear.weight, last_gain if last else math.sqrt(2), generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


class Actor(nn.Module):
    """What its memory makes of observations [..., features] -> mean action [..., action_size]; the spread is the same in
    every state.

    Without memory, features are the normalized observation. Actions leave the actor unclipped; the environment clips
    them to [-1, 1].
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int],
        activation: str = "elu",
        initial_std: float = 0.7,
        generator: torch.Generator | None = None,
        memory: MemorySettings | None = None,
    ) -> None:
        super().__init__()
        self.memory = make_memory(observation_size, memory or MemorySettings(), generator)
        self.mean = mlp((self.memory.features, *hidden, action_size), activation, 0.01, generator)
        self.log_std = nn.Parameter(torch.full((action_size,), math.log(initial_std)))

    def forward(self, features: Tensor) -> Tensor:
        return self.mean(features)


def make_actor(
    settings: PPOSettings, observation_size: int, action_size: int, generator: torch.Generator | None = None
) -> Actor:
    s = settings
    return Actor(observation_size, action_size, s.actor_hidden, s.activation, s.initial_std, generator, s.memory)


class Critic(nn.Module):
    """Normalized observation [..., m] -> value [...]."""

    def __init__(
        self, observation_size: int, hidden: Sequence[int], activation: str, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.value = mlp((observation_size, *hidden, 1), activation, 1.0, generator)

    def forward(self, observation: Tensor) -> Tensor:
        return self.value(observation).squeeze(-1)


def log_prob(action: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """log N(action; mean, exp(log_std)^2), summed over the last axis: [..., a] -> [...]."""
    z = (action - mean) * (-log_std).exp()
    return -0.5 * z.square().sum(-1) - (log_std + 0.5 * LOG_2PI).sum(-1)


def entropy(log_std: Tensor) -> Tensor:
    """Entropy in nats of a diagonal Gaussian: sum of log(sigma) + (1 + log 2 pi) / 2 over the last axis."""
    return (log_std + 0.5 * (1 + LOG_2PI)).sum(-1)


def kl_divergence(mean_p: Tensor, log_std_p: Tensor, mean_q: Tensor, log_std_q: Tensor) -> Tensor:
    """KL(p || q) in nats between diagonal Gaussians, summed over the last axis: [..., a] -> [...].

    log(sigma_q / sigma_p) + (sigma_p^2 + (mu_p - mu_q)^2) / (2 sigma_q^2) - 1/2 a component.
    """
    squared = (2 * log_std_p).exp() + (mean_p - mean_q).square()
    return (log_std_q - log_std_p + 0.5 * squared * (-2 * log_std_q).exp() - 0.5).sum(-1)

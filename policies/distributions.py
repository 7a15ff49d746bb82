"""What actors draw actions from. Each is made from the actor's output, its head, and what of it is the same in every state.

Sampling takes a generator; log-probabilities, entropies and divergences are in nats, summed over an action's components.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

LOG_2PI = math.log(2 * math.pi)


class Distribution(Protocol):
    """Over actions, one a row."""

    def sample(self, generator: torch.Generator) -> Tensor:
        """An action a row; no gradients."""
        ...

    def log_prob(self, action: Tensor) -> Tensor:
        """Of one action a row: [...]."""
        ...

    def entropy(self) -> Tensor:
        """[...], or [] where it is the same in every state."""
        ...

    def kl_to(self, other: Any) -> Tensor:
        """KL(self || other), of the same kind: [...]."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """Independent components: mean [..., a], log_std [a]."""

    mean: Tensor
    log_std: Tensor

    @torch.no_grad()
    def sample(self, generator: torch.Generator) -> Tensor:
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + self.log_std.exp() * noise

    def log_prob(self, action: Tensor) -> Tensor:
        z = (action - self.mean) * (-self.log_std).exp()
        return -0.5 * z.square().sum(-1) - (self.log_std + 0.5 * LOG_2PI).sum(-1)

    def entropy(self) -> Tensor:
        return (self.log_std + 0.5 * (1 + LOG_2PI)).sum(-1)

    def kl_to(self, other: Gaussian) -> Tensor:
        """KL(self || other): log(s_q / s_p) + (s_p^2 + (m_p - m_q)^2) / (2 s_q^2) - 1/2 a component."""
        squared = (2 * self.log_std).exp() + (self.mean - other.mean).square()
        return (other.log_std - self.log_std + 0.5 * squared * (-2 * other.log_std).exp() - 0.5).sum(-1)


@dataclass(frozen=True)
class Categorical:
    """One of k choices: logits [..., k]; actions are int64 [...]."""

    logits: Tensor

    @torch.no_grad()
    def sample(self, generator: torch.Generator) -> Tensor:
        """By the largest of the logits with Gumbel noise."""
        uniform = torch.rand(self.logits.shape, generator=generator, device=self.logits.device)
        noise = -torch.log(-torch.log(uniform.clip(1e-20, 1 - 1e-7)))
        return (self.logits + noise).argmax(-1)

    def log_prob(self, action: Tensor) -> Tensor:
        return self.logits.log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        log_p = self.logits.log_softmax(-1)
        return -(log_p.exp() * log_p).sum(-1)

    def kl_to(self, other: Categorical) -> Tensor:
        log_p = self.logits.log_softmax(-1)
        return (log_p.exp() * (log_p - other.logits.log_softmax(-1))).sum(-1)


@dataclass(frozen=True)
class SquashedGaussian:
    """The tanh of a Gaussian, within (-1, 1): mean and log_std [..., a] before the tanh.

    Haarnoja et al., arXiv 1812.05905, appendix C.
    """

    mean: Tensor
    log_std: Tensor

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Actions with gradients through them (reparameterized), and their log-probabilities."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        before = self.mean + self.log_std.exp() * noise
        # log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)), which large |u| does not spoil.
        squash = 2 * (math.log(2) - before - functional.softplus(-2 * before))
        log_prob = (-0.5 * noise.square() - self.log_std - 0.5 * LOG_2PI - squash).sum(-1)
        return before.tanh(), log_prob

    @torch.no_grad()
    def sample(self, generator: torch.Generator) -> Tensor:
        return self.draw(generator)[0]

    def log_prob(self, action: Tensor) -> Tensor:
        inside = action.clip(-1 + 1e-6, 1 - 1e-6)
        gaussian = Gaussian(self.mean, self.log_std).log_prob(inside.atanh())
        return gaussian - torch.log1p(-inside.square()).sum(-1)

    def entropy(self) -> Tensor:
        """Of the Gaussian before the tanh, an upper bound; that after it has no closed form."""
        return Gaussian(self.mean, self.log_std).entropy()

    def kl_to(self, other: SquashedGaussian) -> Tensor:
        """That of the Gaussians, for both are squashed alike."""
        return Gaussian(self.mean, self.log_std).kl_to(Gaussian(other.mean, other.log_std))

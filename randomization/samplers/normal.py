"""Fixed spreads: every dimension normal around nominal, cut off at its widest bounds, along its own scale."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.special import ndtr, ndtri

from ashore.configs.sampler import NormalSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers.base import CENTRAL, Fixed, Space, no_token


class NormalSampler(Fixed):
    """Independent truncated normals, drawn by inverting their distribution function."""

    def __init__(self, dimensions: tuple[Dimension, ...], settings: NormalSettings) -> None:
        self._space = space = Space(dimensions)
        self.num_uniforms = len(dimensions)
        self._std = settings.std * space.scale
        least, most = space.limits("bounds")
        std = self._std.clip(min=1e-300)  # of what is held no normal is drawn: its limits are one value
        self._ends = (least - space.start) / std, (most - space.start) / std
        self._below, above = (ndtr(end) for end in self._ends)
        self._mass = above - self._below  # of the normal that lies within the limits; nominal does, so at least a half

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        return self._space.exact(self._quantile(u.double())), no_token(len(u))

    def _quantile(self, p: Tensor) -> Tensor:
        """The value, along the scale, with probability p [..., d] below it."""
        normal = ndtri(torch.addcmul(self._below, p, self._mass))
        low, high = self._ends
        return torch.addcmul(self._space.start, torch.clamp(normal, low, high), self._std)

    def ranges(self) -> tuple[Tensor, Tensor]:
        tail = torch.full_like(self._mass, (1 - CENTRAL) / 2)
        return self._space.exact(self._quantile(tail)), self._space.exact(self._quantile(1 - tail))

    def entropies(self) -> Tensor:
        """Of a truncated normal: ln(sqrt(2 pi e) sigma Z) + (alpha phi(alpha) - beta phi(beta)) / 2 Z; Z: mass within."""
        slopes = [end * torch.exp(-(end**2) / 2) / math.sqrt(2 * math.pi) for end in self._ends]
        nats = 0.5 * math.log(2 * math.pi * math.e) + (self._std * self._mass).log()
        return self._space.relative(nats + (slopes[0] - slopes[1]) / (2 * self._mass))

"""Fixed ranges, the honest baseline: every dimension uniform over [low, high], along its own scale."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.configs.sampler import UniformSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers.base import Fixed, Space, no_token


class UniformSampler(Fixed):
    """Independent uniforms; `log` dimensions are uniform in the logarithm."""

    def __init__(self, dimensions: tuple[Dimension, ...], settings: UniformSettings | None = None) -> None:
        self._space = Space(dimensions)
        low, high = (
            torch.tensor([getattr(d, end) for d in dimensions], dtype=torch.float64) for end in ("low", "high")
        )
        self._declared = low, high
        self.num_uniforms = len(dimensions)

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        scaled = torch.addcmul(self._space.low, u.double(), self._space.scale)
        return self._space.back(scaled), no_token(len(u))

    def ranges(self) -> tuple[Tensor, Tensor]:
        return self._declared

    def entropies(self) -> Tensor:
        return self._space.relative(self._space.scale.log())

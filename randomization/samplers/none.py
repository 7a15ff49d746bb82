"""Every world is nominal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ashore.configs.sampler import NoneSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers.base import Fixed, no_token


class NoneSampler(Fixed):
    """What training without randomization is compared by."""

    num_uniforms = 0

    def __init__(self, dimensions: tuple[Dimension, ...], settings: NoneSettings) -> None:
        self._nominal = torch.tensor([d.nominal for d in dimensions], dtype=torch.float64)

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        return self._nominal.repeat(len(u), 1), no_token(len(u))

    def ranges(self) -> tuple[Tensor, Tensor]:
        return self._nominal, self._nominal

    def entropies(self) -> Tensor:
        return torch.full_like(self._nominal, -math.inf)

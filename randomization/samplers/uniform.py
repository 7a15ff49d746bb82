"""Fixed ranges, the honest baseline: every dimension uniform over [low, high], along its own scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from configs.space import Dimension


class UniformSampler:
    """Independent uniforms; `log` dimensions are uniform in the logarithm."""

    def __init__(self, dimensions: tuple[Dimension, ...]) -> None:
        self._log = torch.tensor([d.distribution == "log" for d in dimensions])
        low = torch.tensor([d.low for d in dimensions], dtype=torch.float64)
        high = torch.tensor([d.high for d in dimensions], dtype=torch.float64)
        self._low = torch.where(self._log, low.clip(min=1e-300).log(), low)
        self._span = torch.where(self._log, high.clip(min=1e-300).log(), high) - self._low

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """u: [n, d] uniforms -> lambda [n, d] and a token [n] that says what each episode tests: nothing here."""
        values = torch.addcmul(self._low, u.double(), self._span)
        return torch.where(self._log, values.exp(), values), torch.zeros(len(u), dtype=torch.int64)

    def observe(self, token: Tensor, values: Tensor, score: Tensor) -> None:
        """Fixed ranges learn nothing from scores."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass

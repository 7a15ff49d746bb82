"""Features that a linear function of observations stands on: a Fourier basis, or tiles."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from ashore.configs.algorithms import FeatureSettings
from ashore.configs.errors import UsageError
from ashore.policies.layout import Layout

MOST_FEATURES = 2**18
WIDE = 1e6  # a bound beyond this says nothing of the values that occur
SPREADS = 4.0  # standard deviations on either side that a value without bounds is scaled by


class Features(nn.Module):
    """Observations [..., n] -> (index [..., k], value [..., k]) of the k features that are not 0.

    Values are scaled to [0, 1] by the environment's bounds; one without bounds by what `measure` saw, at first by [-1, 1].
    """

    known: Tensor
    low: Tensor
    high: Tensor
    vectors: Tensor
    step_sizes: Tensor

    def __init__(self, settings: FeatureSettings, inputs: int, layout: Layout) -> None:
        super().__init__()
        self.settings, self.inputs = settings, inputs
        if settings.kind == "fourier":
            self.size = (settings.order + 1) ** inputs
        else:
            self.size = settings.tilings * (settings.tiles + 1) ** inputs
        if self.size > MOST_FEATURES:
            raise UsageError(
                f"algorithm.features: {settings.kind} of {inputs} values has more than {MOST_FEATURES:,} features; "
                "allowed: a lower order or fewer tiles; or another algorithm, as dqn"
            )
        low, high = (torch.tensor(x, dtype=torch.float64) for x in (layout.low, layout.high))
        known = (high - low < WIDE) if len(low) else torch.zeros(inputs, dtype=torch.bool)
        self.register_buffer("known", known)
        one = torch.ones(inputs, dtype=torch.float64)
        self.register_buffer("low", torch.where(known, low, -one) if len(low) else -one)
        self.register_buffer("high", torch.where(known, high, one) if len(low) else one)
        self.register_buffer("vectors", self._vectors(), persistent=False)
        norms = self.vectors.norm(dim=1).clip(min=1) if settings.kind == "fourier" else torch.ones(self.size).double()
        self.register_buffer("step_sizes", 1 / norms, persistent=False)  # Konidaris et al. 2011, sec. 4.1

    def _vectors(self) -> Tensor:
        """Fourier: the coefficients [F, n]. Tiles: each grid's shift in tiles [tilings, n], odd multiples of 1 / tilings."""
        s, n = self.settings, self.inputs
        if s.kind == "fourier":
            return torch.tensor(list(itertools.product(range(s.order + 1), repeat=n)), dtype=torch.float64).reshape(
                -1, n
            )
        odd = 2 * torch.arange(n, dtype=torch.float64) + 1
        return (torch.arange(s.tilings, dtype=torch.float64).unsqueeze(1) * odd / s.tilings) % 1

    def measure(self, seen: Tensor) -> None:
        """Scale the values without bounds by observations [B, n]."""
        rows = seen.double()
        middle, reach = rows.mean(0), SPREADS * rows.std(0).clip(min=1e-3)
        self.low.copy_(torch.where(self.known, self.low, middle - reach))
        self.high.copy_(torch.where(self.known, self.high, middle + reach))

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        unit = ((seen.double() - self.low) / (self.high - self.low)).clip(0, 1)
        s = self.settings
        if s.kind == "fourier":  # cos(pi c . x)
            value = torch.cos(torch.pi * unit @ self.vectors.T)
            return torch.arange(self.size).expand(value.shape), value
        cell = (unit.unsqueeze(-2) * s.tiles + self.vectors).floor().long()  # [..., tilings, n], up to `tiles` included
        index = torch.arange(s.tilings).expand(cell.shape[:-1])
        for column in cell.unbind(-1):
            index = index * (s.tiles + 1) + column
        return index, torch.ones(index.shape, dtype=torch.float64)

    def dense(self, seen: Tensor) -> Tensor:
        """All features: [B, n] -> [B, F]."""
        index, value = self(seen)
        return torch.zeros(len(seen), self.size, dtype=torch.float64).scatter_(1, index, value)

"""Observations brought to zero mean and unit spread, with statistics gathered while training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Normalizer(nn.Module):
    """Running mean and variance of rows [B, size]; `forward` is ((x - mean) / std) clipped to +-`clip`.

    Statistics are float64 and merged batch by batch (Chan, Golub and LeVeque 1979, eq. 2.1), so that the batches' sizes do
    not matter. `forward` reads only two float32 vectors, the same in training and in the exported graph.
    Before the first update it passes values through.
    """

    count: Tensor
    mean: Tensor
    squares: Tensor
    shift: Tensor
    scale: Tensor

    # A component that never moved in training has std 0. This floor keeps the first small motion of it from saturating.
    SMALLEST_STD = 1e-3

    def __init__(self, size: int, clip: float = 10.0) -> None:
        super().__init__()
        self.clip = clip
        self.frozen = False
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(size, dtype=torch.float64))  # sum of (x - mean)^2
        self.register_buffer("shift", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    @property
    def std(self) -> Tensor:
        """[size] float64, at least `SMALLEST_STD`; ones before the first update."""
        if self.count == 0:
            return torch.ones_like(self.mean)
        return (self.squares / self.count).sqrt().clip(min=self.SMALLEST_STD)

    @torch.no_grad()
    def update(self, rows: Tensor) -> None:
        """Take `rows` [B, size] into the statistics; does nothing while frozen."""
        if self.frozen or len(rows) == 0:
            return
        x = rows.double()
        mean = x.mean(0)
        squares = (x - mean).square().sum(0)
        delta = mean - self.mean
        total = self.count + len(x)
        self.squares += squares + delta.square() * (self.count * len(x) / total)
        self.mean += delta * (len(x) / total)
        self.count.copy_(total)
        self.shift.copy_(self.mean)
        self.scale.copy_(1 / self.std)

    @torch.no_grad()
    def weigh(self, rows: float) -> None:
        """Let the statistics so far count as those of so many rows, against what comes later."""
        self.squares *= rows / self.count
        self.count.fill_(rows)

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.shift) * self.scale).clip(-self.clip, self.clip)

    def inverse(self, y: Tensor) -> Tensor:
        """The value whose normalized form is `y`, where it was not clipped."""
        return y / self.scale + self.shift

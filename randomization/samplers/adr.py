"""Automatic domain randomization (OpenAI, "Solving Rubik's Cube with a Robot Hand", arXiv 1910.07113, section 5.2).

The distribution is a product of uniforms that starts at zero width at nominal. An episode is, with some probability, a
boundary evaluation: lambda is drawn as ever, then one dimension is pinned to its low or its high bound, and how the episode
ends goes into that bound's buffer. A full buffer is averaged and cleared: the bound widens, narrows, or stays. Such
episodes train the policy like all others.

What the paper leaves open is read so: a bound narrows to nominal at most, so that bounds never cross and the calibrated
world stays in; no bound moves past its limit; a bound without room to move (its limit is nominal) is not tested; an episode
that tested a bound where it no longer is does not count, or many worlds would carry small buffers past their mark.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.sampler import AdrSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers.base import Space


class AdrSampler:
    """Bounds are numbered 0 to 2d - 1: all low ones, then all high ones. A token is 0 for an ordinary episode, and
    1 + bound + 2d * (how often it had moved) for one that tests a bound."""

    def __init__(self, dimensions: tuple[Dimension, ...], settings: AdrSettings) -> None:
        self._space, self._settings = Space(dimensions), settings
        self._d = d = len(dimensions)
        self._start = self._space.start.repeat(2)
        self._limit = torch.cat(self._space.limits(settings.within))
        self._outward = torch.cat((-self._space.scale, self._space.scale)) * settings.step
        self._movable = (self._limit != self._start).nonzero().squeeze(1)
        self.num_uniforms = d + 2 if len(self._movable) else d
        self.bounds = self._start.clone()  # [2d] along the scale
        self._moves = torch.zeros(2 * d, dtype=torch.int64)
        self._count = torch.zeros(2 * d, dtype=torch.int64)
        self._sum = torch.zeros(2 * d, dtype=torch.float64)
        self.success = torch.full((2 * d,), -1.0, dtype=torch.float64)  # mean of the last full buffer; -1: none yet

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        d, u = self._d, u.double()
        low, high = self.bounds[:d], self.bounds[d:]
        scaled = torch.addcmul(low, u[:, :d], high - low)
        token = torch.zeros(len(u), dtype=torch.int64)
        if self.num_uniforms > d:
            testing = (u[:, d] < self._settings.boundary_probability).nonzero().squeeze(1)
            tested = self._movable[(u[testing, d + 1] * len(self._movable)).long()]
            scaled[testing, tested % d] = self.bounds[tested]
            token[testing] = 1 + tested + 2 * d * self._moves[tested]
        return self._space.exact(scaled), token

    def observe(self, token: Tensor, values: Tensor, score: Tensor) -> None:
        for test, success in zip((token - 1).tolist(), score.tolist(), strict=True):
            moves, bound = divmod(test, 2 * self._d)
            if test < 0 or moves != self._moves[bound]:
                continue
            self._count[bound] += 1
            self._sum[bound] += float(success)
            if self._count[bound] >= self._settings.buffer:
                self._decide(bound)

    def _decide(self, bound: int) -> None:
        rate = self._sum[bound] / self._count[bound]
        self.success[bound] = rate
        self._count[bound], self._sum[bound] = 0, 0.0
        way = int(rate >= self._settings.widen_at) - int(rate <= self._settings.narrow_at)
        ends = torch.stack((self._start[bound], self._limit[bound]))
        moved = (self.bounds[bound] + way * self._outward[bound]).clip(ends.min(), ends.max())
        self._moves[bound] += int(moved != self.bounds[bound])
        self.bounds[bound] = moved

    def ranges(self) -> tuple[Tensor, Tensor]:
        low, high = (self._space.exact(end) for end in self.bounds.view(2, self._d))
        return low, high

    def entropies(self) -> Tensor:
        low, high = self.bounds.view(2, self._d)
        return self._space.relative((high - low).log())

    def report(self) -> dict[str, float]:
        """Success at the bounds, those that were measured."""
        ends = [f"success_{end}/{name}" for end in ("low", "high") for name in self._space.names]
        return {name: rate for name, rate in zip(ends, self.success.tolist(), strict=True) if rate >= 0}

    def state_dict(self) -> dict[str, Any]:
        return {
            "bounds": self.bounds.clone(),
            "moves": self._moves.clone(),
            "count": self._count.clone(),
            "sum": self._sum.clone(),
            "success": self.success.clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.bounds, self._moves = state["bounds"].clone(), state["moves"].clone()
        self.success = state["success"].clone()
        self._count, self._sum = state["count"].clone(), state["sum"].clone()

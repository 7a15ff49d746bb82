"""One difficulty for the whole space: all ranges grow together, while the policy keeps up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.sampler import CurriculumSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers.base import Space, no_token


class CurriculumSampler:
    """Uniform from nominal + difficulty * (low - nominal) to nominal + difficulty * (high - nominal)."""

    def __init__(self, dimensions: tuple[Dimension, ...], settings: CurriculumSettings) -> None:
        self._space, self._settings = Space(dimensions), settings
        self._limits = self._space.limits(settings.within)
        self.num_uniforms = len(dimensions)
        self.difficulty = 0.0
        self._count, self._successes = 0, 0.0

    def _bounds(self) -> tuple[Tensor, Tensor]:
        start = self._space.start
        low, high = (torch.lerp(start, limit, self.difficulty) for limit in self._limits)
        return low, high

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        low, high = self._bounds()
        return self._space.exact(torch.addcmul(low, u.double(), high - low)), no_token(len(u))

    def observe(self, token: Tensor, values: Tensor, score: Tensor) -> None:
        """Decide each time so many episodes have ended; between the thresholds nothing changes."""
        for success in score.tolist():
            self._count, self._successes = self._count + 1, self._successes + float(success)
            if self._count < self._settings.episodes:
                continue
            rate = self._successes / self._count
            self._count, self._successes = 0, 0.0
            step = self._settings.step * ((rate >= self._settings.widen_at) - (rate <= self._settings.narrow_at))
            self.difficulty = min(1.0, max(0.0, self.difficulty + step))

    def ranges(self) -> tuple[Tensor, Tensor]:
        low, high = (self._space.exact(end) for end in self._bounds())
        return low, high

    def entropies(self) -> Tensor:
        low, high = self._bounds()
        return self._space.relative((high - low).log())

    def report(self) -> dict[str, float]:
        return {"difficulty": self.difficulty}

    def state_dict(self) -> dict[str, Any]:
        return {"difficulty": self.difficulty, "count": self._count, "successes": self._successes}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.difficulty = state["difficulty"]
        self._count, self._successes = state["count"], state["successes"]

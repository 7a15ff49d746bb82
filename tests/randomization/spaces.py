"""Small spaces for samplers, and the random numbers that they draw from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.space import Dimension
from ashore.randomization.samplers.base import Sampler


def dimension(name: str, nominal: float, low: float, high: float, widest: Any, scale: str = "linear") -> Dimension:
    return Dimension.model_validate(
        {"name": name, "group": name, "unit": "1", "nominal": nominal, "low": low, "high": high}
        | {"distribution": scale, "widest": widest}
    )


LINEAR = dimension("linear", 1.0, 0.5, 2.0, (0.0, 5.0))


LOG = dimension("log", 0.3, 0.1, 1.0, (0.01, 10.0), "log")


ONE_SIDED = dimension("one_sided", 0.0, 0.0, 0.2, (0.0, 0.5))


HELD = dimension("held", 0.7, 0.6, 0.6, (0.1, 2.0), "log")


SPACE = (LINEAR, LOG, ONE_SIDED, HELD)


def uniforms(sampler: Sampler, count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, sampler.num_uniforms, generator=torch.Generator().manual_seed(seed))

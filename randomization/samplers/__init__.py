"""Samplers choose the next world: `sample`, `observe`, `state_dict` (see `base.Sampler`). One file an algorithm."""

from __future__ import annotations

from typing import Any

from ashore.configs.base import Settings
from ashore.configs.space import Dimension
from ashore.randomization.samplers.adr import AdrSampler
from ashore.randomization.samplers.base import Sampler
from ashore.randomization.samplers.curriculum import CurriculumSampler
from ashore.randomization.samplers.doraemon import DoraemonSampler
from ashore.randomization.samplers.none import NoneSampler
from ashore.randomization.samplers.normal import NormalSampler
from ashore.randomization.samplers.uniform import UniformSampler

SAMPLERS: dict[str, Any] = {
    "none": NoneSampler,
    "uniform": UniformSampler,
    "normal": NormalSampler,
    "curriculum": CurriculumSampler,
    "adr": AdrSampler,
    "doraemon": DoraemonSampler,
}  # by kind


def make(settings: Settings, dimensions: tuple[Dimension, ...]) -> Sampler:
    """The sampler that these settings of `ashore.configs.sampler` describe, for a space."""
    sampler: Sampler = SAMPLERS[getattr(settings, "kind")](dimensions, settings)  # noqa: B009
    return sampler

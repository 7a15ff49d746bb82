"""Samplers choose the next world: `sample`, `observe`, `state_dict` (see `base.Sampler`). One file an algorithm."""

from __future__ import annotations

from typing import Any

from configs.base import Settings
from configs.space import Dimension
from randomization.samplers.adr import AdrSampler
from randomization.samplers.base import Sampler
from randomization.samplers.curriculum import CurriculumSampler
from randomization.samplers.doraemon import DoraemonSampler
from randomization.samplers.none import NoneSampler
from randomization.samplers.normal import NormalSampler
from randomization.samplers.uniform import UniformSampler

SAMPLERS: dict[str, Any] = {
    "none": NoneSampler,
    "uniform": UniformSampler,
    "normal": NormalSampler,
    "curriculum": CurriculumSampler,
    "adr": AdrSampler,
    "doraemon": DoraemonSampler,
}  # by kind


def make(settings: Settings, dimensions: tuple[Dimension, ...]) -> Sampler:
    """The sampler that these settings of `configs.sampler` describe, for a space."""
    sampler: Sampler = SAMPLERS[getattr(settings, "kind")](dimensions, settings)  # noqa: B009
    return sampler

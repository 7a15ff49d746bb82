"""The randomization card of a trained policy: which worlds it saw in the end, and which it never saw."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ashore.configs.base import Fraction, Settings


class ParameterCard(Settings):
    """One parameter of lambda as the sampler used it at the end of training."""

    name: str
    unit: str
    distribution: Literal["linear", "log"]
    nominal: float
    low: float
    high: float
    declared: tuple[float, float]
    entropy: float | None = Field(description="nats over the declared width; none where it took one value alone")
    success_low: Fraction | None = Field(default=None, description="success rate of episodes at `low`, where measured")
    success_high: Fraction | None = Field(default=None, description="success rate of episodes at `high`")


class Card(Settings):
    """The whole card."""

    sampler: dict[str, Any] = Field(description="its settings")
    ends: Literal["exact", "central 95 %"] = Field(description="what `low` and `high` are: of a density, quantiles")
    entropy: float | None = Field(description="mean over the parameters that have one, nats over the declared width")
    parameters: tuple[ParameterCard, ...]
    numbers: dict[str, float] = Field(description="what else the sampler reports")
    not_randomized: tuple[str, ...] = Field(description="rows of the catalogue that no entry of the space touches")

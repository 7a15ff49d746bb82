"""Settings of algorithms that learn what each choice is worth, as a function of what is seen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ashore.configs.algorithms.exploring import ExploringSettings
from ashore.configs.base import Count, Fraction, NonNegative, Positive, Settings


class FeatureSettings(Settings):
    """What a linear function stands on: of observations scaled to [0, 1]."""

    kind: Literal["fourier", "tiles"] = "fourier"
    order: Annotated[int, Field(ge=1, le=15)] = Field(default=3, description="fourier: of the highest cosine")
    tilings: Annotated[int, Field(ge=1, le=64)] = Field(default=8, description="tiles: grids, each a little shifted")
    tiles: Annotated[int, Field(ge=2, le=64)] = Field(default=8, description="tiles: of a grid, along each value")


class LinearQSettings(ExploringSettings):
    """Semi-gradient Q-learning, linear in features: Sutton and Barto 2018, ch. 10."""

    kind: Literal["linear_q"]
    rollout_steps: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=128, description="control steps of each world in an iteration"
    )
    learning_rate: Positive = Field(default=0.1, description="shared by the features that are active at once")
    discount: Fraction = 0.99
    learning_starts: Count = Field(
        default=1_000, description="random control steps that show the range of observations"
    )
    features: FeatureSettings = FeatureSettings()


class FittedQSettings(ExploringSettings):
    """Fitted Q iteration, Ernst et al. 2005, by ridge regression on features; from its own steps, or from a data set."""

    kind: Literal["fitted_q"]
    rollout_steps: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=256, description="control steps of each world between two fits"
    )
    data: str | None = Field(
        default=None, description="file of transitions, .npz or .safetensors, to learn from instead of own steps"
    )
    data_size: Annotated[int, Field(ge=64, le=2**24)] = Field(
        default=100_000, description="transitions kept, the newest"
    )
    iterations: Annotated[int, Field(ge=1, le=100_000)] = Field(default=100, description="regressions in a fit")
    ridge: NonNegative = Field(default=1e-3, description="penalty of a squared weight, for each transition")
    discount: Fraction = 0.99
    learning_starts: Count = Field(default=2_000, description="random control steps before the first fit")
    features: FeatureSettings = FeatureSettings()

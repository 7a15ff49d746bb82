"""Settings of algorithms that learn what each choice is worth, as a function of what is seen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ashore.configs.algorithms.exploring import ExploringSettings
from ashore.configs.algorithms.networks import Activation, Width
from ashore.configs.base import Count, Fraction, NonNegative, Positive, Settings


class DQNSettings(ExploringSettings):
    """Q-learning with a network, a replay and a target network: Mnih et al., Nature 518, 2015; double, arXiv 1509.06461."""

    kind: Literal["dqn"]
    rollout_steps: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=64, description="control steps of each world in an iteration"
    )
    updates_per_step: Annotated[float, Field(gt=0, le=64)] = Field(
        default=0.25, description="gradient updates per control step, counted over all worlds"
    )
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 128
    buffer_size: Annotated[int, Field(ge=64, le=2**28)] = Field(
        default=50_000, description="control steps that are remembered, over all worlds"
    )
    learning_starts: Count = Field(
        default=1_000, description="random control steps over all worlds before the first update"
    )
    learning_rate: Positive = 5e-4
    discount: Fraction = 0.99
    n_step: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="rewards that are summed before the network's value is trusted"
    )
    double: bool = Field(default=True, description="the network chooses, the target network values")
    target_every: Count | None = Field(
        default=250, description="updates between copies into the target network; null: it follows by tau"
    )
    tau: Annotated[float, Field(gt=0, le=1)] = Field(default=0.005, description="of the way, in an update")
    max_grad_norm: Positive = 10.0
    hidden: tuple[Width, ...] = (128, 128)
    channels: tuple[Width, ...] = Field(
        default=(32, 64, 64),
        description="of the convolutions that an image goes through first, each of which halves it",
    )
    activation: Activation = "relu"
    normalize_observations: bool = Field(default=True, description="not of images, whose bytes are divided by 255")


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

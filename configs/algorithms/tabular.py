"""Settings of algorithms that keep one number a state and choice, or a choice alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ashore.configs.algorithms.exploring import ExploringSettings
from ashore.configs.base import Count, Fraction, NonNegative, Positive, Settings


class TabularSettings(ExploringSettings):
    """What every learner of a table of values has."""

    rollout_steps: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=128, description="control steps of each world in an iteration"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    learning_rate_power: Fraction = Field(
        default=0.0, description="the rate is learning_rate / visits ** this; above 0.5 it converges"
    )
    discount: Fraction = 0.99
    initial_value: float = Field(default=0.0, description="of every state and choice; a high one makes it explore")


class QLearningSettings(TabularSettings):
    """Learns what the best choice is worth, whatever it does: Watkins 1989; Sutton and Barto 2018, sec. 6.5."""

    kind: Literal["q_learning"]


class SarsaSettings(TabularSettings):
    """Learns what its own choices are worth, exploration included: Sutton and Barto 2018, sec. 6.4."""

    kind: Literal["sarsa"]


class GradientBanditSettings(Settings):
    """Preferences of choices, whatever is seen: Sutton and Barto 2018, sec. 2.8."""

    kind: Literal["gradient_bandit"]
    rollout_steps: Count = Field(default=100, description="control steps of each world in an iteration")
    learning_rate: Positive = 0.1
    baseline: bool = Field(default=True, description="measure rewards from their mean so far")
    initial_preference: NonNegative = 0.0

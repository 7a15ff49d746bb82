"""Settings of learning from preferences."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ashore.configs.algorithms.networks import Width
from ashore.configs.base import Count, Fraction, NonNegative, Positive, Settings


class RewardModelSettings(Settings):
    """An ensemble of small networks fitted to answers."""

    members: Annotated[int, Field(ge=1, le=32)] = 3
    hidden: tuple[Width, ...] = (64, 64)
    learning_rate: Positive = 1e-3
    weight_decay: NonNegative = 1e-3
    epochs: Count = Field(default=100, description="passes over the answers, at most")
    patience: Count = Field(default=15, description="epochs without a better held-out loss, after which it stops")
    batch_size: Count = Field(default=16, description="pairs")
    held_out: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.2, description="of the answers, to judge by")
    random_answers: Fraction = Field(
        default=0.1,
        description="of the answers, that are taken to be given by chance: section 2.2.3 of arXiv 1706.03741",
    )


class PreferenceSettings(Settings):
    """Rounds of: show pairs of clips, fit a reward to the answers, improve the policy against it."""

    rounds: Annotated[int, Field(ge=1, le=1000)] = 5
    pairs: Annotated[int, Field(ge=4, le=4096)] = Field(default=40, description="asked about in a round")
    clip_seconds: Positive = 1.5
    steps: Count = Field(default=100_000, description="control steps of a round, over all worlds")
    kl_coefficient: NonNegative = Field(
        default=0.02,
        description="of a step's log-probability against the first policy's, in deviations of the fitted reward per nat",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    reward_model: RewardModelSettings = RewardModelSettings()

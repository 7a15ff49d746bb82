"""Settings of behaviour cloning."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ashore.configs.base import Count, Positive, Settings


class CloneSettings(Settings):
    """How an actor is fitted to recorded episodes."""

    epochs: Count = Field(default=200, description="passes over the steps, at most")
    patience: Count = Field(default=20, description="epochs without a better held-out loss, after which it stops")
    batch_size: Count = 256
    learning_rate: Positive = 1e-3
    held_out: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.125, description="of the episodes, to judge by; at least one"
    )

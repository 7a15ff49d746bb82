"""Settings of algorithms that choose what they hold for best, and now and then anything."""

from __future__ import annotations

from pydantic import Field, model_validator

from ashore.configs.base import Count, Fraction, Settings


class ExploringSettings(Settings):
    """Epsilon-greedy: a random choice with probability epsilon, which falls linearly."""

    epsilon_start: Fraction = 1.0
    epsilon_end: Fraction = 0.05
    epsilon_steps: Count = Field(default=50_000, description="control steps over all worlds until epsilon_end")

    @model_validator(mode="after")
    def _falling(self) -> ExploringSettings:
        if self.epsilon_end > self.epsilon_start:
            raise ValueError(f"epsilon_end = {self.epsilon_end}; allowed: at most epsilon_start = {self.epsilon_start}")
        return self

"""Settings of algorithms that learn from what the present policy did."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.algorithms.networks import Activation, Width
from ashore.configs.base import Count, Fraction, NonNegative, Positive, Settings


class OnPolicySettings(Settings):
    """What every learner from its own rollouts has."""

    kind: str
    rollout_steps: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=24, description="control steps of each world in an iteration"
    )
    learning_rate: Positive = 1e-3
    discount: Fraction = 0.97
    entropy_coefficient: NonNegative = 0.0
    max_grad_norm: Positive = 1.0
    actor_hidden: tuple[Width, ...] = (256, 128)
    critic_hidden: tuple[Width, ...] = (256, 128)
    activation: Activation = "elu"
    initial_std: Positive = Field(default=0.7, description="of the action's noise, and the ceiling of it at the start")
    final_std: Positive = Field(
        default=0.7, description="ceiling after std_steps: low noise is what makes a policy calm"
    )
    std_steps: Count = Field(default=1_000_000, description="control steps over which the ceiling falls, geometrically")
    memory: MemorySettings = MemorySettings()

    @property
    def critic(self) -> str:
        """What the critic tells, and from which layers: one that tells the same may start from another's weights."""
        return "V(s)"

    @model_validator(mode="after")
    def _consistent(self) -> OnPolicySettings:
        if self.final_std > self.initial_std:
            raise ValueError(f"final_std = {self.final_std}; allowed: at most initial_std = {self.initial_std}")
        steps, sequence = self.rollout_steps, self.memory.sequence
        if sequence is not None and steps % sequence:
            raise ValueError(f"memory.sequence = {sequence}; allowed: a divisor of rollout_steps = {steps}")
        if self.memory.burn_in > steps:
            raise ValueError(f"memory.burn_in = {self.memory.burn_in}; allowed: at most rollout_steps = {steps}")
        return self


class PPOSettings(OnPolicySettings):
    """Proximal policy optimization with clipping, arXiv 1707.06347."""

    kind: Literal["ppo"] = "ppo"
    gae_lambda: Fraction = 0.95
    epochs: Count = 4
    minibatch_size: Count = 1536
    learning_rate_bounds: tuple[Positive, Positive] = (1e-5, 1e-2)
    desired_kl: Positive = Field(default=0.01, description="nats; the learning rate follows it")
    clip: Positive = 0.2
    value_coefficient: NonNegative = 1.0

    @model_validator(mode="after")
    def _bounds(self) -> PPOSettings:
        low, high = self.learning_rate_bounds
        if not low <= self.learning_rate <= high:
            raise ValueError(
                f"learning_rate = {self.learning_rate}; allowed: within learning_rate_bounds [{low}, {high}]"
            )
        return self

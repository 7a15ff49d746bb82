"""Settings of algorithms that learn from a replay of whatever was done."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.algorithms.networks import Activation, Width
from ashore.configs.base import Count, Fraction, Positive, Settings

Entropy = Annotated[float, Field(ge=-1e6, le=1e6)]  # nats


class ReplaySettings(Settings):
    """What every learner from a replay has."""

    kind: str

    rollout_steps: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=8, description="control steps of each world in an iteration, after which its updates are made"
    )
    updates_per_step: Annotated[float, Field(gt=0, le=64)] = Field(
        default=0.5, description="gradient updates per control step, counted over all worlds; 1 in the papers"
    )
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 256
    buffer_size: Annotated[int, Field(ge=64, le=2**28)] = Field(
        default=1_000_000, description="control steps that are remembered, over all worlds"
    )
    learning_starts: Count = Field(
        default=5_000, description="control steps over all worlds, with random actions, before the first update"
    )
    learning_rate: Positive = 3e-4
    discount: Fraction = 0.97
    n_step: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="rewards that are summed before the critic's value is trusted"
    )
    tau: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.005, description="how far the target critics follow in an update"
    )
    hidden: tuple[Width, ...] = Field(default=(256, 256), description="layers of actor and critics")
    activation: Activation = "relu"
    layer_norm: bool = Field(default=False, description="normalize the layers of the critics, arXiv 1607.06450")
    normalize_observations: bool = True
    memory: MemorySettings = MemorySettings()

    @model_validator(mode="after")
    def _memory(self) -> ReplaySettings:
        if self.memory.recurrent:
            raise ValueError(
                f"memory.kind = {self.memory.kind!r}; allowed: none or history, for a replay shuffles steps"
            )
        return self


class SACSettings(ReplaySettings):
    """Soft actor-critic with a temperature that adjusts itself, arXiv 1812.05905."""

    kind: Literal["sac"]
    target_entropy: Entropy | None = Field(
        default=None,
        description="nats that the policy's entropy is held at; left out: minus the number of actions, as in the paper",
    )
    final_entropy: Entropy | None = Field(
        default=None, description="what it falls to, evenly, over entropy_steps; left out: it stays"
    )
    entropy_steps: Count = Field(default=200_000, description="control steps over which it falls")
    initial_temperature: Positive = 0.1


class DDPGSettings(ReplaySettings):
    """Deep deterministic policy gradient, arXiv 1509.02971."""

    kind: Literal["ddpg"]
    exploration_std: Positive = Field(default=0.1, description="of the noise on actions in [-1, 1]")


class TD3Settings(ReplaySettings):
    """Twin delayed deep deterministic policy gradient, arXiv 1802.09477."""

    kind: Literal["td3"]
    exploration_std: Positive = Field(default=0.1, description="of the noise on actions in [-1, 1]")
    policy_delay: Count = Field(default=2, description="updates of the critics to one of the actor")
    target_noise_std: Positive = Field(default=0.2, description="of the noise on the actions that targets are at")
    target_noise_clip: Positive = 0.5

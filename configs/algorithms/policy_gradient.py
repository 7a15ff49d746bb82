"""Settings of the steps between the policy gradient theorem and PPO: docs/learning.md explains them in this order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ashore.configs.algorithms.on_policy import OnPolicySettings
from ashore.configs.base import Count, Fraction, NonNegative, Positive

Lambda = Annotated[Fraction, Field(description="of generalized advantages: 0 trusts the critic alone, 1 the rewards")]


class FeedforwardSettings(OnPolicySettings):
    """Of learners that take a rollout's steps one by one."""

    @model_validator(mode="after")
    def _memory(self) -> FeedforwardSettings:
        if self.memory.recurrent:
            raise ValueError(
                f"memory.kind = {self.memory.kind!r}; allowed: none or history; ppo learns recurrent actors"
            )
        return self


class CriticSettings(FeedforwardSettings):
    """Of learners that fit the critic apart from the actor's step."""

    critic_epochs: Count = Field(default=4, description="passes of the critic over a rollout")
    minibatch_size: Count = Field(default=1536, description="of these passes")


class ReinforceSettings(CriticSettings):
    """The policy gradient with returns as they came, Williams 1992."""

    kind: Literal["reinforce"]
    credit: Literal["whole", "to_go"] = Field(
        default="to_go", description="what an action is weighted with: the episode's whole return, or what follows it"
    )
    critic_learning_rate: Positive = 1e-3
    baseline: bool = Field(default=True, description="subtract the critic's value, which lowers the variance alone")


class A2CSettings(FeedforwardSettings):
    """Advantage actor-critic, in step over all worlds, arXiv 1602.01783."""

    kind: Literal["a2c"]
    target: Literal["monte_carlo", "td0", "n_step", "gae"] = Field(
        default="gae", description="what the critic is taught, and less its value the advantage"
    )
    n_step: Annotated[int, Field(ge=1, le=65536)] = Field(default=5, description="rewards summed, for target n_step")
    gae_lambda: Lambda = 0.95
    shared: bool = Field(
        default=False, description="actor and critic on the actor's layers, where the critic sees what the actor sees"
    )
    value_coefficient: NonNegative = 0.5

    @property
    def critic(self) -> str:
        return "V(s) on the actor's layers" if self.shared else super().critic

    @model_validator(mode="after")
    def _shared(self) -> A2CSettings:
        if self.shared and self.memory.kind != "none":
            raise ValueError(f"memory.kind = {self.memory.kind!r} with shared layers; allowed: none, or shared: false")
        return self


class TRPOSettings(CriticSettings):
    """Trust region policy optimization, arXiv 1502.05477."""

    kind: Literal["trpo"]
    learning_rate: Positive = Field(default=1e-3, description="of the critic; the actor's step has none")
    gae_lambda: Lambda = 0.95
    max_kl: Positive = Field(default=0.01, description="nats, delta: the mean divergence of a step stays within it")
    cg_steps: Annotated[int, Field(ge=1, le=1000)] = Field(default=10, description="of the conjugate gradient")
    damping: NonNegative = Field(default=0.1, description="added to the Fisher matrix's diagonal")
    backtracks: Annotated[int, Field(ge=1, le=100)] = Field(default=10, description="halvings of a step at most")


class PPOPenaltySettings(FeedforwardSettings):
    """Proximal policy optimization with a penalty on the divergence in place of a clip, arXiv 1707.06347 section 4."""

    kind: Literal["ppo_penalty"]
    learning_rate: Positive = 3e-4
    gae_lambda: Lambda = 0.95
    epochs: Count = 4
    minibatch_size: Count = 1536
    desired_kl: Positive = Field(default=0.01, description="nats; the penalty's weight beta follows it")
    initial_beta: Positive = 1.0
    value_coefficient: NonNegative = 1.0


class ActorCriticSettings(FeedforwardSettings):
    """Online actor-critic with a SARSA critic Q(s, a): an update at every control step."""

    kind: Literal["actor_critic"]
    learning_rate: Positive = 3e-4
    critic_learning_rate: Positive = 1e-3
    baseline: bool = Field(default=True, description="subtract Q of the policy's best guess, which lowers the variance")

    @property
    def critic(self) -> str:
        return "Q(s, a)"

    @model_validator(mode="after")
    def _none(self) -> ActorCriticSettings:
        if self.memory.kind != "none":
            raise ValueError(f"memory.kind = {self.memory.kind!r}; allowed: none, for actor_critic learns step by step")
        return self


class OffPolicyACSettings(FeedforwardSettings):
    """Actor-critic on rollouts of earlier policies, with the importance weights of V-trace, arXiv 1802.01561."""

    kind: Literal["off_policy_ac"]
    learning_rate: Positive = 5e-4
    stored_rollouts: Annotated[int, Field(ge=1, le=1024)] = Field(default=8, description="that are remembered")
    updates: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=4, description="gradient steps an iteration, each on one rollout: the newest, then any that is stored"
    )
    rho_clip: Positive = Field(default=1.0, description="largest importance weight: which policy's value is learned")
    c_clip: Positive = Field(default=1.0, description="largest factor of a trace: how far a surprise travels back")
    value_coefficient: NonNegative = 0.5

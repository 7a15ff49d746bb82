"""Advantage actor-critic, in step over all worlds (Mnih et al., arXiv 1602.01783): a critic in place of returns.

    grad J = E[ grad log pi(a_t | s_t) A_t ],  A_t = T_t - V(s_t)

The target T_t is what the critic is taught too; `target` chooses it, from all rewards to come (no bias, most variance) to one
reward and the critic (TD(0): most bias, least variance).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ashore.configs.algorithms import A2CSettings
from ashore.policies.advantages import estimate_advantages, n_step_return, reward_to_go
from ashore.policies.networks import TrunkCritic
from ashore.policies.on_policy.learner import OnPolicy
from ashore.policies.on_policy.updates import policy_gradient_loss
from ashore.policies.rollout import Rollout
from ashore.policies.vector import Observation, VectorEnv


class A2C(OnPolicy):
    """One gradient step of actor and critic over each rollout."""

    settings: A2CSettings

    def __init__(self, settings: A2CSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> None:
        self.critic_sees = "actor" if settings.shared else "critic"
        super().__init__(settings, env, seed, device)

    def make_critic(self, observation_size: int, action_size: int, generator: torch.Generator) -> nn.Module:
        if self.settings.shared:
            return TrunkCritic(self.actor, generator)
        return super().make_critic(observation_size, action_size, generator)

    def credit(self, rollout: Rollout, value: Tensor, next_value: Tensor) -> tuple[Tensor, Tensor]:
        s, ends = self.settings, (rollout.terminated, rollout.truncated)
        if s.target == "gae":
            return estimate_advantages(rollout.reward, value, next_value, *ends, s.discount, s.gae_lambda)
        steps = (rollout.reward, next_value, *ends, s.discount)
        if s.target == "monte_carlo":
            target = reward_to_go(*steps)
        else:
            target = n_step_return(*steps, s.n_step if s.target == "n_step" else 1)
        return target - value, target

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        s, batch = self.settings, self.batch(rollout, last)
        now = self.actor.distribution(self.actor(batch["actor"]))
        policy_loss = policy_gradient_loss(now.log_prob(batch["action"]), batch["advantage"])
        value_loss = (self.critic(batch["critic"]) - batch["return"]).square().mean()
        self.descend(policy_loss + s.value_coefficient * value_loss - s.entropy_coefficient * now.entropy().mean())
        return self.told({"policy_loss": policy_loss.item(), "value_loss": value_loss.item()})

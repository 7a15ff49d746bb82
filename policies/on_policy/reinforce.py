"""REINFORCE (Williams 1992): the policy gradient with returns as they came, with or without a baseline.

    grad J = E[ sum_t grad log pi(a_t | s_t) (G_t - b(s_t)) ]

G_t is the whole return of the episode or, with the same mean and less variance, the reward to go. b is the critic's value,
or 0. The critic also stands for what would have come after a time limit or the end of the rollout, baseline or not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.configs.algorithms import ReinforceSettings
from ashore.policies.advantages import reward_to_go, whole_return
from ashore.policies.on_policy.learner import OnPolicy
from ashore.policies.on_policy.updates import fit_critic, policy_gradient_loss, step
from ashore.policies.rollout import Rollout
from ashore.policies.vector import Observation


class Reinforce(OnPolicy):
    """One gradient step of the actor over each rollout; the critic is fitted beside it."""

    settings: ReinforceSettings

    def make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        s = self.settings
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=s.learning_rate, fused=True)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=s.critic_learning_rate, fused=True)
        return {"actor": self.actor_optimizer, "critic": self.critic_optimizer}

    def credit(self, rollout: Rollout, value: Tensor, next_value: Tensor) -> tuple[Tensor, Tensor]:
        s = self.settings
        steps = (rollout.reward, next_value, rollout.terminated, rollout.truncated, s.discount)
        returns = reward_to_go(*steps)
        credited = whole_return(*steps) if s.credit == "whole" else returns
        return credited - value if s.baseline else credited, returns

    def scaled(self, advantage: Tensor) -> Tensor:
        """In the spread of returns; the mean stays, for subtracting it would be a baseline."""
        return advantage * self.return_normalizer.scale

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        s, batch = self.settings, self.batch(rollout, last)
        now = self.actor.distribution(self.actor(batch["actor"]))
        policy_loss = policy_gradient_loss(now.log_prob(batch["action"]), batch["advantage"])
        loss = policy_loss - s.entropy_coefficient * now.entropy().mean()
        step(self.actor_optimizer, loss, self.actor.parameters(), s.max_grad_norm)
        rows = self.minibatches(batch, s.critic_epochs, s.minibatch_size)
        value_loss = fit_critic(self.critic, self.critic_optimizer, rows, s.max_grad_norm)
        return self.told({"policy_loss": policy_loss.item(), "value_loss": value_loss})

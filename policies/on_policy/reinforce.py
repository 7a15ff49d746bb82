"""REINFORCE (Williams 1992): the policy gradient with returns as they came, with or without a baseline.

    grad J = E[ sum_t grad log pi(a_t | s_t) (G_t - b(s_t)) ]

G_t is the whole return of the episode or, with the same mean and less variance, the reward to go. b is the critic's value,
or 0. The critic also stands for what would have come after a time limit or the end of the rollout, baseline or not.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ashore.configs.algorithms import ReinforceSettings
from ashore.policies.advantages import reward_to_go, whole_return
from ashore.policies.on_policy.learner import Batch, OnPolicy
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


def policy_gradient_loss(log_prob: Tensor, advantage: Tensor) -> Tensor:
    """Its gradient is that of -J, by the policy gradient theorem: -mean(A grad log pi). Both [B]."""
    return -(log_prob * advantage).mean()


def fit_critic(
    critic: nn.Module, optimizer: torch.optim.Optimizer, minibatches: Iterable[Batch], max_grad_norm: float
) -> float:
    """Regression of the critic on its targets; gives the mean loss."""
    losses = []
    for rows in minibatches:
        loss = (critic(rows["critic"]) - rows["return"]).square().mean()
        step(optimizer, loss, critic.parameters(), max_grad_norm)
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def step(
    optimizer: torch.optim.Optimizer, loss: Tensor, parameters: Iterable[nn.Parameter], max_grad_norm: float
) -> None:
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, max_grad_norm)
    optimizer.step()

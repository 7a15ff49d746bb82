"""Proximal policy optimization with a penalty (Schulman et al., arXiv 1707.06347, section 4): TRPO's limit as a price.

    maximize  E[ratio * A] - beta KL(policy that acted || policy)

beta is the multiplier of the constraint KL <= d. It moves by dual ascent: up where the divergence was above d, down where it
was below. The ascent is in log beta, so that beta stays positive, and by at most a factor of 2, the paper's, a rollout.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ashore.configs.algorithms import PPOPenaltySettings
from ashore.policies.advantages import estimate_advantages
from ashore.policies.on_policy.learner import Batch, OnPolicy
from ashore.policies.rollout import Rollout
from ashore.policies.vector import Observation, VectorEnv

BETA = (1e-4, 1e4)  # within which it moves


class PPOPenalty(OnPolicy):
    """Several epochs of penalized gradient steps over each rollout."""

    settings: PPOPenaltySettings

    def __init__(
        self, settings: PPOPenaltySettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        self.beta = settings.initial_beta
        super().__init__(settings, env, seed, device)

    def credit(self, rollout: Rollout, value: Tensor, next_value: Tensor) -> tuple[Tensor, Tensor]:
        s, ends = self.settings, (rollout.terminated, rollout.truncated)
        return estimate_advantages(rollout.reward, value, next_value, *ends, s.discount, s.gae_lambda)

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        s, batch, spread = self.settings, self.batch(rollout, last), self.spread()
        losses = [self._step(rows, spread) for rows in self.minibatches(batch, s.epochs, s.minibatch_size)]
        mean = {name: float(torch.stack([x[name] for x in losses]).mean()) for name in losses[0]}
        mean["kl"] = self._divergence(batch, spread)
        self._ascend(mean["kl"])
        return self.told(mean | {"beta": self.beta})

    def _step(self, rows: Batch, spread_before: Tensor | None) -> dict[str, Tensor]:
        s = self.settings
        now = self.actor.distribution(self.actor(rows["actor"]))
        kl = self.actor.distribution(rows["head"], spread_before).kl_to(now).mean()
        ratio = (now.log_prob(rows["action"]) - rows["log_prob"]).exp()
        policy_loss = -(ratio * rows["advantage"]).mean()
        value_loss = (self.critic(rows["critic"]) - rows["return"]).square().mean()
        entropy = now.entropy().mean()
        self.descend(policy_loss + self.beta * kl + s.value_coefficient * value_loss - s.entropy_coefficient * entropy)
        return {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach()}

    @torch.no_grad()
    def _divergence(self, batch: Batch, spread_before: Tensor | None) -> float:
        """Of the policy after the last step from the one that acted, nats."""
        now = self.actor.distribution(self.actor(batch["actor"]))
        return self.actor.distribution(batch["head"], spread_before).kl_to(now).mean().item()

    def _ascend(self, kl: float) -> None:
        """One step in log beta along the dual's gradient, (KL - d) / d."""
        excess = kl / self.settings.desired_kl - 1
        low, high = BETA
        self.beta = min(high, max(low, self.beta * math.exp(min(1.0, max(-1.0, excess)) * math.log(2))))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"beta": self.beta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.beta = state["beta"]

"""Proximal policy optimization with clipping (Schulman et al., arXiv 1707.06347): the whole algorithm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.algorithms import PPOSettings
from ashore.policies.advantages import estimate_advantages
from ashore.policies.memory import Recurrent
from ashore.policies.on_policy.learner import Batch, OnPolicy
from ashore.policies.process import Start, two_threads
from ashore.policies.rollout import Rollout, cut
from ashore.policies.vector import Observation, VectorEnv


class PPO(OnPolicy):
    """Several epochs of clipped gradient steps over each rollout.

    A recurrent actor learns from whole sequences, each from the state that acted, as Kapturowski et al. (ICLR 2019) store
    it, or with a burn-in from an earlier one, since the state moves on with every gradient step. The critic has no memory:
    it sees the world's state and lambda.
    """

    settings: PPOSettings

    def __init__(self, settings: PPOSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> None:
        self.learning_rate = settings.learning_rate
        recurrent = settings.memory.recurrent
        self.sequence = (settings.memory.sequence or settings.rollout_steps) if recurrent else 1
        self.burn_in = settings.memory.burn_in if recurrent else 0
        super().__init__(settings, env, seed, device, before=self.burn_in)

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        return self.update(self.batch(rollout, last))

    def credit(self, rollout: Rollout, value: Tensor, next_value: Tensor) -> tuple[Tensor, Tensor]:
        s, ends = self.settings, (rollout.terminated, rollout.truncated)
        return estimate_advantages(rollout.reward, value, next_value, *ends, s.discount, s.gae_lambda)

    def rows(self, rollout: Rollout, steps: Batch) -> Batch:
        """Of a recurrent actor, sequences with the states they were entered with."""
        if not isinstance(self.actor.memory, Recurrent):
            return super().rows(rollout, steps)
        length, whole, past = self.sequence, self.burn_in + self.sequence, rollout.past
        sequences = {name: cut(x, length, length) for name, x in steps.items()}
        sequences["actor"] = cut(self.actor_normalizer(past["actor"]), whole, length)
        sequences["began"] = cut(past["began"], whole, length)
        return sequences | {"state": past["state"][: len(steps["action"]) : length].flatten(0, 1)}

    def update(self, batch: Batch) -> dict[str, float]:
        """Several epochs over the batch."""
        s = self.settings
        spread_before = self.spread()
        totals: dict[str, Tensor | float] = {}
        passes = 0
        with two_threads() as start:
            for rows in self.minibatches(batch, s.epochs, max(1, s.minibatch_size // self.sequence)):
                losses = self._step(rows, spread_before, start)
                totals = {name: totals.get(name, 0.0) + x for name, x in losses.items()}
                passes += 1
        report = self.told({name: float(x) / passes for name, x in totals.items()})
        return report | {"learning_rate": self.learning_rate}

    def _step(self, rows: Batch, spread_before: Tensor | None, start: Start) -> dict[str, Tensor | float]:
        """One gradient step on a minibatch; the learning rate first follows the divergence from the policy that acted.

        Actor and critic share nothing but the optimizer: the critic's gradients are computed in a second thread.
        """
        self.optimizer.zero_grad()
        value_loss = start(self._descend_values, rows)
        kl, policy_loss = self._descend_policy(rows, spread_before)
        losses = {"policy_loss": policy_loss, "value_loss": value_loss(), "kl": kl}
        self._follow(kl)
        self.apply_gradients()
        return losses

    def _descend_policy(self, rows: Batch, spread_before: Tensor | None) -> tuple[float, Tensor]:
        """The actor's gradients; gives the divergence from the policy that acted, in nats, and the policy's loss."""
        s = self.settings
        now = self.actor.distribution(self.actor(self._features(rows)))
        with torch.no_grad():
            kl = self.actor.distribution(rows["head"], spread_before).kl_to(now).mean().item()
        ratio = (now.log_prob(rows["action"]) - rows["log_prob"]).exp()
        advantage = rows["advantage"]
        policy_loss = -torch.minimum(ratio * advantage, ratio.clip(1 - s.clip, 1 + s.clip) * advantage).mean()
        (policy_loss - s.entropy_coefficient * now.entropy().mean()).backward()
        return kl, policy_loss.detach()

    def _descend_values(self, rows: Batch) -> Tensor:
        """The critic's gradients; gives its mean squared error."""
        value_loss = (self.critic(rows["critic"]) - rows["return"]).square().mean()
        (self.settings.value_coefficient * value_loss).backward()
        return value_loss.detach()

    def _features(self, rows: Batch) -> Tensor:
        """What the actor's layers take, through time where it is recurrent."""
        memory = self.actor.memory
        if isinstance(memory, Recurrent):
            return memory.replay(rows["actor"], rows["began"], rows["state"], self.burn_in)
        return rows["actor"]

    def _follow(self, kl: float) -> None:
        """The rule of rsl_rl: a third slower above twice the desired divergence, half again faster below half of it."""
        low, high = self.settings.learning_rate_bounds
        if kl > 2 * self.settings.desired_kl:
            self.learning_rate = max(low, self.learning_rate / 1.5)
        elif 0 < kl < self.settings.desired_kl / 2:
            self.learning_rate = min(high, self.learning_rate * 1.5)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"learning_rate": self.learning_rate}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.learning_rate = state["learning_rate"]

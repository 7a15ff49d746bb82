"""Deterministic policies learned through their critic: DDPG (Lillicrap et al., arXiv 1509.02971) and TD3 (Fujimoto et al.,
arXiv 1802.09477), which is DDPG with two critics, smoothed targets and fewer updates of the actor."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ashore.configs.algorithms import DDPGSettings, TD3Settings
from ashore.policies.networks import TanhActor
from ashore.policies.off_policy.learner import OffPolicy
from ashore.policies.replay import Batch
from ashore.policies.vector import VectorEnv


class TD3(OffPolicy):
    """Two critics of which the smaller value counts, targets at actions with clipped noise, an actor updated less often."""

    settings: TD3Settings | DDPGSettings
    actor: TanhActor

    def __init__(
        self, settings: TD3Settings | DDPGSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(settings, env, seed, device)
        self.target_actor = copy.deepcopy(self.actor).requires_grad_(False)
        self.policy_loss = torch.zeros((), device=device)  # of its last update

    def explore(self, head: Tensor) -> Tensor:
        action = self.actor.mode(head)
        return (action + self.settings.exploration_std * self._noise(action)).clip(-1, 1)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        value_loss = self.learn_values(batch, self.targets(batch))
        if self.updates % self.policy_delay == 0:
            loss = -self.critics(batch.critic, self.actor.mode(self.actor(batch.actor)), frozen=True)[0].mean()
            self.actor_optimizer.zero_grad()
            loss.backward()
            self.actor_optimizer.step()
            self.policy_loss = loss.detach()
            self.follow(self.target_actor, self.actor)
            self.follow(self.target_critics, self.critics)
        return {"policy_loss": self.policy_loss, "value_loss": value_loss}

    @property
    def policy_delay(self) -> int:
        """Updates of the critics to one of the actor."""
        assert isinstance(self.settings, TD3Settings)
        return self.settings.policy_delay

    @torch.no_grad()
    def targets(self, batch: Batch) -> Tensor:
        """What the critics shall say of a batch, [B]."""
        action = self.smoothed(self.target_actor.mode(self.target_actor(batch.next_actor)))
        return batch.reward + batch.discount * self.target_critics(batch.next_critic, action).amin(0)

    def smoothed(self, action: Tensor) -> Tensor:
        """Actions near these, so that a narrow peak of a critic is worth little."""
        assert isinstance(self.settings, TD3Settings)
        s = self.settings
        noise = (s.target_noise_std * self._noise(action)).clip(-s.target_noise_clip, s.target_noise_clip)
        return (action + noise).clip(-1, 1)

    def _noise(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.generator, device=like.device)

    def modules(self) -> dict[str, nn.Module]:
        return super().modules() | {"target_actor": self.target_actor}

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"policy_loss": self.policy_loss}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.policy_loss = state["policy_loss"]


class DDPG(TD3):
    """One critic, its target at the action itself, an actor that moves with every update."""

    critics_count = 1
    policy_delay = 1

    def smoothed(self, action: Tensor) -> Tensor:
        return action

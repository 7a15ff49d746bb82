"""Soft actor-critic (Haarnoja et al., arXiv 1812.05905), with a temperature that adjusts itself."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ashore.configs.algorithms import SACSettings
from ashore.configs.errors import UsageError
from ashore.policies.networks import SquashedActor
from ashore.policies.off_policy.learner import OffPolicy
from ashore.policies.replay import Batch
from ashore.policies.vector import VectorEnv


class SAC(OffPolicy):
    """Maximizes reward plus temperature times entropy.

    Two critics, of which targets and actor take the smaller value (Fujimoto et al., arXiv 1802.09477). The temperature follows
    the gap between the policy's entropy and `target_entropy`.
    """

    settings: SACSettings
    actor: SquashedActor

    def __init__(self, settings: SACSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> None:
        initial = torch.tensor(math.log(settings.initial_temperature), device=device)
        self.log_temperature = nn.Parameter(initial)
        super().__init__(settings, env, seed, device)
        most = env.action_size * math.log(2)  # of an action that is anywhere within [-1, 1]
        for name in ("target_entropy", "final_entropy"):
            wanted = getattr(settings, name)
            if wanted is not None and wanted >= most:
                raise UsageError(
                    f"train.algorithm.{name} = {wanted:g}; allowed: below {most:.2f} nats, the most there can be"
                )

    def make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        self.temperature_optimizer = torch.optim.Adam(
            [self.log_temperature], lr=self.settings.learning_rate, fused=True
        )
        return super().make_optimizers() | {"temperature": self.temperature_optimizer}

    @property
    def target_entropy(self) -> float:
        """Nats, at the present step: a policy that explores at first and is precise at last is learned sooner."""
        s = self.settings
        first = -float(self.actor.action_size) if s.target_entropy is None else s.target_entropy
        last = first if s.final_entropy is None else s.final_entropy
        return first + (last - first) * min(1.0, self.steps / s.entropy_steps)

    def explore(self, head: Tensor) -> Tensor:
        return self.actor.distribution(head).sample(self.generator)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        temperature = self.log_temperature.detach().exp()
        value_loss = self.learn_values(batch, self.targets(batch, temperature))
        action, log_prob = self.actor.distribution(self.actor(batch.actor)).draw(self.generator)
        policy_loss = (temperature * log_prob - self.critics(batch.critic, action, frozen=True).amin(0)).mean()
        self.actor_optimizer.zero_grad()
        policy_loss.backward()
        self.actor_optimizer.step()
        entropy = -log_prob.detach().mean()
        # The gradient of temperature * (entropy - target_entropy) by its logarithm, as in eq. 18.
        self.log_temperature.grad = temperature * (entropy - self.target_entropy)
        self.temperature_optimizer.step()
        self.follow(self.target_critics, self.critics)
        losses = {"policy_loss": policy_loss.detach(), "value_loss": value_loss}
        return losses | {"entropy": entropy, "temperature": temperature}

    @torch.no_grad()
    def targets(self, batch: Batch, temperature: Tensor) -> Tensor:
        """What the critics shall say of a batch, [B]: rewards, then the soft value of what they led to."""
        action, log_prob = self.actor.distribution(self.actor(batch.next_actor)).draw(self.generator)
        value = self.target_critics(batch.next_critic, action).amin(0) - temperature * log_prob
        return batch.reward + batch.discount * value

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"log_temperature": self.log_temperature.detach()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        with torch.no_grad():
            self.log_temperature.copy_(state["log_temperature"])

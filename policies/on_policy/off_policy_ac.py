"""Off-policy actor-critic with the importance weights of V-trace (Espeholt et al., arXiv 1802.01561).

    rho = min(rho_clip, pi(a|s) / mu(a|s)),   grad J = E_mu[ rho grad log pi(a|s) (r + gamma v' - V(s)) ]

mu is the policy that acted, of an earlier iteration: a rollout is kept with the log-probabilities of its actions, and learned
from again while it is among the newest. v' and the critic's targets are V-trace's: rewards along the rollout, as far as the
present policy would have gone the same way.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.algorithms import OffPolicyACSettings
from ashore.policies.advantages import v_trace
from ashore.policies.on_policy.learner import OnPolicy
from ashore.policies.on_policy.updates import policy_gradient_loss
from ashore.policies.rollout import Rollout
from ashore.policies.vector import Observation, VectorEnv

Stored = dict[str, Tensor]  # a rollout, [T, N, ...] each


class OffPolicyAC(OnPolicy):
    """Several gradient steps after each rollout: one on it, the others on stored ones."""

    settings: OffPolicyACSettings

    def __init__(
        self, settings: OffPolicyACSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(settings, env, seed, device)
        self.stored: list[Stored] = []  # oldest first

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        s = self.settings
        self.stored = [*self.stored, self._keep(rollout, last)][-s.stored_rollouts :]
        size = (s.updates - 1,)
        others = torch.randint(len(self.stored), size, generator=self.generator, device=rollout.reward.device)
        losses = [self._step(self.stored[-1], fresh=True), *(self._step(self.stored[k]) for k in others.tolist())]
        mean = {name: float(torch.stack([x[name] for x in losses]).mean()) for name in losses[0]}
        return self.told(mean)

    @torch.no_grad()
    def _keep(self, rollout: Rollout, last: Observation) -> Stored:
        """A copy, with what each step led to: of a truncated episode its terminal observation."""
        led_to = torch.cat([rollout.critic[1:], last[self.critic_sees].unsqueeze(0)])
        for t, ids, observation in rollout.final:
            led_to[t, ids] = observation
        names = ("critic", "action", "reward", "terminated", "truncated")
        kept = {name: getattr(rollout, name).clone() for name in names}
        kept |= {name: x.clone() for name, x in rollout.past.items() if name != "began"}
        log_prob = self.actor.distribution(rollout.head).log_prob(rollout.action)
        return kept | {"led_to": led_to, "log_prob": log_prob}

    def _step(self, kept: Stored, fresh: bool = False) -> dict[str, Tensor]:
        """One gradient step on a stored rollout; a fresh one's targets go into the statistics."""
        s = self.settings
        now = self.actor.distribution(self.actor(self.features(kept["actor"], kept.get("state"))))
        log_prob = now.log_prob(kept["action"])
        with torch.no_grad():
            ratio = (log_prob - kept["log_prob"]).exp()
        value = self.critic(self.critic_normalizer(kept["critic"]))
        advantage, target = self._trace(kept, value.detach(), ratio, fresh)
        weighted = ratio.clip(max=s.rho_clip) * self.scaled(advantage)
        policy_loss = policy_gradient_loss(log_prob, weighted)
        value_loss = (value - target).square().mean()
        self.descend(policy_loss + s.value_coefficient * value_loss - s.entropy_coefficient * now.entropy().mean())
        return {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach(), "ratio": ratio.mean()}

    @torch.no_grad()
    def _trace(self, kept: Stored, value: Tensor, ratio: Tensor, fresh: bool) -> tuple[Tensor, Tensor]:
        """Advantages in the reward's unit, and normalized targets of the critic, [T, N]; value: normalized."""
        s, scale = self.settings, self.return_normalizer
        next_value = scale.inverse(self.critic(self.critic_normalizer(kept["led_to"])))
        ends = (kept["terminated"], kept["truncated"])
        clips = (s.rho_clip, s.c_clip)
        advantage, target = v_trace(kept["reward"], scale.inverse(value), next_value, *ends, s.discount, ratio, *clips)
        if fresh:
            scale.update(target.reshape(-1, 1))
        return advantage, scale(target.unsqueeze(-1)).squeeze(-1)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"stored": self.stored}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.stored = state["stored"]

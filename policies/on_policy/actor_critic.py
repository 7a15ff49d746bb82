"""Online actor-critic with a SARSA critic (Sutton and Barto, 2nd ed., section 13.5; Konda and Tsitsiklis 2000).

    critic:  Q(s, a) towards r + gamma Q(s', a'), where a' is what the policy will do in s'
    actor:   grad log pi(a | s) (Q(s, a) - Q(s, mode of pi in s))

Both learn at every control step from what all worlds just did, and forget it. The subtracted value depends on the state
alone, so that the gradient's mean stays (without `baseline`: Q(s, a) by itself, the policy gradient theorem as it stands).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ashore.configs.algorithms import ActorCriticSettings
from ashore.policies.learner import require_finite
from ashore.policies.networks import Critic
from ashore.policies.on_policy.learner import OnPolicy
from ashore.policies.on_policy.updates import policy_gradient_loss, step
from ashore.policies.process import torch_threads
from ashore.policies.rollout import Rollout
from ashore.policies.vector import Observation, VectorEnv


class ActorCritic(OnPolicy):
    """A rollout is only what is counted and taken into statistics at once: learning happens while it is collected."""

    settings: ActorCriticSettings

    def __init__(
        self, settings: ActorCriticSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(settings, env, seed, device)
        self.following: Tensor | None = None  # the actions [N, a] or [N] that the last update counted on

    def make_critic(self, observation_size: int, action_size: int, generator: torch.Generator) -> nn.Module:
        return Critic(observation_size + action_size, self.settings.critic_hidden, self.settings.activation, generator)

    def make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        s = self.settings
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=s.learning_rate, fused=True)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=s.critic_learning_rate, fused=True)
        return {"actor": self.actor_optimizer, "critic": self.critic_optimizer}

    def collect(self, env: VectorEnv) -> None:
        """Fill the rollout: act -> step -> record -> learn from this step."""
        rollout = self.rollout
        rollout.clear()
        self.losses: list[Tensor] = []  # [2] a step
        self.targets: list[Tensor] = []  # [N] a step
        with torch_threads(1):
            for _ in range(self.settings.rollout_steps):
                seen = env.observation
                action = self.act(seen["actor"])[0] if self.following is None else self.following
                _, reward, terminated, truncated, info = env.step(action)
                rollout.record(seen, action, self.head(seen["actor"]), reward, terminated, truncated, info)
                require_finite({"action": action, "reward": reward, **env.observation})
                self._learn(rollout, info, env.observation)

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        """What was learned on the way."""
        self.return_normalizer.update(torch.cat(self.targets).unsqueeze(-1))
        policy_loss, value_loss = torch.stack(self.losses).mean(0).tolist()
        return self.told({"policy_loss": policy_loss, "value_loss": value_loss})

    def _learn(self, rollout: Rollout, info: dict[str, Any], after: Observation) -> None:
        """From the rollout's last step."""
        s, t = self.settings, rollout.length - 1
        seen, action, max_norm = rollout.critic[t], rollout.action[t], s.max_grad_norm
        target = self._target(rollout, info, after)
        wanted = self.return_normalizer(target.unsqueeze(-1)).squeeze(-1)
        value_loss = (self.q(seen, action) - wanted).square().mean()
        step(self.critic_optimizer, value_loss, self.critic.parameters(), max_norm)
        head = self.actor(self.actor_normalizer(rollout.actor[t]))
        now = self.actor.distribution(head)
        with torch.no_grad():
            advantage = self.q(seen, action) - (self.q(seen, self.actor.mode(head)) if s.baseline else 0)
        policy_loss = policy_gradient_loss(now.log_prob(action), advantage)
        loss = policy_loss - s.entropy_coefficient * now.entropy().mean()
        step(self.actor_optimizer, loss, self.actor.parameters(), max_norm)
        self.losses.append(torch.stack([policy_loss.detach(), value_loss.detach()]))
        self.targets.append(target)

    @torch.no_grad()
    def _target(self, rollout: Rollout, info: dict[str, Any], after: Observation) -> Tensor:
        """r + gamma Q(s', a') in the reward's unit, [N]; a' is drawn here and done next."""
        t = rollout.length - 1
        self.following = self.act(after["actor"])[0]
        q = self.return_normalizer.inverse(self.q(after[self.critic_sees], self.following))
        ids = info["final_ids"] if "final_ids" in info else torch.zeros(0, dtype=torch.int64)
        ids_in = (rollout.truncated[t] & ~rollout.terminated[t])[ids]
        if ids_in.any():  # a time limit is not the end: the policy would have gone on from there
            final = {name: x[ids_in] for name, x in info["final_obs"].items()}
            action = self.actor.distribution(self.head(final["actor"])).sample(self.generator)
            q[ids[ids_in]] = self.return_normalizer.inverse(self.q(final[self.critic_sees], action))
        return rollout.reward[t] + self.settings.discount * q.masked_fill(rollout.terminated[t], 0)

    def q(self, seen: Tensor, action: Tensor) -> Tensor:
        """Normalized value of actions [B, a], as the environment clips them, or choices [B], in `seen` [B, m]: [B]."""
        done = functional.one_hot(action, self.actor.action_size) if self.actor.discrete else action.clip(-1, 1)
        return self.critic(torch.cat([self.critic_normalizer(seen), done.to(seen.dtype)], -1))

    @torch.no_grad()
    def head(self, seen: Tensor) -> Tensor:
        return self.actor(self.actor_normalizer(seen))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | ({} if self.following is None else {"following": self.following})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.following = state.get("following")

"""An environment whose reward is a fitted one, less a penalty for leaving the policy that it began from.

The penalty of a step is the log-probability of its action under the present policy less that under the first one: Ouyang et
al., "Training language models to follow instructions", arXiv 2203.02155, equation 2. Its mean is the divergence of the two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.policies.acting import Acting
from ashore.policies.preferences.reward_model import RewardModel
from ashore.policies.vector import Observation, Step, VectorEnv


class PreferredEnv:
    """A `VectorEnv` around another, whose own reward stays in `info`'s episodes alone."""

    discrete: bool = False

    def __init__(
        self, env: VectorEnv, model: RewardModel, present: Acting, first: Acting, kl_coefficient: float
    ) -> None:
        """present: of the actor that learns, with a memory of its own; first: the policy to stay near to."""
        if env.discrete:
            raise TypeError("actions are choices; allowed: continuous ones")
        self.env, self.model, self.kl_coefficient = env, model, kl_coefficient
        self.present, self.first = present, first
        self.num_envs, self.observation_sizes = env.num_envs, env.observation_sizes
        self.action_size = env.action_size
        self.reset_sums()

    def reset_sums(self) -> None:
        self._rewards, self._penalties, self._steps = 0.0, 0.0, 0

    def means(self) -> dict[str, float]:
        """Of the steps since the last call: the fitted reward, and nats from the first policy."""
        steps = max(1, self._steps)
        means = {"preferences/reward": self._rewards / steps, "preferences/kl": self._penalties / steps}
        self.reset_sums()
        return means

    @property
    def observation(self) -> Observation:
        return self.env.observation

    def reset(self, seed: int | None = None) -> Observation:
        self.began = torch.ones(self.num_envs, dtype=torch.bool)
        return self.env.reset(seed)

    @torch.no_grad()
    def step(self, action: Tensor) -> Step:
        seen = self.env.observation
        reward = self.model(seen["critic"], action.clip(-1.0, 1.0))
        now, before = (
            acting.actor.distribution(acting.head(seen["actor"], self.began)).log_prob(action)
            for acting in (self.present, self.first)
        )
        _, _, terminated, truncated, info = self.env.step(action)
        self.began = terminated | truncated
        self._rewards += float(reward.mean())
        self._penalties += float((now - before).mean())
        self._steps += 1
        return self.env.observation, reward - self.kl_coefficient * (now - before), terminated, truncated, info

    def state_dict(self) -> dict[str, Any]:
        raise NotImplementedError("a round of preferences begins anew; nothing within one is kept")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state_dict()

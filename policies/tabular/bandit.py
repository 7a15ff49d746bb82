"""The gradient bandit, and bandits to try it on: `gymnasium:ashore.policies.tabular.bandit:Bandit-v0`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from ashore.configs.algorithms import GradientBanditSettings
from ashore.policies.value_based.actors import PreferenceActor
from ashore.policies.value_based.learner import Transition, ValueLearner
from ashore.policies.vector import VectorEnv


def preferred(theta: Tensor) -> Tensor:
    """pi [A] = softmax(theta [A])."""
    return theta.softmax(-1)


def gradient_step(theta: Tensor, choice: int, reward: float, rate: float) -> Tensor:
    """theta + rate * reward * (1[choice] - pi): gradient ascent on the mean reward, Sutton and Barto 2018, eq. 2.12."""
    step = -preferred(theta)
    step[choice] += 1
    return theta + rate * reward * step


class GradientBandit(ValueLearner):
    """Preferences of choices, moved by every reward; it looks at no observation."""

    settings: GradientBanditSettings

    def __init__(
        self, settings: GradientBanditSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(settings, env, seed, device)
        assert isinstance(self.actor, PreferenceActor)
        self.theta = self.actor.theta
        self.mean_reward = 0.0

    def choose(self, seen: Tensor) -> Tensor:
        """By chance, as preferred."""
        return torch.multinomial(preferred(self.theta), len(seen), replacement=True, generator=self.generator)

    def learn(self, step: Transition) -> dict[str, float]:
        before = self.steps - len(step.reward)
        for index, (choice, reward) in enumerate(zip(step.action.tolist(), step.reward.double().tolist(), strict=True)):
            if self.settings.baseline:
                self.mean_reward += (reward - self.mean_reward) / (before + index + 1)
            above = reward - self.mean_reward
            self.theta.copy_(gradient_step(self.theta, choice, above, self.settings.learning_rate))
        return {}

    def told(self) -> dict[str, float]:
        return {"highest_probability": float(preferred(self.theta).max())}

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"mean_reward": self.mean_reward}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.mean_reward = state["mean_reward"]


class Bandit(gymnasium.Env[Any, Any]):
    """Arms with rewards of normal noise 1 about means of their own; an episode is one pull. Sutton and Barto 2018, sec. 2.3.

    means: of the arms; left out: ten, drawn from a standard normal distribution by `seed`. A success is the best arm.
    """

    def __init__(self, means: list[float] | None = None, seed: int = 0, noise: float = 1.0) -> None:
        drawn = np.random.default_rng(seed).normal(size=10)
        self.means = drawn if means is None else np.array(means, np.float64)
        self.noise = noise
        self.observation_space, self.action_space = spaces.Discrete(1), spaces.Discrete(len(self.means))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        reward = self.means[action] + self.noise * self.np_random.normal()
        return 0, float(reward), True, False, {"is_success": bool(action == self.means.argmax())}


gymnasium.register("Bandit-v0", entry_point=f"{__name__}:Bandit")

"""A problem with a known answer: x' = 0.8 x + 0.4 u with |u| <= 1, reward 1 - x^2 - 0.2 u^2, episodes cut after 10 steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ashore.policies.vector import Observation, Step

A, B, COST, CUT = 0.8, 0.4, 0.2, 10


class LinearQuadratic:
    """N worlds that begin uniformly in [-2, 2], drawn from a generator of their own."""

    observation_sizes = {"actor": 1, "critic": 1}  # noqa: RUF012
    action_size, discrete = 1, False

    def __init__(self, num_envs: int) -> None:
        self.num_envs, self.generator = num_envs, torch.Generator()
        self.age = torch.zeros(num_envs, dtype=torch.int64)
        self.reset(0)

    def reset(self, seed: int | None = None) -> Observation:
        self.generator.manual_seed(seed or 0)
        self.x = torch.rand(self.num_envs, generator=self.generator) * 4 - 2
        self.age = torch.arange(self.num_envs) % CUT
        return self.observation

    @property
    def observation(self) -> Observation:
        return {"actor": self.x[:, None].clone(), "critic": self.x[:, None].clone()}

    def step(self, action: Tensor) -> Step:
        u = action[:, 0].clip(-1, 1)
        reward = 1 - self.x.square() - COST * u.square()
        self.x = A * self.x + B * u
        self.age += 1
        truncated = self.age >= CUT
        ids = truncated.nonzero().squeeze(1)
        info: dict[str, Any] = {}
        if len(ids):
            final = {name: x[ids] for name, x in self.observation.items()}
            info = {"final_ids": ids, "final_obs": final, "episode": {"return": torch.zeros(len(ids))}}
            self.x = torch.where(truncated, torch.rand(self.num_envs, generator=self.generator) * 4 - 2, self.x)
            self.age[ids] = 0
        return self.observation, reward, torch.zeros_like(truncated), truncated, info

    def state_dict(self) -> dict[str, Any]:
        return {"x": self.x, "age": self.age, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.x, self.age = state["x"], state["age"]
        self.generator.set_state(state["generator"])


def soft_q(temperature: float, discount: float, points: int = 201) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Soft-optimal values by value iteration on a grid: x [points], u [points], Q [points, points].

    V(x) = temperature * log of the integral over u in [-1, 1] of exp(Q(x, u) / temperature).
    """
    x, u = np.linspace(-2.2, 2.2, points), np.linspace(-1, 1, points)
    following = (A * x[:, None] + B * u[None]).clip(x[0], x[-1])
    reward = 1 - x[:, None] ** 2 - COST * u[None] ** 2
    q = np.zeros((points, points))
    weight = np.full(points, u[1] - u[0])
    weight[[0, -1]] /= 2
    for _ in range(400):
        top = q.max(1)
        value = top + temperature * np.log((np.exp((q - top[:, None]) / temperature) * weight).sum(1))
        q = reward + discount * np.interp(following, x, value)
    return x, u, q

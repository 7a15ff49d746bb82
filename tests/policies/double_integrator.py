"""A small environment to learn on: push a point mass to a goal on a line, in N worlds. `python -m` trains it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ashore.configs.algorithms import PPOSettings
from ashore.configs.schema import TrainSettings
from ashore.policies.trainer import train
from ashore.policies.vector import Observation, Step

DT = 0.1  # s
EPISODE_STEPS = 40


class DoubleIntegrator:
    """Each world has its mass and its start, drawn by a counter. Leaving |x| <= 3 m terminates, 40 steps truncate."""

    def __init__(self, num_envs: int, break_at: int | None = None) -> None:
        self.num_envs = num_envs
        self.observation_sizes = {"actor": 2, "critic": 3}
        self.action_size, self.discrete = 1, False
        self.break_at = break_at  # step from which observations are not a number
        self.reset(0)

    def reset(self, seed: int | None = None) -> Observation:
        self.seed, self.num_uniforms, self.steps = seed or 0, 0, 0
        self.x, self.v, self.mass = (torch.zeros(self.num_envs) for _ in range(3))
        self.age, self.total = torch.zeros(self.num_envs, dtype=torch.int64), torch.zeros(self.num_envs)
        self._begin(torch.arange(self.num_envs))
        return self.observation

    def _begin(self, ids: Tensor) -> None:
        random = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, self.num_uniforms]))
        self.num_uniforms += 1
        drawn = torch.from_numpy(random.uniform(-1, 1, (3, len(ids)))).float()
        self.x[ids], self.v[ids], self.mass[ids] = 1.5 * drawn[0], 0.5 * drawn[1], 1 + 0.3 * drawn[2]
        self.age[ids], self.total[ids] = 0, 0.0

    @property
    def observation(self) -> Observation:
        actor = torch.stack([self.x, self.v], 1)
        if self.break_at is not None and self.steps >= self.break_at:
            actor[0, 0] = torch.nan
        return {"actor": actor, "critic": torch.cat([actor, self.mass[:, None]], 1)}

    def step(self, action: Tensor) -> Step:
        self.steps += 1
        self.v = self.v + 2 * action[:, 0].clip(-1, 1) / self.mass * DT
        self.x = self.x + self.v * DT
        self.age += 1
        reward = torch.exp(-2 * self.x.square() - 0.1 * self.v.square())
        self.total += reward
        terminated = self.x.abs() > 3
        truncated = (self.age >= EPISODE_STEPS) & ~terminated
        ids = (terminated | truncated).nonzero()[:, 0]
        info: dict[str, Any] = {}
        if len(ids):
            success = ((self.x.abs() < 0.1) & (self.v.abs() < 0.3)).float()
            final = {name: x[ids] for name, x in self.observation.items()}
            episode = {"return": self.total[ids].clone(), "length": self.age[ids].float(), "success": success[ids]}
            info = {"final_ids": ids, "final_obs": final, "episode": episode | {"speed": self.v[ids].abs()}}
            self._begin(ids)
        return self.observation, reward, terminated, truncated, info

    def state_dict(self) -> dict[str, Any]:
        tensors = {name: getattr(self, name).clone() for name in ("x", "v", "mass", "age", "total")}
        return tensors | {"seed": self.seed, "num_uniforms": self.num_uniforms, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def evaluate(act: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """One episode in each of 64 worlds."""
    env = DoubleIntegrator(64)
    seen = env.reset(7)
    for _ in range(EPISODE_STEPS):
        seen, _, _, _, info = env.step(act(seen["actor"]))
    return {name: float(x.mean()) for name, x in info["episode"].items()}


ALGORITHM = PPOSettings(
    rollout_steps=16, minibatch_size=400, actor_hidden=(32, 32), critic_hidden=(32, 32), discount=0.95
)
SETTINGS = TrainSettings(
    total_steps=40 * 64 * 16,
    num_envs=64,
    seed=3,
    torch_threads=1,
    eval_every=10 * 64 * 16,
    checkpoint_every=4 * 64 * 16,
    # The last minibatch of an epoch is smaller: 1024 = 2 * 400 + 224.
    algorithm=PPOSettings(
        rollout_steps=16, minibatch_size=400, actor_hidden=(32, 32), critic_hidden=(32, 32), discount=0.95
    ),
)

if __name__ == "__main__":
    train(SETTINGS, DoubleIntegrator(64), Path(sys.argv[1]), evaluate=evaluate, resume="resume" in sys.argv)

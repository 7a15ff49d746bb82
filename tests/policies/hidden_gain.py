"""A small environment that nobody can master who forgets: push a mass whose actuator may work backwards."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.algorithms import PPOSettings
from ashore.configs.schema import TrainSettings
from ashore.policies.acting import Acting
from ashore.policies.vector import Observation, Step
from tests.policies.double_integrator import EPISODE_STEPS, DoubleIntegrator


class HiddenGain(DoubleIntegrator):
    """What acts is the action times a gain, drawn for each episode from [-1.5, -0.5] and [0.5, 1.5].

    The actor sees position, velocity and its last action, as a robot's policy sees its last target. One such observation
    says nothing of the gain: the velocity before would have to be known too. The critic sees the gain.
    """

    def reset(self, seed: int | None = None) -> Observation:
        self.observation_sizes = {"actor": 3, "critic": 4}
        self.gain, self.last = torch.ones(self.num_envs), torch.zeros(self.num_envs)
        return super().reset(seed)

    def _begin(self, ids: Tensor) -> None:
        super()._begin(ids)
        drawn = (self.mass[ids] - 1) / 0.3  # uniform in [-1, 1]; the mass itself is the same everywhere
        self.gain[ids] = drawn + 0.5 * torch.where(drawn < 0, -1.0, 1.0)
        self.mass[ids], self.last[ids] = 1.0, 0.0

    @property
    def observation(self) -> Observation:
        actor = torch.stack([self.x, self.v, self.last], 1)
        return {"actor": actor, "critic": torch.cat([actor, self.gain[:, None]], 1)}

    def step(self, action: Tensor) -> Step:
        acted = action.clip(-1, 1)
        self.last = acted[:, 0].clone()
        return super().step(acted * self.gain[:, None])

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"gain": self.gain.clone(), "last": self.last.clone()}


def evaluate(acting: Acting) -> dict[str, float]:
    """Two episodes in each of 128 worlds; memory has to begin anew between them."""
    env = HiddenGain(128)
    seen, began = env.reset(7), torch.ones(128, dtype=torch.bool)
    episodes: list[Tensor] = []
    while len(episodes) < 2 * EPISODE_STEPS:
        seen, _, terminated, truncated, info = env.step(acting(seen["actor"], began))
        began = terminated | truncated
        episodes.append(info.get("episode", {}).get("success", torch.zeros(0)))
    return {"success": float(torch.cat(episodes).mean()), "return": 0.0}


def settings(rollouts: int, **memory: Any) -> TrainSettings:
    steps = rollouts * 128 * 20
    ppo = PPOSettings(
        rollout_steps=20,
        minibatch_size=640,
        actor_hidden=(32, 32),
        critic_hidden=(32, 32),
        discount=0.95,
        learning_rate=3e-3,
        final_std=0.2,
        std_steps=steps,
        memory=MemorySettings(**memory),
    )
    return TrainSettings(
        total_steps=steps,
        num_envs=128,
        seed=1,
        torch_threads=1,
        eval_every=steps // 10,
        checkpoint_every=steps,
        algorithm=ppo,
    )

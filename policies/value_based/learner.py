"""What all learners of choices' values share: epsilon-greedy acting, step by step, and their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ashore.configs.algorithms.exploring import ExploringSettings
from ashore.policies.acting import Acting
from ashore.policies.checkpoint import Part
from ashore.policies.layout import layout_of
from ashore.policies.learner import Report, require_finite, require_finite_losses
from ashore.policies.networks import make_actor
from ashore.policies.normalize import Normalizer
from ashore.policies.process import torch_threads
from ashore.policies.vector import Observation, VectorEnv


class Transition(NamedTuple):
    """One step of N worlds."""

    seen: Tensor  # [N, n]
    action: Tensor  # [N] int64
    reward: Tensor  # [N]
    arrived: Tensor  # [N, n]: what the step led to, of an ended episode its terminal observation
    terminated: Tensor  # [N]
    truncated: Tensor  # [N]
    shown: Tensor  # [N, n]: what the worlds show now, of an ended episode the first of the next


class ValueLearner:
    """Acts epsilon-greedily on its actor's values and learns from every step.

    Subclasses have `learn`, `fit` or both. Every random number comes from one generator.
    """

    settings: Any

    def __init__(self, settings: Any, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> None:
        self.settings = settings
        initial = torch.Generator().manual_seed(seed)
        size, layout = env.observation_sizes["actor"], layout_of(env)
        actor = make_actor(settings, size, env.action_size, initial, discrete=True, layout=layout)
        self.actor = actor.to(device)
        self.generator = torch.Generator(device)
        self.generator.manual_seed(int(torch.randint(2**62, (), generator=initial)))
        self.actor_normalizer = Normalizer(size, self.actor.clip).to(device)
        self.num_choices = env.action_size
        self.steps = 0

    def learn(self, step: Transition) -> dict[str, float]:
        """Take in one step of all worlds; losses by name, if anything was learned."""
        raise NotImplementedError

    def fit(self) -> dict[str, float]:
        """Learn after an iteration's steps; losses by name."""
        return {}

    def improve(self, env: VectorEnv) -> Report:
        """One iteration: choose -> step -> learn, several times; then fit."""
        totals: dict[str, list[float]] = {}
        episodes: dict[str, list[Tensor]] = {}
        with torch_threads(1):
            for _ in range(self.settings.rollout_steps):
                for name, x in self.learn(self.step(env, episodes)).items():
                    totals.setdefault(name, []).append(x)
        losses = {name: sum(values) / len(values) for name, values in totals.items()} | self.fit() | self.told()
        require_finite_losses(losses)
        return Report(losses, episodes)

    def step(self, env: VectorEnv, episodes: dict[str, list[Tensor]]) -> Transition:
        """One control step in all worlds; the terms of those that ended go into `episodes`."""
        seen = env.observation["actor"]
        action = self.choose(seen)
        _, reward, terminated, truncated, info = env.step(action)
        arrived = shown = env.observation["actor"]
        if "final_ids" in info:
            arrived = arrived.clone()
            arrived[info["final_ids"]] = info["final_obs"]["actor"]
            for name, values in info["episode"].items():
                episodes.setdefault(name, []).append(values)
        require_finite({"observation": seen.float(), "reward": reward})
        self.steps += len(reward)
        return Transition(seen, action, reward, arrived, terminated, truncated, shown)

    @property
    def epsilon(self) -> float:
        """Probability of a random choice at present."""
        s: ExploringSettings = self.settings
        return s.epsilon_start + (s.epsilon_end - s.epsilon_start) * min(1.0, self.steps / s.epsilon_steps)

    @torch.no_grad()
    def choose(self, seen: Tensor) -> Tensor:
        """Choices [N] for what is seen [N, n]: the best, or any with probability epsilon."""
        best = self.actor.mode(self.values(seen))
        random = torch.randint(self.num_choices, best.shape, generator=self.generator, device=best.device)
        explores = torch.rand(best.shape, generator=self.generator, device=best.device) < self.epsilon
        return torch.where(explores, random, best)

    def values(self, seen: Tensor) -> Tensor:
        """Of each choice: [N, n] -> [N, A]."""
        return self.actor(self.actor_normalizer(seen))

    def told(self) -> dict[str, float]:
        """What a report says beside losses."""
        return {"epsilon": self.epsilon}

    def observe(self, observation: Observation) -> None:
        pass

    def acting(self) -> Acting:
        return Acting(self.actor, self.actor_normalizer)

    def modules(self) -> dict[str, nn.Module]:
        return {"actor": self.actor, "actor_normalizer": self.actor_normalizer}

    def parts(self) -> Mapping[str, Part]:
        return {}

    def load_part(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        raise KeyError(name)

    def state_dict(self) -> dict[str, Any]:
        return {
            "modules": {name: dict(module.state_dict()) for name, module in self.modules().items()},
            "generator": self.generator.get_state(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        self.generator.set_state(state["generator"])
        self.steps = state["steps"]

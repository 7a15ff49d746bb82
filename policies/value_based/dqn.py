"""Deep Q-learning with replay and target network: Mnih et al. 2015; double: van Hasselt et al. 2016, eq. 4."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ashore.configs.algorithms import DQNSettings
from ashore.policies.checkpoint import Part
from ashore.policies.layout import layout_of
from ashore.policies.optimizer_state import moments_of, set_moments
from ashore.policies.replay import Batch, Replay
from ashore.policies.value_based.learner import Transition, ValueLearner
from ashore.policies.vector import Observation, VectorEnv


class DQN(ValueLearner):
    """After each step of all worlds it makes as many updates as `updates_per_step` asks for, each on a batch of the replay."""

    settings: DQNSettings

    def __init__(self, settings: DQNSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> None:
        super().__init__(settings, env, seed, device)
        self.target = copy.deepcopy(self.actor).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.actor.parameters(), lr=settings.learning_rate, fused=True)
        image = layout_of(env).image is not None
        self.actor_normalizer.frozen = image or not settings.normalize_observations
        sizes = {"actor": env.observation_sizes["actor"], "critic": 0}  # one network, which sees what the actor sees
        kept = torch.uint8 if image else torch.float32
        self.replay = Replay(
            settings.buffer_size, env.num_envs, sizes, env.action_size, device, discrete=True, dtype=kept
        )
        self.updates = 0

    @property
    def epsilon(self) -> float:
        return 1.0 if self.steps < self.settings.learning_starts else super().epsilon

    def observe(self, observation: Observation) -> None:
        """Take observations [B, ...] into the statistics for normalization."""
        self.actor_normalizer.update(observation["actor"])

    def values(self, seen: Tensor) -> Tensor:
        """Of each choice: [..., n] -> [..., A]."""
        return self.actor(self.actor_normalizer(seen))

    def learn(self, step: Transition) -> dict[str, float]:
        """Remember the step, and make the updates that are due."""
        if self.replay.records == 0:
            self.replay.begin(_alone(step.seen))
        ended = (step.terminated | step.truncated).nonzero().squeeze(1)
        final = {"final_ids": ended, "final_obs": _alone(step.arrived[ended])}
        self.replay.record(step.action, step.reward, step.terminated, step.truncated, _alone(step.shown), final)
        self.observe({"actor": step.shown})
        s = self.settings
        due = int(max(0, self.steps - s.learning_starts) * s.updates_per_step) - self.updates
        if due <= 0:
            return {}
        drawn = self.replay.sample(due * s.batch_size, s.n_step, s.discount, self.generator)
        losses = torch.stack([self.update(batch) for batch in drawn.split(s.batch_size)])
        return {"value_loss": float(losses.mean())}

    def update(self, batch: Batch) -> Tensor:
        """One gradient step towards r + discount * the target network's value of what follows; gives the loss."""
        s = self.settings
        value = self.values(batch.actor[:, -1]).gather(1, batch.action.unsqueeze(1)).squeeze(1)
        loss = functional.smooth_l1_loss(value, self.targets(batch))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.actor.parameters(), s.max_grad_norm)
        self.optimizer.step()
        self.updates += 1
        if s.target_every is None:
            torch._foreach_lerp_(list(self.target.parameters()), list(self.actor.parameters()), s.tau)
        elif self.updates % s.target_every == 0:
            self.target.load_state_dict(self.actor.state_dict())
        return loss.detach()

    @torch.no_grad()
    def targets(self, batch: Batch) -> Tensor:
        """What the values [B] should be."""
        following = self.actor_normalizer(batch.next_actor[:, -1])
        after = self.target(following)
        best = (self.actor(following) if self.settings.double else after).argmax(1, keepdim=True)
        return batch.reward + batch.discount * after.gather(1, best).squeeze(1)

    def modules(self) -> dict[str, nn.Module]:
        return super().modules() | {"target": self.target}

    def state_dict(self) -> dict[str, Any]:
        own = {"moments": moments_of(self.optimizer), "updates": self.updates, "replay": self.replay.state_dict()}
        return super().state_dict() | own

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        set_moments(self.optimizer, state["moments"])
        self.updates = state["updates"]
        self.replay.load_state_dict(state["replay"])

    def parts(self) -> Mapping[str, Part]:
        return self.replay.parts()

    def load_part(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.replay.load_part(name, arrays)


def _alone(seen: Tensor) -> Observation:
    """What the replay keeps of observations [N, n]: nothing for a critic."""
    return {"actor": seen, "critic": seen[:, :0]}

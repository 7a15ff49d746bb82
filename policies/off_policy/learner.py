"""What all algorithms share that learn continuous actions from a replay: networks, statistics, collecting, and their state."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ashore.configs.algorithms import ReplaySettings
from ashore.policies.acting import Acting
from ashore.policies.checkpoint import Part
from ashore.policies.learner import Report, require_finite, require_finite_losses
from ashore.policies.networks import Critics, make_actor
from ashore.policies.normalize import Normalizer
from ashore.policies.optimizer_state import moments_of, set_moments
from ashore.policies.process import torch_threads
from ashore.policies.replay import Batch, Replay
from ashore.policies.vector import Observation, VectorEnv


class OffPolicy:
    """A learner whose `update` improves the networks by one batch of the replay.

    Until `learning_starts` it acts at random. After each step of all worlds it makes as many updates as `updates_per_step` asks
    for; they see observations normalized by the statistics that the policy acts with. Random numbers come from one generator.
    """

    critics_count = 2

    def __init__(self, settings: ReplaySettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> None:
        s, sizes = settings, env.observation_sizes
        self.settings, self.device = settings, torch.device(device)
        self.generator = torch.Generator(device)
        initial = torch.Generator().manual_seed(seed)
        self.actor = make_actor(s, sizes["actor"], env.action_size, initial).to(device)
        about = (sizes["critic"], env.action_size, s.hidden, s.activation, initial)
        self.critics = Critics(*about, count=self.critics_count, layer_norm=s.layer_norm).to(device)
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        self.generator.manual_seed(int(torch.randint(2**62, (), generator=initial)))
        self.actor_normalizer = Normalizer(sizes["actor"]).to(device)
        self.critic_normalizer = Normalizer(sizes["critic"]).to(device)
        for normalizer in (self.actor_normalizer, self.critic_normalizer):
            normalizer.frozen = not s.normalize_observations
        history = s.memory.steps if s.memory.kind == "history" else 1
        self.replay = Replay(s.buffer_size, env.num_envs, sizes, env.action_size, device, history=history)
        self.worker = Acting(self.actor, self.actor_normalizer)
        self.began = torch.ones(env.num_envs, dtype=torch.bool, device=device)
        self.steps = self.updates = 0
        self.optimizers = self.make_optimizers()

    def make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """By name."""
        self.actor_optimizer = self.adam(self.actor)
        self.critic_optimizer = self.adam(self.critics)
        return {"actor": self.actor_optimizer, "critics": self.critic_optimizer}

    def adam(self, module: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(module.parameters(), lr=self.settings.learning_rate, fused=True)

    def explore(self, head: Tensor) -> Tensor:
        """Actions [N, a] in [-1, 1] to act with, from the actor's heads."""
        raise NotImplementedError

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One gradient update; observations are what the networks take. Gives losses by name."""
        raise NotImplementedError

    def observe(self, observation: Observation) -> None:
        """Take observations [B, ...] into the statistics for normalization."""
        self.actor_normalizer.update(observation["actor"])
        self.critic_normalizer.update(observation["critic"])

    def improve(self, env: VectorEnv) -> Report:
        """One iteration: act -> remember -> update, `rollout_steps` times."""
        episodes: dict[str, list[Tensor]] = {}
        totals: dict[str, Tensor] = {}
        made = self.updates
        if self.replay.records == 0:
            self.replay.begin(env.observation)
        for _ in range(self.settings.rollout_steps):
            with torch_threads(1):
                self._step(env, episodes)
            for name, x in self._update_as_due().items():
                totals[name] = totals.get(name, 0.0) + x
        losses = {name: float(x) / (self.updates - made) for name, x in totals.items()}
        require_finite_losses(losses)
        return Report(losses | {"updates": float(self.updates)}, episodes)

    def _step(self, env: VectorEnv, episodes: dict[str, list[Tensor]]) -> None:
        """Act in all worlds and remember it."""
        action = self._act(env.observation["actor"])
        observation, reward, terminated, truncated, info = env.step(action)
        require_finite({"action": action, "reward": reward, **observation, **_cut_off(terminated, info)})
        self.replay.record(action, reward, terminated, truncated, observation, info)
        self.observe(observation)
        self.began = terminated | truncated
        self.steps += len(reward)
        for name, values in info.get("episode", {}).items():
            episodes.setdefault(name, []).append(values)

    @torch.no_grad()
    def _act(self, observation: Tensor) -> Tensor:
        head = self.worker.head(observation, self.began)
        if self.steps >= self.settings.learning_starts:
            return self.explore(head)
        shape = (len(observation), self.actor.action_size)
        return torch.rand(shape, generator=self.generator, device=self.device) * 2 - 1

    def _update_as_due(self) -> dict[str, Tensor]:
        """Updates until there are as many as steps ask for; sums of losses by name."""
        s = self.settings
        due = int(max(0, self.steps - s.learning_starts) * s.updates_per_step) - self.updates
        if due <= 0:
            return {}
        totals: dict[str, Tensor] = {}
        for batch in self._batches(due):
            for name, x in self.update(batch).items():
                totals[name] = totals[name] + x if name in totals else x
            self.updates += 1
        return totals

    @torch.no_grad()
    def _batches(self, count: int) -> list[Batch]:
        """Batches drawn together, with observations as the networks take them."""
        s = self.settings
        drawn = self.replay.sample(count * s.batch_size, s.n_step, s.discount, self.generator)
        seen = Batch(
            self._features(drawn.actor),
            self.critic_normalizer(drawn.critic),
            drawn.action,
            drawn.reward,
            drawn.discount,
            self._features(drawn.next_actor),
            self.critic_normalizer(drawn.next_critic),
        )
        return seen.split(s.batch_size)

    def _features(self, past: Tensor) -> Tensor:
        """What the actor's layers take of observations [B, history, n]."""
        memory = self.actor.memory
        features, _ = memory(self.actor_normalizer, past[:, -1], past[:, :-1].flatten(1))
        return features

    def learn_values(self, batch: Batch, target: Tensor) -> Tensor:
        """One step of the critics towards targets [B]; gives their mean squared error."""
        loss = (self.critics(batch.critic, batch.action) - target).square().mean(1).sum()
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        return loss.detach() / self.critics.count

    def follow(self, target: nn.Module, online: nn.Module) -> None:
        """Move a target network by `tau` of the way (Polyak averaging)."""
        torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), self.settings.tau)

    def acting(self) -> Acting:
        return Acting(self.actor, self.actor_normalizer)

    def modules(self) -> dict[str, nn.Module]:
        names = ("actor", "critics", "target_critics", "actor_normalizer", "critic_normalizer")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        return {
            "modules": {name: dict(module.state_dict()) for name, module in self.modules().items()},
            "moments": {name: moments_of(optimizer) for name, optimizer in self.optimizers.items()},
            "generator": self.generator.get_state(),
            "steps": self.steps,
            "updates": self.updates,
            "replay": self.replay.state_dict(),
            "memory": {"state": self.worker.state, "began": self.began},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.optimizers.items():
            set_moments(optimizer, state["moments"][name])
        self.generator.set_state(state["generator"])
        self.steps, self.updates = state["steps"], state["updates"]
        self.replay.load_state_dict(state["replay"])
        self.worker.state, self.began = state["memory"]["state"], state["memory"]["began"]

    def parts(self) -> Mapping[str, Part]:
        return self.replay.parts()

    def load_part(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.replay.load_part(name, arrays)


def _cut_off(terminated: Tensor, info: Mapping[str, Any]) -> dict[str, Tensor]:
    """The last observations of episodes that only a time limit ended; a terminated world's counts for nothing."""
    if "final_ids" not in info:
        return {}
    cut = ~terminated[info["final_ids"]]
    return {f"terminal {name}": x[cut] for name, x in info["final_obs"].items()}

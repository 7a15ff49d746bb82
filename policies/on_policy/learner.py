"""What all algorithms share that learn from what the present policy did: networks, statistics, collecting, and their state."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ashore.configs.algorithms import OnPolicySettings
from ashore.policies.acting import Acting
from ashore.policies.checkpoint import CheckpointError, Part
from ashore.policies.learner import Report, require_finite, require_finite_losses
from ashore.policies.networks import Critic, GaussianActor, make_actor
from ashore.policies.normalize import Normalizer
from ashore.policies.optimizer_state import moments_of, set_moments
from ashore.policies.process import torch_threads
from ashore.policies.rollout import Rollout
from ashore.policies.vector import Observation, VectorEnv

Batch = dict[str, Tensor]  # [T * N, ...] each; of a recurrent actor [sequences, steps, ...]


class OnPolicy:
    """A learner whose `learn` makes one rollout into better networks.

    Every random number comes from one generator, on the device that the environment's observations are on.
    Statistics for normalization move only between rollouts, so that the policy that is updated is the one that acted.
    """

    settings: OnPolicySettings
    critic_sees = "critic"  # which observation

    def __init__(
        self, settings: OnPolicySettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu", before: int = 0
    ) -> None:
        """before: steps of the last rollout that the next one keeps at its beginning."""
        s, sizes = settings, env.observation_sizes
        self.settings = settings
        self.generator = torch.Generator(device)
        initial = torch.Generator().manual_seed(seed)
        actor = make_actor(s, sizes["actor"], env.action_size, initial, discrete=env.discrete)
        self.actor = actor.to(device)
        self.critic = self.make_critic(sizes[self.critic_sees], env.action_size, initial).to(device)
        self.generator.manual_seed(int(torch.randint(2**62, (), generator=initial)))
        self.actor_normalizer = Normalizer(sizes["actor"]).to(device)
        self.critic_normalizer = Normalizer(sizes[self.critic_sees]).to(device)
        self.return_normalizer = Normalizer(1).to(device)  # the critic predicts returns on its scale
        self.steps = 0
        shape = (s.rollout_steps, env.num_envs, sizes, env.action_size, device)
        memory = self.actor.memory.size
        self.rollout = Rollout(
            *shape, memory_size=memory, before=before, discrete=env.discrete, critic_sees=self.critic_sees
        )
        self.worker = Acting(self.actor, self.actor_normalizer)
        self.began = torch.ones(env.num_envs, dtype=torch.bool, device=device)  # worlds that show an episode's first
        self.optimizers = self.make_optimizers()

    def make_critic(self, observation_size: int, action_size: int, generator: torch.Generator) -> nn.Module:
        return Critic(observation_size, self.settings.critic_hidden, self.settings.activation, generator)

    def make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """By name. Where nothing else is said, one for all networks."""
        parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=self.settings.learning_rate, fused=True)
        return {"adam": self.optimizer}

    def learn(self, rollout: Rollout, last: Observation) -> dict[str, float]:
        """Improve the networks by a rollout; `last` is what it led to. Gives losses by name."""
        raise NotImplementedError

    def improve(self, env: VectorEnv) -> Report:
        """One iteration: collect -> learn."""
        self.collect(env)
        rollout = self.rollout
        self._require_finite(rollout, env.observation)
        losses = self.learn(rollout, env.observation)
        self.steps += rollout.reward.numel()
        self.after_update()
        self.observe({"actor": rollout.actor.flatten(0, 1), self.critic_sees: rollout.critic.flatten(0, 1)})
        return Report(losses, rollout.episodes)

    def after_update(self) -> None:
        """Exploration noise fades: under strong noise the best policy is a jerky one, for it must undo the noise."""
        if not isinstance(self.actor, GaussianActor):
            return
        s = self.settings
        first, last = math.log(s.initial_std), math.log(s.final_std)
        ceiling = first + (last - first) * min(1.0, self.steps / s.std_steps)
        with torch.no_grad():
            self.actor.log_std.clamp_(max=ceiling)

    def collect(self, env: VectorEnv) -> None:
        """Fill the rollout: act -> step -> record."""
        rollout = self.rollout
        rollout.clear()
        with torch_threads(1):
            for _ in range(self.settings.rollout_steps):
                observation = env.observation
                action, head = self.act(observation["actor"])
                _, reward, terminated, truncated, info = env.step(action)
                remembered = (self.worker.entered, self.began) if self.actor.memory.size else ()
                rollout.record(observation, action, head, reward, terminated, truncated, info, *remembered)
                self.began = terminated | truncated

    def observe(self, observation: Observation) -> None:
        """Take observations [B, ...] into the statistics for normalization."""
        self.actor_normalizer.update(observation["actor"])
        self.critic_normalizer.update(observation[self.critic_sees])

    @torch.no_grad()
    def act(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Actions drawn from the policy, and the heads they were drawn from: [N, n] -> [N, a] or [N], [N, h]."""
        head = self.worker.head(observation, self.began)
        return self.actor.distribution(head).sample(self.generator), head

    def acting(self) -> Acting:
        return Acting(self.actor, self.actor_normalizer)

    @torch.no_grad()
    def batch(self, rollout: Rollout, last: Observation) -> Batch:
        """What an update learns from, with advantages and the critic's targets."""
        critic_seen = self.critic_normalizer(rollout.critic)
        value, next_value = self.values(critic_seen, rollout.final, last[self.critic_sees])
        advantage, returns = self.credit(rollout, value, next_value)
        self.return_normalizer.update(returns.reshape(-1, 1))
        steps: Batch = {
            "critic": critic_seen,
            "action": rollout.action,
            "head": rollout.head,
            "log_prob": self.actor.distribution(rollout.head).log_prob(rollout.action),
            "advantage": self.scaled(advantage),
            "return": self.return_normalizer(returns.unsqueeze(-1)).squeeze(-1),
        }
        return self.rows(rollout, steps)

    def credit(self, rollout: Rollout, value: Tensor, next_value: Tensor) -> tuple[Tensor, Tensor]:
        """Advantages and the critic's targets from its values, all [T, N]: `advantages.py` has what there is to choose from."""
        raise NotImplementedError

    def scaled(self, advantage: Tensor) -> Tensor:
        """Advantages [T, N] at mean 0 and spread 1."""
        return (advantage - advantage.mean()) / (advantage.std() + 1e-8)

    def rows(self, rollout: Rollout, steps: Batch) -> Batch:
        """Steps [T, N, ...] and the features that the actor's layers take of them, one a row: [T * N, ...]."""
        steps = steps | {"actor": self.features(rollout.actor, rollout.past.get("state"))}
        return {name: x.flatten(0, 1) for name, x in steps.items()}

    def features(self, seen: Tensor, state: Tensor | None) -> Tensor:
        """What the actor's layers take of observations [..., n] and states [..., size], by the present statistics."""
        memory = self.actor.memory
        return memory(self.actor_normalizer, seen, seen.new_zeros(*seen.shape[:-1], 0) if state is None else state)[0]

    def minibatches(self, batch: Batch, epochs: int, rows_each: int) -> Iterator[Batch]:
        """Every epoch goes over the batch in a fresh order, to the last row."""
        size, device = len(batch["action"]), batch["action"].device
        for _ in range(epochs):
            order = torch.randperm(size, generator=self.generator, device=device)
            shuffled = {name: torch.split(x.index_select(0, order), rows_each) for name, x in batch.items()}
            for rows in zip(*shuffled.values(), strict=True):
                yield dict(zip(shuffled, rows, strict=True))

    def descend(self, loss: Tensor) -> None:
        """One step of the optimizer of all networks."""
        self.optimizer.zero_grad()
        loss.backward()
        self.apply_gradients()

    def apply_gradients(self) -> None:
        """Step by the gradients that the networks have."""
        # Apart, so that a large error of the critic does not scale down the actor's step.
        nn.utils.clip_grad_norm_(self.actor.parameters(), self.settings.max_grad_norm)
        nn.utils.clip_grad_norm_(self.critic.parameters(), self.settings.max_grad_norm)
        self.optimizer.step()

    def spread(self) -> Tensor | None:
        """The logarithm of the present exploration noise's deviation, [a], for continuous actions."""
        return self.actor.log_std.detach().clone() if isinstance(self.actor, GaussianActor) else None

    def told(self, losses: dict[str, float]) -> dict[str, float]:
        """The losses, which must be finite, and how wide actions spread."""
        require_finite_losses(losses)
        spread = self.spread()
        return losses if spread is None else losses | {"action_std": float(spread.exp().mean())}

    @torch.no_grad()
    def values(self, seen: Tensor, final: list[tuple[int, Tensor, Tensor]], last: Tensor) -> tuple[Tensor, Tensor]:
        """Values [T, N] of the observations `seen` [T, N, m] (normalized) and of those each step led to; one call."""
        steps, worlds = seen.shape[:2]
        led_to = torch.cat([last, *(observation for _, _, observation in final)])
        rows = torch.cat([seen.flatten(0, 1), self.critic_normalizer(led_to)])
        values = self.return_normalizer.inverse(self.critic(rows))
        value = values[: steps * worlds].view(steps, worlds)
        next_value = torch.cat([value[1:], values[steps * worlds :][:worlds].unsqueeze(0)])
        start = (steps + 1) * worlds
        for t, ids, observation in final:
            next_value[t, ids] = values[start : start + len(observation)]
            start += len(observation)
        return value, next_value

    @staticmethod
    def _require_finite(rollout: Rollout, last: Observation) -> None:
        seen = {"actor": rollout.actor, "critic": rollout.critic, "reward": rollout.reward, "action": rollout.action}
        seen |= {f"next {name}": x for name, x in last.items()}
        seen |= {"terminal critic": torch.cat([x for _, _, x in rollout.final])} if rollout.final else {}
        require_finite(seen)

    def modules(self) -> dict[str, nn.Module]:
        names = ("actor", "critic", "actor_normalizer", "critic_normalizer", "return_normalizer")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        state = {
            "modules": {name: dict(module.state_dict()) for name, module in self.modules().items()},
            "moments": {name: moments_of(optimizer) for name, optimizer in self.optimizers.items()},
            "generator": self.generator.get_state(),
            "steps": self.steps,
        }
        if self.actor.memory.size:
            state["memory"] = {"state": self.worker.state, "began": self.began, "latest": self.rollout.latest()}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        moments = state["moments"]
        for name, optimizer in self.optimizers.items():
            older = isinstance(moments, list)  # a checkpoint's of before there was more than one optimizer
            set_moments(optimizer, moments if older else moments[name])
        self.generator.set_state(state["generator"])
        self.steps = state["steps"]
        if memory := state.get("memory"):
            self.worker.state, self.began = memory["state"], memory["began"]
            for name, x in self.rollout.latest().items():
                x.copy_(memory["latest"][name])

    def parts(self) -> Mapping[str, Part]:
        return {}

    def load_part(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        raise CheckpointError(f"the checkpoint has a part {name}, which this algorithm has not")

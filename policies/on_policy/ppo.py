"""Proximal policy optimization with clipping (Schulman et al., arXiv 1707.06347): the whole algorithm."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ashore.configs.schema import PPOSettings
from ashore.policies.acting import Acting
from ashore.policies.advantages import estimate_advantages
from ashore.policies.memory import Recurrent
from ashore.policies.networks import Critic, entropy, kl_divergence, log_prob, make_actor
from ashore.policies.normalize import Normalizer
from ashore.policies.process import torch_threads
from ashore.policies.rollout import Rollout, cut
from ashore.policies.vector import Observation, VectorEnv

Batch = dict[str, Tensor]  # [T * N, ...] each; of a recurrent actor [sequences, steps, ...]


class PPO:
    """Networks, optimizer and statistics, and how one rollout improves them.

    Every random number comes from one generator, on the device that the environment's observations are on.
    Statistics for normalization move only between rollouts, so that the policy that is updated is the one that acted.
    A recurrent actor learns from whole sequences, each from the state that acted, as Kapturowski et al. (ICLR 2019) store
    it, or with a burn-in from an earlier one, since the state moves on with every gradient step. The critic has no memory:
    it sees the world's state and lambda.
    """

    def __init__(self, settings: PPOSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> None:
        s, sizes = settings, env.observation_sizes
        self.settings = settings
        self.generator = torch.Generator(device)
        initial = torch.Generator().manual_seed(seed)
        self.actor = make_actor(s, sizes["actor"], env.action_size, initial).to(device)
        self.critic = Critic(sizes["critic"], s.critic_hidden, s.activation, initial).to(device)
        self.generator.manual_seed(int(torch.randint(2**62, (), generator=initial)))
        self.actor_normalizer = Normalizer(sizes["actor"]).to(device)
        self.critic_normalizer = Normalizer(sizes["critic"]).to(device)
        self.return_normalizer = Normalizer(1).to(device)  # the critic predicts returns on its scale
        self.learning_rate = s.learning_rate
        self.steps = 0  # control steps learned from
        parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=s.learning_rate, fused=True)
        recurrent = isinstance(self.actor.memory, Recurrent)
        self.sequence = (s.memory.sequence or s.rollout_steps) if recurrent else 1
        self.burn_in = s.memory.burn_in if recurrent else 0
        shape = (s.rollout_steps, env.num_envs, sizes, env.action_size, device)
        self.rollout = Rollout(*shape, memory_size=self.actor.memory.size, before=self.burn_in)
        self.acting = Acting(self.actor, self.actor_normalizer)
        self.began = torch.ones(env.num_envs, dtype=torch.bool, device=device)  # worlds that show an episode's first

    def improve(self, env: VectorEnv) -> dict[str, float]:
        """One iteration: collect -> advantages -> update. Gives what happened, by name."""
        self.collect(env)
        rollout = self.rollout
        self._require_finite(rollout, env.observation)
        batch = self.batch(rollout, env.observation)
        report = self.update(batch)
        self.steps += rollout.reward.numel()
        self._lower_std_ceiling()
        self.observe({"actor": rollout.actor.flatten(0, 1), "critic": rollout.critic.flatten(0, 1)})
        return report

    def collect(self, env: VectorEnv) -> None:
        """Fill the rollout: act -> step -> record."""
        rollout = self.rollout
        rollout.clear()
        with torch_threads(1):
            for _ in range(self.settings.rollout_steps):
                observation = env.observation
                action, mean = self.act(observation["actor"])
                _, reward, terminated, truncated, info = env.step(action)
                remembered = (self.acting.entered, self.began) if self.actor.memory.size else ()
                rollout.record(observation, action, mean, reward, terminated, truncated, info, *remembered)
                self.began = terminated | truncated

    def observe(self, observation: Observation) -> None:
        """Take observations [B, ...] into the statistics for normalization."""
        self.actor_normalizer.update(observation["actor"])
        self.critic_normalizer.update(observation["critic"])

    @torch.no_grad()
    def act(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Actions drawn from the policy, and their mean: [N, n] -> [N, a], [N, a]."""
        mean = self.acting(observation, self.began)
        noise = torch.randn(mean.shape, generator=self.generator, device=mean.device)
        return mean + self.actor.log_std.exp() * noise, mean

    @torch.no_grad()
    def batch(self, rollout: Rollout, last: Observation) -> Batch:
        """What the update learns from, with advantages and returns: the rollout's steps in one row each, or its sequences."""
        s = self.settings
        critic_seen = self.critic_normalizer(rollout.critic)
        value, next_value = self._values(critic_seen, rollout.final, last["critic"])
        advantage, returns = estimate_advantages(
            rollout.reward, value, next_value, rollout.terminated, rollout.truncated, s.discount, s.gae_lambda
        )
        self.return_normalizer.update(returns.reshape(-1, 1))
        steps: Batch = {
            "critic": critic_seen,
            "action": rollout.action,
            "mean": rollout.mean,
            "log_prob": log_prob(rollout.action, rollout.mean, self.actor.log_std),
            "advantage": (advantage - advantage.mean()) / (advantage.std() + 1e-8),
            "return": self.return_normalizer(returns.unsqueeze(-1)).squeeze(-1),
        }
        memory, past = self.actor.memory, rollout.past
        if not isinstance(memory, Recurrent):
            state = past["state"] if memory.size else rollout.actor.new_zeros(*rollout.reward.shape, 0)
            steps["actor"], _ = memory(self.actor_normalizer, rollout.actor, state)
            return {name: x.flatten(0, 1) for name, x in steps.items()}
        length, whole = self.sequence, self.burn_in + self.sequence
        sequences = {name: cut(x, length, length) for name, x in steps.items()}
        sequences["actor"] = cut(self.actor_normalizer(past["actor"]), whole, length)
        sequences["began"] = cut(past["began"], whole, length)
        return sequences | {"state": past["state"][: len(steps["action"]) : length].flatten(0, 1)}

    def _values(self, seen: Tensor, final: list[tuple[int, Tensor, Tensor]], last: Tensor) -> tuple[Tensor, Tensor]:
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

    def update(self, batch: Batch) -> dict[str, float]:
        """Several epochs over the batch, each in a fresh order and to the last row."""
        s = self.settings
        rows_each = max(1, s.minibatch_size // self.sequence)
        log_std_before = self.actor.log_std.detach().clone()
        totals: dict[str, Tensor | float] = {}
        passes = 0
        for _ in range(s.epochs):
            size = len(batch["action"])
            order = torch.randperm(size, generator=self.generator, device=batch["action"].device)
            shuffled = {name: torch.split(x.index_select(0, order), rows_each) for name, x in batch.items()}
            for rows in zip(*shuffled.values(), strict=True):
                losses = self._step(dict(zip(shuffled, rows, strict=True)), log_std_before)
                totals = {name: totals.get(name, 0.0) + x for name, x in losses.items()}
                passes += 1
        report = {name: float(x) / passes for name, x in totals.items()}
        if not all(map(_is_finite, report.values())):
            raise FloatingPointError(f"the update is not finite: {report}; nothing after it can be trusted")
        std = self.actor.log_std.detach().exp().mean()
        return report | {"learning_rate": self.learning_rate, "action_std": float(std)}

    def _step(self, rows: Batch, log_std_before: Tensor) -> dict[str, Tensor | float]:
        """One gradient step on a minibatch; the learning rate first follows the divergence from the policy that acted."""
        s = self.settings
        log_std = self.actor.log_std
        mean = self.actor(self._features(rows))
        with torch.no_grad():
            kl = kl_divergence(rows["mean"], log_std_before, mean, log_std).mean().item()
        self._follow(kl)
        ratio = (log_prob(rows["action"], mean, log_std) - rows["log_prob"]).exp()
        advantage = rows["advantage"]
        policy_loss = -torch.minimum(ratio * advantage, ratio.clip(1 - s.clip, 1 + s.clip) * advantage).mean()
        value_loss = (self.critic(rows["critic"]) - rows["return"]).square().mean()
        loss = policy_loss + s.value_coefficient * value_loss - s.entropy_coefficient * entropy(log_std)
        self.optimizer.zero_grad()
        loss.backward()
        # Apart, so that a large error of the critic does not scale down the actor's step.
        nn.utils.clip_grad_norm_(self.actor.parameters(), s.max_grad_norm)
        nn.utils.clip_grad_norm_(self.critic.parameters(), s.max_grad_norm)
        self.optimizer.step()
        return {"policy_loss": policy_loss.detach(), "value_loss": value_loss.detach(), "kl": kl}

    def _features(self, rows: Batch) -> Tensor:
        """What the actor's layers take, through time where it is recurrent."""
        memory = self.actor.memory
        if isinstance(memory, Recurrent):
            return memory.replay(rows["actor"], rows["began"], rows["state"], self.burn_in)
        return rows["actor"]

    def _lower_std_ceiling(self) -> None:
        """Exploration noise fades: under strong noise the best policy is a jerky one, for it must undo the noise."""
        s = self.settings
        first, last = math.log(s.initial_std), math.log(s.final_std)
        ceiling = first + (last - first) * min(1.0, self.steps / s.std_steps)
        with torch.no_grad():
            self.actor.log_std.clamp_(max=ceiling)

    def _follow(self, kl: float) -> None:
        """The rule of rsl_rl: a third slower above twice the desired divergence, half again faster below half of it."""
        low, high = self.settings.learning_rate_bounds
        if kl > 2 * self.settings.desired_kl:
            self.learning_rate = max(low, self.learning_rate / 1.5)
        elif 0 < kl < self.settings.desired_kl / 2:
            self.learning_rate = min(high, self.learning_rate * 1.5)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate

    @staticmethod
    def _require_finite(rollout: Rollout, last: Observation) -> None:
        """An update on numbers that are not finite would spoil the networks for good, so none is made."""
        seen = {"actor": rollout.actor, "critic": rollout.critic, "reward": rollout.reward, "action": rollout.action}
        seen |= {f"next {name}": x for name, x in last.items()}
        seen |= {"terminal critic": torch.cat([x for _, _, x in rollout.final])} if rollout.final else {}
        for name, x in seen.items():
            if not x.isfinite().all():
                first = (~x.isfinite()).nonzero()[0].tolist()
                raise FloatingPointError(f"{name} {list(x.shape)} is not finite, first at {first}; no update was made")

    def modules(self) -> dict[str, nn.Module]:
        """What is learned: networks and statistics for normalization, by name."""
        names = ("actor", "critic", "actor_normalizer", "critic_normalizer", "return_normalizer")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        moments = self.optimizer.state_dict()["state"]
        state = {
            "modules": {name: dict(module.state_dict()) for name, module in self.modules().items()},
            "moments": [moments[i] for i in sorted(moments)],
            "generator": self.generator.get_state(),
            "learning_rate": self.learning_rate,
            "steps": self.steps,
        }
        if self.actor.memory.size:
            state["memory"] = {"state": self.acting.state, "began": self.began, "latest": self.rollout.latest()}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": dict(enumerate(state["moments"])), "param_groups": groups})
        self.generator.set_state(state["generator"])
        self.learning_rate, self.steps = state["learning_rate"], state["steps"]
        if memory := state.get("memory"):
            self.acting.state, self.began = memory["state"], memory["began"]
            for name, x in self.rollout.latest().items():
                x.copy_(memory["latest"][name])


def _is_finite(x: float) -> bool:
    return x - x == 0

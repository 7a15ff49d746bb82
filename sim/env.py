"""The batched environment: N worlds of one task, everything a torch tensor, one engine call a control step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.entries import longest_signal_delay
from ashore.configs.laws import rng
from ashore.configs.schema import TaskSettings
from ashore.sim import tasks
from ashore.sim.channel.signals import Channel, Draws
from ashore.sim.channel.tool_signals import measured_tool
from ashore.sim.drive.actuation import Actuation
from ashore.sim.drive.adversary import Adversary
from ashore.sim.drive.command import ActionPath, CommandPath, RawActuatorPath
from ashore.sim.drive.disturbance import Disturbance, Words
from ashore.sim.engine.choice import make_world
from ashore.sim.engine.threads import on_one_core
from ashore.sim.observations import Obs, Observations
from ashore.sim.policy_interface import interface_of
from ashore.sim.randomizer_interface import Randomizer
from ashore.sim.robots.robot import joint_units
from ashore.sim.scene.scene import compile_scene
from ashore.sim.view.visuals import Visuals

STATE = ("episode", "age", "skipped", "sums", "metric_sums")  # what the environment itself knows of each world
PARTS = ("world", "command", "channel", "actuation", "disturbance", "task")  # which know the rest


class Env:
    """Same-step autoreset: the observation of a world that ended is the first of its next episode.

    Observations: `actor` [N, interface.actor_size], signals as measured and the command memory; `critic`, the same and what
    only a simulator knows. `info` holds, once worlds ended: `final_ids` [k], their `final_obs`, and `episode` with return,
    length, success and the sum of every reward term, [k] each.

    `stagger` is for training: worlds that begin together would end together, and every rollout would show the learner one
    part of the episode alone. The randomizer hears nothing of the episodes cut short by it.
    `critic_sees_world`: lambda is among what the critic sees. The actor never sees it.
    """

    def __init__(
        self,
        settings: TaskSettings,
        num_envs: int,
        *,
        seed: int = 0,
        randomizer: Randomizer | None = None,
        num_threads: int = 0,
        stagger: bool = False,
        critic_sees_world: bool = True,
    ) -> None:
        task = tasks.find(settings.name, settings.source)
        self.settings = settings = task.resolve(settings)
        self.num_envs, self.seed = num_envs, seed
        model = compile_scene(task, settings)
        self.world = make_world(settings, model, num_envs, num_threads, fresh=not task.raw_actuators)
        self.task = task(settings, self.world)
        self.interface = interface_of(self.task)
        self.command: ActionPath = (
            RawActuatorPath(self.world.model, num_envs) if task.raw_actuators else CommandPath(self.interface, num_envs)
        )
        longest = longest_signal_delay(settings.randomization)
        tool = measured_tool(self.interface)
        self.channel = Channel(self.interface.signals, num_envs, settings.control_dt, longest, self.command.clock, tool)
        # Where the target starts from; a direct task has none.
        self.measured_joints = slice(0) if task.raw_actuators else self.channel.columns("joint_position")
        self.discrete = False
        self.action_size = self.world.model.nu if task.raw_actuators else len(self.interface.action_scale)
        joints = {} if task.raw_actuators else joint_units(self.world.model, settings.robot)
        self.actuation = Actuation(joints, num_envs, settings.control_dt)
        adversary = Adversary(self.world, self.command, self.interface.actor_size, self.action_size)
        self.disturbance = Disturbance(self.world, settings.control_dt, adversary)
        self.randomizer = randomizer
        if randomizer is not None:
            randomizer.bind(self)
        known = randomizer if critic_sees_world else None
        self._observations = Observations(self.task, self.interface, self.command, known)
        self.observation_sizes = self._observations.sizes
        self.numbers = np.arange(num_envs)  # by which chance knows each world
        self.assign: Callable[[Tensor], None] | None = None  # told of the worlds [k] that are about to begin an episode
        self._no_words: Words = np.zeros((num_envs, 0), np.uint32)
        self.stagger = stagger
        self._began = torch.arange(num_envs)
        self.episode = torch.zeros(num_envs, dtype=torch.int64)
        self.age = torch.zeros(num_envs, dtype=torch.int64)  # control steps into the episode
        self.skipped = torch.zeros(num_envs, dtype=torch.int64)  # of those, how many a staggered start left out
        self.sums = torch.zeros(num_envs, len(self.task.reward_terms))
        self.metric_sums = torch.zeros(num_envs, len(task.metrics))
        self.diverged_count = 0
        self.observation: Obs = {}

    @functools.cached_property
    def visuals(self) -> Visuals:
        """What each world looks like. Made for the first who asks: an entry of the space, or one who draws."""
        visuals = Visuals(self.settings, self.world)
        self.task.frame(visuals.model)
        return visuals

    @on_one_core
    def reset(self, seed: int | None = None) -> Obs:
        """Begin every world's episode 0 of this seed; with `stagger`, world i's is cut short by i/N of an episode."""
        self.seed = self.seed if seed is None else seed
        self.episode.fill_(-1)
        first = self.restart()
        if self.stagger:
            self.age = torch.arange(self.num_envs) * self.settings.episode_steps // self.num_envs
            self.skipped = self.age.clone()
        return first

    @on_one_core
    def restart(self) -> Obs:
        """Begin the next episode of every world."""
        actor = torch.zeros(self.num_envs, self.observation_sizes["actor"])
        self._began = torch.arange(self.num_envs)
        return self._observed(self._restart(self._began, actor))

    @property
    def began(self) -> Tensor:
        """Mask [N] of the worlds whose observation is their episode's first: there a policy's memory begins anew."""
        return torch.zeros(self.num_envs, dtype=torch.bool).index_fill_(0, self._began, True)

    @on_one_core
    def step(self, action: Tensor) -> tuple[Obs, Tensor, Tensor, Tensor, dict[str, Any]]:
        """action [N, action_size], clipped to [-1, 1] -> obs, reward [N], terminated [N], truncated [N], info."""
        return self._advance(self.command.act, action)

    @on_one_core
    def step_towards(self, desired: Tensor) -> tuple[Obs, Tensor, Tensor, Tensor, dict[str, Any]]:
        """As `step`, from joint targets [N, joints] rad: what an exported policy gives."""
        return self._advance(self.command.follow, desired)

    def _advance(
        self, drive: Callable[[Tensor, Tensor | None], Tensor], asked: Tensor
    ) -> tuple[Obs, Tensor, Tensor, Tensor, dict[str, Any]]:
        if not self.observation:
            raise RuntimeError("the environment has no state yet; call reset before the first step")
        sensing, delivery, driving, disturbing = self._chances()
        draws = torch.from_numpy(rng.uniform(delivery)) if delivery.shape[1] else None
        self.world.ctrl.copy_(self._disturbed(drive(asked, draws), driving, disturbing))
        self.world.step(self.settings.decimation)
        self.age += 1
        rewards, terminated, success, metrics = self.task.judge(
            self.command.requested_velocity, self.command.previous_velocity
        )
        diverged = self._diverged()
        if diverged is not None:
            self.diverged_count += int(diverged.sum())
            rewards = torch.where(diverged[:, None], 0.0, rewards)
            terminated, success = terminated | diverged, success & ~diverged
            metrics = None if metrics is None else torch.where(diverged[:, None], 0.0, metrics)
        self.sums += rewards
        if metrics is not None:
            self.metric_sums += metrics
        truncated = (self.age >= self.settings.episode_steps) & ~terminated
        info: dict[str, Any] = {}
        self._began = ended = (terminated | truncated).nonzero().squeeze(1)
        actor = self._measured(self.channel.noise(sensing))
        if len(ended):
            final = self._observed(actor)
            if diverged is not None:
                final = {k: v.masked_fill(diverged[:, None], 0.0) for k, v in final.items()}
            info = self._finished(ended, final, success)
            actor = self._restart(ended, actor.clone())
        return self._observed(actor), rewards.sum(1), terminated, truncated, info

    def _disturbed(self, ctrl: Tensor, driving: Words, disturbing: Words) -> Tensor:
        """What the drives make of what they are told, [N, nu]; and what else happens to the worlds in this period."""
        if self.disturbance.used:
            ctrl = self.disturbance.act(ctrl, self.observation["actor"], disturbing, self._more)
        return self.actuation.pass_on(ctrl, driving) if self.actuation.used else ctrl

    def _diverged(self) -> Tensor | None:
        """Mask [N] of worlds that cannot go on: the engine says so, or, before it could, a target that is no number."""
        diverged = self.world.diverged()
        finite = self.command.finite()
        if finite is not None:
            diverged = ~finite if diverged is None else diverged | ~finite
        return diverged

    def _measured(self, noise: Draws | None) -> Tensor:
        """Every world's actor observation after a step: [N, actor_size]."""
        signals = self.channel.observe(self.task.measure(), noise)
        return self._observations.actor(signals, self.task.goal_command(), self.command.memory())

    def _restart(self, ids: Tensor, actor: Tensor) -> Tensor:
        """Begin the next episode of these worlds; writes their rows of the actor observation and returns it."""
        self.episode.index_add_(0, ids, torch.ones_like(ids))
        self.age.index_fill_(0, ids, 0)
        self.skipped.index_fill_(0, ids, 0)
        self.sums.index_fill_(0, ids, 0.0)
        self.metric_sums.index_fill_(0, ids, 0.0)
        if self.assign is not None:
            self.assign(ids)
        own, sensing, driving, disturbing = self._first_chances(ids)
        u, noise = torch.from_numpy(rng.uniform(own)), self.channel.noise(sensing)
        self.world.reset(ids)
        if self.randomizer is not None:
            self.randomizer.reset(ids, u[:, self.task.num_uniforms :])
        self.actuation.restart(ids, driving)
        self.task.place(ids, u[:, : self.task.num_uniforms])
        if not self.task.raw_actuators:  # the servos begin where the joints are
            self.world.act.index_copy_(0, ids, self.world.qpos[:, self.task.qpos_of].index_select(0, ids))
        self.world.forward(ids)
        self.task.begin(ids, u[:, : self.task.num_uniforms])
        signals = self.channel.restart(ids, self.task.measure().index_select(0, ids), noise)
        memory = self.command.restart(ids, signals[:, self.measured_joints])
        self.disturbance.restart(ids, signals[:, self.measured_joints], disturbing)
        command = self.task.goal_command().index_select(0, ids)
        return actor.index_copy_(0, ids, self._observations.actor(signals, command, memory))

    def _observed(self, actor: Tensor) -> Obs:
        if isinstance(self.command, CommandPath):
            self.command.heading = self._observations.heading(actor)
        self.observation = self._observations.both(actor)
        return self.observation

    def _finished(self, ids: Tensor, final: Obs, success: Tensor) -> dict[str, Any]:
        sums, success = self.sums.index_select(0, ids), success.index_select(0, ids)
        if self.randomizer is not None:
            whole = self.episode.index_select(0, ids) >= self.stagger
            self.randomizer.observe(ids[whole], success[whole])
        length = (self.age - self.skipped).index_select(0, ids)
        episode = {"return": sums.sum(1), "length": length, "success": success.float()}
        episode |= {f"reward/{name}": sums[:, i] for i, name in enumerate(self.task.reward_terms)}
        if self.task.metrics:
            means = self.metric_sums.index_select(0, ids) / episode["length"].unsqueeze(1)
            episode |= {f"metric/{name}": means[:, i] for i, name in enumerate(self.task.metrics)}
        return {
            "final_ids": ids,
            "final_obs": {k: v.index_select(0, ids) for k, v in final.items()},
            "episode": episode,
        }

    def _first_chances(self, ids: Tensor) -> list[Words]:
        """Random words of the episodes that begin in these worlds, [k, num_uniforms] each: for task and randomizer, sensing,
        drives and disturbances."""
        counts = (
            self.task.num_uniforms + (self.randomizer.num_uniforms if self.randomizer else 0),
            self.channel.num_uniforms,
            self.actuation.num_episode_uniforms,
            self.disturbance.num_episode_uniforms,
        )
        worlds, episodes = self.numbers[ids.numpy()], self.episode.index_select(0, ids).numpy()
        return rng.parted(rng.words(self.seed, rng.EPISODE, worlds, episodes, None, sum(counts)), counts)

    def _chances(self) -> list[Words]:
        """Random words of every world's step, [N, num_uniforms] each, for sensing, delivery, drives and disturbances: as many
        as each says it takes. None are drawn where nothing takes any."""
        counts = [part.num_uniforms for part in (self.channel, self.command, self.actuation, self.disturbance)]
        bits = self._no_words
        if any(counts):
            episodes, ages = self.episode.numpy(), self.age.numpy()
            bits = rng.words(self.seed, rng.STEP, self.numbers, episodes, ages, sum(counts))
        return rng.parted(bits, counts)

    def _more(self, ids: NDArray[np.int64], count: int) -> Words:
        """Further random words of these worlds' present step: [k, count]."""
        episodes, ages = self.episode.numpy()[ids], self.age.numpy()[ids]
        return rng.words(self.seed, rng.EVENT, self.numbers[ids], episodes, ages, count)

    def report(self) -> dict[str, float]:
        """What goes beside the metrics of training: the worlds it shows, and where the engine had too little room for them."""
        numbers = self.randomizer.report() if self.randomizer is not None else {}
        shown = {f"randomization/{name}": value for name, value in numbers.items()}
        return shown | {f"engine/overflow_{name}": float(count) for name, count in self.world.overflows().items()}

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "seed": self.seed,
            "diverged_count": self.diverged_count,
            **{name: getattr(self, name).clone() for name in STATE},
            "began": self._began.clone(),
            "observation": {k: v.clone() for k, v in self.observation.items()},
            **{name: getattr(self, name).state_dict() for name in PARTS},
            "randomizer": self.randomizer.state_dict() if self.randomizer is not None else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seed, self.diverged_count = state["seed"], state["diverged_count"]
        state = {"skipped": torch.zeros_like(self.age)} | state  # older checkpoints have none
        for name in STATE:
            setattr(self, name, state[name].clone())
        self._began = state["began"].clone()
        self.observation = {k: v.clone() for k, v in state["observation"].items()}
        if self.randomizer is not None:
            self.randomizer.load_state_dict(state["randomizer"])
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])

"""A training that goes on an iteration at a time: ours, and what a peer's has to look like to run beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ashore.configs.errors import UsageError
from ashore.configs.schema import RunSettings
from ashore.environments import make_env, policy_act
from ashore.policies.algorithms import make_learner
from ashore.policies.off_policy.learner import OffPolicy
from ashore.policies.on_policy.learner import OnPolicy
from ashore.policies.process import reproducible
from ashore.sim.env import Env
from ashore.sim.evaluate import run_episodes, worlds_and_rounds

Act = Callable[[dict[str, Tensor]], Tensor]


class Time(NamedTuple):
    """Seconds by the clock, and of the process on all cores."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Time:
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: Time) -> Time:
        return Time(self.wall - start.wall, self.cpu - start.cpu)


class Stopwatch:
    """Adds up the time inside a function."""

    def __init__(self) -> None:
        self.total = Time(0.0, 0.0)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = Time.now()
            result = function(*args, **kwargs)
            took = Time.now().since(start)
            self.total = Time(self.total.wall + took.wall, self.total.cpu + took.cpu)
            return result

        return timed


class Training(Protocol):
    """A fresh learner with worlds of its own. It is made as `Training(run)`."""

    about: dict[str, Any]  # what it runs: version, worlds, and whatever differs from ours
    learning: Stopwatch  # around what it does between collecting

    @property
    def steps(self) -> int:
        """Control steps done, over all worlds."""
        ...

    @property
    def updates(self) -> int:
        """Gradient updates done."""
        ...

    def advance(self) -> None:
        """One iteration: collect, then learn."""
        ...

    def act(self, env: Env) -> Act:
        """Its best actions in worlds of the task."""
        ...


def worlds_of(run: RunSettings) -> Env:
    """As a training has them."""
    s = run.train
    env = make_env(
        run.task, s.num_envs, seed=s.seed, sampler=run.sampler, stagger=True, critic_sees_world=s.critic_sees_world
    )
    env.task.adapt()
    return env


class Ours:
    """Our own training, as `ashore train` has it."""

    def __init__(self, run: RunSettings) -> None:
        s = self.settings = run.train
        self.env = worlds_of(run)
        self.about: dict[str, Any] = {"num_envs": s.num_envs}
        self.learning = Stopwatch()
        with reproducible(s.torch_threads):
            first = self.env.reset(s.seed)
            self.learner: Any = make_learner(s.algorithm, self.env, s.seed)
            self.learner.observe(first)
        inner = "learn" if isinstance(self.learner, OnPolicy) else "_update_as_due"
        setattr(self.learner, inner, self.learning.around(getattr(self.learner, inner)))

    @property
    def steps(self) -> int:
        return int(self.learner.steps)

    @property
    def updates(self) -> int:
        if isinstance(self.learner, OffPolicy):
            return self.learner.updates
        s: Any = self.settings.algorithm
        rows = s.rollout_steps * self.settings.num_envs
        return self.steps // rows * s.epochs * -(-rows // s.minibatch_size)

    def advance(self) -> None:
        with reproducible(self.settings.torch_threads):
            self.learner.improve(self.env)

    def act(self, env: Env) -> Act:
        return policy_act(self.learner.acting(), env)


class Evaluation:
    """The task's own evaluation, the same for everybody's policies."""

    def __init__(self, run: RunSettings, seed: int) -> None:
        worlds, self.rounds = worlds_and_rounds(run.train.eval_episodes)
        self.env, self.seed = make_env(run.task, worlds, seed=run.train.seed), seed

    def __call__(self, training: Training) -> dict[str, float]:
        return run_episodes(self.env, training.act(self.env), self.rounds, seed=self.seed).summary()


# name on the command line -> module, class, the package it needs, how to get that
PEERS = {
    "rsl_rl": ("rsl_rl", "RslRl", "rsl_rl", "pip install rsl-rl-lib"),
    "sb3": ("sb3", "SB3", "stable_baselines3", "pip install stable-baselines3"),
    "sb3_defaults": ("sb3", "SB3Defaults", "stable_baselines3", "pip install stable-baselines3"),
    "sb3_zoo": ("sb3", "SB3Zoo", "stable_baselines3", "pip install stable-baselines3"),
}


def make_peer(name: str, run: RunSettings) -> Training:
    """A peer's training of the run. UsageError says how to install a peer that is not there."""
    module, kind, package, install = PEERS[name]
    if find_spec(package) is None:
        raise UsageError(f"--peer {name}: this interpreter has no {package}; {install}")
    torch.manual_seed(run.train.seed)
    training: Training = getattr(import_module(f"ashore.benchmarks.peers.{module}"), kind)(run)
    return training

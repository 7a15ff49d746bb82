"""PPO and SAC of stable-baselines3 on our worlds at our preset's sizes, and as its users run them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from torch import nn

from ashore.benchmarks.peers.envpool import ENVPOOL
from ashore.benchmarks.peers.training import Act, Stopwatch
from ashore.configs.algorithms import PPOSettings, SACSettings
from ashore.configs.errors import UsageError
from ashore.configs.schema import RunSettings
from ashore.registration import register_environments
from ashore.sim.env import Env
from ashore.sim.sb3 import SB3VecEnv

ACTIVATIONS = {"elu": nn.ELU, "relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU}

# rl-baselines3-zoo, hyperparams/ppo.yml and sac.yml, HalfCheetah-v4
ZOO: dict[str, dict[str, Any]] = {
    "ppo": {
        "n_steps": 512,
        "batch_size": 64,
        "gamma": 0.98,
        "learning_rate": 2.0633e-05,
        "ent_coef": 0.000401762,
        "clip_range": 0.1,
        "n_epochs": 20,
        "gae_lambda": 0.92,
        "max_grad_norm": 0.8,
        "vf_coef": 0.58096,
        "policy_kwargs": {
            "log_std_init": -2,
            "ortho_init": False,
            "activation_fn": nn.ReLU,
            "net_arch": {"pi": [256, 256], "vf": [256, 256]},
        },
    },
    "sac": {"learning_starts": 10_000},
}


register_environments()


class SB3:
    """Our worlds, our preset's numbers of steps, epochs and rows, and our networks; actor and critic see what the actor sees.

    Observations are normalized by SB3's own wrapper where we normalize.
    """

    def __init__(self, run: RunSettings) -> None:
        self.run, s = run, run.train
        kind, arguments = self.arguments()
        self.model = getattr(stable_baselines3, kind.upper())(
            "MlpPolicy", self.worlds(), seed=s.seed, device="cpu", **arguments
        )
        env = self.model.get_env()
        self.about: dict[str, Any] = {
            "stable_baselines3": version("stable-baselines3"),
            "num_envs": env.num_envs,
            "threads": torch.get_num_threads(),
        }
        # What one call of learn goes through: a rollout, or for SAC as much as lies between updates.
        self.chunk = (self.model.n_steps if kind == "ppo" else self.model.train_freq.frequency) * env.num_envs
        self.kind = kind
        self.learning = Stopwatch()
        self.model.train = self.learning.around(self.model.train)

    @property
    def steps(self) -> int:
        return int(self.model.num_timesteps)

    @property
    def updates(self) -> int:
        if self.kind == "sac":
            return int(self.model._n_updates)
        batches = -(-self.model.n_steps * self.model.n_envs // self.model.batch_size)
        return int(self.model._n_updates) * batches  # SB3 counts epochs

    def advance(self) -> None:
        self.model.learn(self.chunk, reset_num_timesteps=False, log_interval=None)

    def act(self, env: Env) -> Act:
        normalized = self.model.get_vec_normalize_env()

        def best(seen: dict[str, torch.Tensor]) -> torch.Tensor:
            raw = seen["actor"].numpy()
            shown = normalized.normalize_obs(raw) if normalized else raw
            return torch.as_tensor(self.model.predict(shown, deterministic=True)[0])

        return best

    def worlds(self) -> VecEnv:
        s = self.run.train
        env = SB3VecEnv(self.run.task.name, s.num_envs, seed=s.seed)
        return VecNormalize(env, norm_reward=False) if getattr(s.algorithm, "normalize_observations", True) else env

    def arguments(self) -> tuple[str, dict[str, Any]]:
        """The algorithm, and our preset in SB3's words. Its learning rate is constant, and no spread fades."""
        s, n = self.run.train.algorithm, self.run.train.num_envs
        if isinstance(s, PPOSettings):
            architecture = {"pi": list(s.actor_hidden), "vf": list(s.critic_hidden)}
            network = {"net_arch": architecture, "activation_fn": ACTIVATIONS[s.activation]}
            return s.kind, {
                "n_steps": s.rollout_steps,
                "batch_size": s.minibatch_size,
                "n_epochs": s.epochs,
                "learning_rate": s.learning_rate,
                "gamma": s.discount,
                "gae_lambda": s.gae_lambda,
                "clip_range": s.clip,
                "ent_coef": s.entropy_coefficient,
                "vf_coef": s.value_coefficient,
                "max_grad_norm": s.max_grad_norm,
                "policy_kwargs": network | {"log_std_init": float(np.log(s.initial_std))},
            }
        if isinstance(s, SACSettings):
            return s.kind, {
                "train_freq": s.rollout_steps,
                "gradient_steps": round(s.rollout_steps * n * s.updates_per_step),
                "batch_size": s.batch_size,
                "buffer_size": s.buffer_size,
                "learning_starts": s.learning_starts,
                "learning_rate": s.learning_rate,
                "gamma": s.discount,
                "tau": s.tau,
                "policy_kwargs": {"net_arch": list(s.hidden), "activation_fn": ACTIVATIONS[s.activation]},
            }
        raise UsageError(f"--peer sb3 with algorithm {s.kind}; allowed: ppo, sac")


class SB3Defaults(SB3):
    """As SB3 comes, with gymnasium's own environments: eight for PPO, one for SAC, which learns after each step."""

    def worlds(self) -> VecEnv:
        name = self.run.task.name
        if name not in ENVPOOL:
            raise UsageError(f"--peer sb3_defaults with task {name}; allowed: {sorted(ENVPOOL)}")
        count = 8 if isinstance(self.run.train.algorithm, PPOSettings) else 1
        return make_vec_env(lambda: gymnasium.make(ENVPOOL[name]), count, seed=self.run.train.seed)

    def arguments(self) -> tuple[str, dict[str, Any]]:
        return super().arguments()[0], {}


class SB3Zoo(SB3Defaults):
    """HalfCheetah as tuned in rl-baselines3-zoo: one environment."""

    def worlds(self) -> VecEnv:
        if self.run.task.name != "half_cheetah":
            raise UsageError(f"--peer sb3_zoo with task {self.run.task.name}; allowed: half_cheetah")
        env = make_vec_env(lambda: gymnasium.make(ENVPOOL["half_cheetah"]), 1, seed=self.run.train.seed)
        return VecNormalize(env) if isinstance(self.run.train.algorithm, PPOSettings) else env

    def arguments(self) -> tuple[str, dict[str, Any]]:
        kind = super().arguments()[0]
        return kind, ZOO[kind]

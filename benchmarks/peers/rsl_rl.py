"""PPO of rsl_rl (https://github.com/leggedrobotics/rsl_rl) on our worlds, at our preset's sizes. Needs rsl-rl-lib 5."""

from __future__ import annotations

import contextlib
import os
from importlib.metadata import version
from typing import Any

import torch
from rsl_rl.algorithms import PPO
from rsl_rl.env import VecEnv
from tensordict import TensorDict
from torch import Tensor

from ashore.benchmarks.peers.training import Act, Stopwatch, worlds_of
from ashore.configs.algorithms import PPOSettings
from ashore.configs.errors import UsageError
from ashore.configs.schema import RunSettings
from ashore.policies.vector import Observation
from ashore.sim.env import Env


class RslRlVecEnv(VecEnv):
    """Our worlds as rsl_rl takes them: observations with the groups `actor` [N, n] and `critic` [N, m]."""

    def __init__(self, env: Env, seed: int) -> None:
        self.env, self.device = env, "cpu"
        self.cfg: dict[str, Any] = {}
        self.num_envs, self.num_actions = env.num_envs, env.action_size
        self.max_episode_length = env.settings.episode_steps
        self.episode_length_buf = torch.zeros(env.num_envs, dtype=torch.long)  # rsl_rl's own runner reads it
        env.reset(seed)

    def get_observations(self) -> TensorDict:
        return self._groups(self.env.observation)

    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict[str, Any]]:
        observation, reward, terminated, truncated, _ = self.env.step(actions)
        dones = terminated | truncated
        self.episode_length_buf += 1
        self.episode_length_buf[dones] = 0
        return self._groups(observation), reward, dones, {"time_outs": truncated & ~terminated}

    def _groups(self, observation: Observation) -> TensorDict:
        return TensorDict(dict(observation), batch_size=[self.num_envs])


class RslRl:
    """The loop of its `OnPolicyRunner.learn` without logging and checks for NaN."""

    def __init__(self, run: RunSettings) -> None:
        s = self.settings = run.train
        if not isinstance(s.algorithm, PPOSettings) or s.algorithm.memory.kind != "none":
            raise UsageError(f"--peer rsl_rl with algorithm {s.algorithm.kind}; allowed: ppo without memory")
        self.env = RslRlVecEnv(worlds_of(run), s.seed)
        self.seen = self.env.get_observations()
        self.ppo_settings = s.algorithm
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # it prints its networks
            self.ppo = PPO.construct_algorithm(self.seen, self.env, configuration(s.algorithm, s.num_envs), "cpu")
        self.about = {"rsl_rl": version("rsl-rl-lib"), "num_envs": s.num_envs}
        self.steps = self.updates = 0
        self.learning = Stopwatch()
        self.update = self.learning.around(self.ppo.update)
        self.compute_returns = self.learning.around(self.ppo.compute_returns)

    def advance(self) -> None:
        with torch.inference_mode():
            for _ in range(self.ppo_settings.rollout_steps):
                self.seen, *rest = self.env.step(self.ppo.act(self.seen))
                self.ppo.process_env_step(self.seen, *rest)
            self.compute_returns(self.seen)
        self.update()
        self.steps += self.ppo_settings.rollout_steps * self.env.num_envs
        self.updates += self.ppo.num_learning_epochs * self.ppo.num_mini_batches

    def act(self, env: Env) -> Act:
        return lambda seen: self.ppo.actor(TensorDict(dict(seen), batch_size=[env.num_envs]))


def configuration(s: PPOSettings, num_envs: int) -> dict[str, Any]:
    """Our preset in rsl_rl's words. It has no counterpart of `learning_rate_bounds` and of a spread that fades."""
    rows = s.rollout_steps * num_envs
    network = {"class_name": "MLPModel", "activation": s.activation, "obs_normalization": True}
    spread = {"class_name": "GaussianDistribution", "init_std": s.initial_std}
    return {
        "num_steps_per_env": s.rollout_steps,
        "obs_groups": {"actor": ["actor"], "critic": ["critic"]},
        "actor": network | {"hidden_dims": list(s.actor_hidden), "distribution_cfg": spread},
        "critic": network | {"hidden_dims": list(s.critic_hidden)},
        "multi_gpu": None,
        "algorithm": {
            "class_name": "PPO",
            "num_learning_epochs": s.epochs,
            "num_mini_batches": -(-rows // s.minibatch_size),
            "clip_param": s.clip,
            "gamma": s.discount,
            "lam": s.gae_lambda,
            "value_loss_coef": s.value_coefficient,
            "entropy_coef": s.entropy_coefficient,
            "learning_rate": s.learning_rate,
            "max_grad_norm": s.max_grad_norm,
            "desired_kl": s.desired_kl,
            "use_clipped_value_loss": False,
        },
    }

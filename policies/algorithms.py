"""Which class learns, by the kind of its settings."""

from __future__ import annotations

from importlib import import_module

import torch

from ashore.configs.algorithms import AlgorithmSettings
from ashore.configs.errors import UsageError
from ashore.policies.learner import Learner
from ashore.policies.vector import VectorEnv

LEARNERS = {
    "reinforce": "on_policy.reinforce:Reinforce",
    "actor_critic": "on_policy.actor_critic:ActorCritic",
    "a2c": "on_policy.a2c:A2C",
    "off_policy_ac": "on_policy.off_policy_ac:OffPolicyAC",
    "trpo": "on_policy.trpo:TRPO",
    "ppo_penalty": "on_policy.ppo_penalty:PPOPenalty",
    "ppo": "on_policy.ppo:PPO",
    "sac": "off_policy.sac:SAC",
    "dqn": "value_based.dqn:DQN",
    "fitted_q": "value_based.fitted_q:FittedQ",
    "gradient_bandit": "tabular.bandit:GradientBandit",
    "linear_q": "value_based.linear_q:LinearQ",
    "q_learning": "tabular.q_learning:QLearning",
    "sarsa": "tabular.sarsa:Sarsa",
    "td3": "off_policy.td3:TD3",
    "ddpg": "off_policy.td3:DDPG",
}
# Which need one of so many choices, and which need actions in [-1, 1].
OF_CHOICES = frozenset({"dqn", "fitted_q", "gradient_bandit", "linear_q", "q_learning", "sarsa"})
OF_CONTINUOUS = frozenset({"sac", "td3", "ddpg"})


def require_fit(settings: AlgorithmSettings, env: VectorEnv) -> None:
    """Refuse an algorithm that acts otherwise than the environment takes actions."""
    unfit = OF_CONTINUOUS if env.discrete else OF_CHOICES
    if settings.kind in unfit:
        has = f"one of {env.action_size} choices" if env.discrete else f"{env.action_size} continuous actions"
        others = ", ".join(sorted(set(LEARNERS) - unfit))
        raise UsageError(f"train.algorithm.kind = {settings.kind!r}; the environment takes {has}; allowed: {others}")


def make_learner(settings: AlgorithmSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> Learner:
    """A fresh learner; everything it draws follows from `seed`."""
    require_fit(settings, env)
    module, name = LEARNERS[settings.kind].split(":")
    learner: Learner = getattr(import_module(f"ashore.policies.{module}"), name)(settings, env, seed, device)
    return learner

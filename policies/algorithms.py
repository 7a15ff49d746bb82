"""Which class learns, by the kind of its settings."""

from __future__ import annotations

from importlib import import_module

import torch

from ashore.configs.algorithms import AlgorithmSettings
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
    "td3": "off_policy.td3:TD3",
    "ddpg": "off_policy.td3:DDPG",
}


def make_learner(settings: AlgorithmSettings, env: VectorEnv, seed: int, device: torch.device | str = "cpu") -> Learner:
    """A fresh learner; everything it draws follows from `seed`."""
    module, name = LEARNERS[settings.kind].split(":")
    learner: Learner = getattr(import_module(f"ashore.policies.{module}"), name)(settings, env, seed, device)
    return learner

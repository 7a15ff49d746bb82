"""A learned policy, taken from a checkpoint for evaluation and export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from configs.schema import TrainSettings
from policies.checkpoint import load
from policies.networks import Actor
from policies.normalize import Normalizer


@dataclass(frozen=True)
class Policy:
    """What acts: normalizer and actor, and how they came about."""

    actor: Actor
    normalizer: Normalizer
    steps: int  # control steps of training
    evaluation: dict[str, float] | None  # the last one before the checkpoint

    @torch.no_grad()
    def __call__(self, observation: Tensor) -> Tensor:
        """The policy's mean action: actor's observation [N, n], raw -> [N, a]."""
        return self.actor(self.normalizer(observation))


def load_policy(checkpoint: Path) -> Policy:
    """The policy that a checkpoint of `trainer.train` holds."""
    state = load(checkpoint)
    ppo = TrainSettings.model_validate_json(state["settings"]).ppo
    modules = state["learner"]["modules"]
    size, actions = len(modules["actor_normalizer"]["mean"]), len(modules["actor"]["log_std"])
    actor = Actor(size, actions, ppo.actor_hidden, ppo.activation, ppo.initial_std)
    actor.load_state_dict(modules["actor"])
    normalizer = Normalizer(size)
    normalizer.load_state_dict(modules["actor_normalizer"])
    return Policy(actor.eval(), normalizer.eval(), state["steps"], state["evaluation"])

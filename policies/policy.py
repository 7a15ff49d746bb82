"""A learned policy, taken from a checkpoint for evaluation and export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ashore.configs.schema import TrainSettings
from ashore.policies.acting import Acting
from ashore.policies.checkpoint import load
from ashore.policies.networks import Actor, make_actor
from ashore.policies.normalize import Normalizer


@dataclass(frozen=True)
class LearnedPolicy:
    """What acts: normalizer and actor, and how they came about."""

    actor: Actor
    normalizer: Normalizer
    steps: int  # control steps of training
    evaluation: dict[str, float] | None  # the last one before the checkpoint

    def acting(self) -> Acting:
        """The policy at work in worlds that all begin an episode."""
        return Acting(self.actor, self.normalizer)


def load_policy(checkpoint: Path) -> LearnedPolicy:
    """The policy that a checkpoint of `trainer.train` holds."""
    state = load(checkpoint)
    ppo = TrainSettings.model_validate_json(state["settings"]).ppo
    modules = state["learner"]["modules"]
    size, actions = len(modules["actor_normalizer"]["mean"]), len(modules["actor"]["log_std"])
    actor = make_actor(ppo, size, actions)
    actor.load_state_dict(modules["actor"])
    normalizer = Normalizer(size)
    normalizer.load_state_dict(modules["actor_normalizer"])
    return LearnedPolicy(actor.eval(), normalizer.eval(), state["steps"], state["evaluation"])

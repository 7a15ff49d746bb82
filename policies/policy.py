"""A learned policy, taken from a checkpoint for evaluation and export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ashore.policies.acting import Acting
from ashore.policies.checkpoint import load, train_settings
from ashore.policies.layout import Layout
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
    algorithm, modules = train_settings(state["settings"]).algorithm, state["learner"]["modules"]
    size, actions = len(modules["actor_normalizer"]["mean"]), state["sizes"]["action"]
    layout = Layout(**state["sizes"].get("layout", {}))
    actor = make_actor(algorithm, size, actions, discrete=state["sizes"].get("discrete", False), layout=layout)
    actor.load_state_dict(modules["actor"])
    normalizer = Normalizer(size, actor.clip)
    normalizer.load_state_dict(modules["actor_normalizer"])
    return LearnedPolicy(actor.eval(), normalizer.eval(), state["steps"], state["evaluation"])

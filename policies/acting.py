"""A policy at work, from step to step."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.policies.networks import Actor
from ashore.policies.normalize import Normalizer


class Acting:
    """A policy's best actions in N worlds, step by step: it keeps their memory, and begins it anew where an episode does."""

    def __init__(self, actor: Actor, normalizer: Normalizer) -> None:
        self.actor, self.normalizer = actor, normalizer
        self.state: Tensor | None = None  # [N, size] for the next step
        self.entered: Tensor | None = None  # with which the last step was entered

    def __call__(self, seen: Tensor, began: Tensor | None = None) -> Tensor:
        """seen: actor's observation [N, n], raw; began: [N] worlds where it is an episode's first -> [N, a], or choices [N]."""
        return self.actor.mode(self.head(seen, began))

    @torch.no_grad()
    def head(self, seen: Tensor, began: Tensor | None = None) -> Tensor:
        """What the actor gives, from which actions are drawn: [N, h]. In the first call, episodes begin in every world."""
        memory = self.actor.memory
        if self.state is None:
            self.state = memory.begin(seen)
        elif memory.size and began is not None:
            self.state = torch.where(began.unsqueeze(-1), memory.begin(seen), self.state)
        self.entered = self.state
        features, self.state = memory(self.normalizer, seen, self.state)
        return self.actor(features)

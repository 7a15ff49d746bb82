"""What the trainer knows of an algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ashore.policies.acting import Acting
from ashore.policies.checkpoint import Part
from ashore.policies.vector import Observation, VectorEnv


class Report(NamedTuple):
    """What one iteration came to."""

    losses: dict[str, float]  # and whatever else the algorithm tells, by name
    episodes: dict[str, list[Tensor]]  # terms of the episodes that ended: [k] each time some did

    def num_episodes(self) -> int:
        return sum(len(values) for values in self.episodes.get("return", []))

    def episode_means(self) -> dict[str, float]:
        """Mean of each term over the episodes that ended; empty where none did."""
        return {name: float(torch.cat(values).double().mean()) for name, values in self.episodes.items()}


class Learner(Protocol):
    """Networks, optimizers and statistics, and how acting in an environment improves them.

    It is made as `Learner(settings, env, seed, device)`. All its random numbers come from generators in its state, so that
    `load_state_dict(state_dict())` goes on to the same bits. `improve` raises FloatingPointError where an observation, a
    reward or a loss is not finite.
    """

    steps: int  # control steps learned from, over all worlds

    def observe(self, observation: Observation) -> None:
        """Take the first observations, [N, ...], before any step."""
        ...

    def improve(self, env: VectorEnv) -> Report:
        """One iteration: act, and learn from it."""
        ...

    def acting(self) -> Acting:
        """The present policy at work, without exploration, in worlds that all begin an episode."""
        ...

    def modules(self) -> dict[str, nn.Module]:
        """What is learned, by name: `actor` and `actor_normalizer` among them."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Nested dicts and lists of tensors, numbers and strings."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def parts(self) -> Mapping[str, Part]:
        """What of its state is large and changes little, apart from `state_dict`."""
        ...

    def load_part(self, name: str, arrays: Mapping[str, np.ndarray]) -> None: ...


def require_finite(seen: dict[str, Tensor]) -> None:
    """An update on numbers that are not finite would spoil the networks for good: raise, with what and where."""
    for name, x in seen.items():
        if not x.isfinite().all():
            first = (~x.isfinite()).nonzero()[0].tolist()
            raise FloatingPointError(f"{name} {list(x.shape)} is not finite, first at {first}; no update was made")


def require_finite_losses(losses: dict[str, float]) -> None:
    if not all(x - x == 0 for x in losses.values()):
        raise FloatingPointError(f"the update is not finite: {losses}; nothing after it can be trusted")

"""The environment as the trainer knows it: batched tensors in and out, with the terminal observations kept."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

Observation = dict[str, Tensor]  # "actor": [N, n], "critic": [N, m], float32
Step = tuple[Observation, Tensor, Tensor, Tensor, dict[str, Any]]


class VectorEnv(Protocol):
    """N worlds in step. A world that ends is reset in the same step; its terminal observation travels in `info`.

    Every returned tensor is fresh: a later step never writes into it. The environment clips actions to [-1, 1].
    """

    num_envs: int
    observation_sizes: dict[str, int]  # {"actor": n, "critic": m}
    action_size: int
    discrete: bool  # an action is one of `action_size` choices, int64

    @property
    def observation(self) -> Observation:
        """What the worlds show now: the last result of `reset`, `step` or `load_state_dict`."""
        ...

    def reset(self, seed: int | None = None) -> Observation:
        """Begin a first episode in every world."""
        ...

    def step(self, action: Tensor) -> Step:
        """Apply `action` [N, action_size], or choices [N].

        Gives (observation, reward [N] float32, terminated [N], truncated [N], info).

        The observation of a world that ended is the first of its next episode. When k worlds ended, `info` holds
        `final_ids` [k] int64, `final_obs` {"actor": [k, n], "critic": [k, m]}, their terminal observations, and
        `episode` {"return": [k], "length": [k], "success": [k] where the task has one, any further term: [k]}.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything the future depends on: nested dicts and lists of tensors, arrays, numbers and strings."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue as if never interrupted; `observation` is what it was."""
        ...


@runtime_checkable
class Reports(Protocol):
    """An environment that has numbers of its own for the metrics."""

    def report(self) -> dict[str, float]: ...

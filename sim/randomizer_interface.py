"""What an environment asks of whoever chooses its worlds; it knows no more of `randomization`."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from ashore.configs.space import Dimension


class Randomizer(Protocol):
    """Draws the next lambda of worlds and makes worlds of it; `ashore.randomization.randomizer.Randomizer` is one."""

    dimensions: tuple[Dimension, ...]
    lambdas: Tensor  # [N, d] the worlds as they are, in each dimension's unit
    values: Tensor  # [N, d] lambda scaled to [-1, 1] over its widest range, for the critic
    num_uniforms: int  # uniforms that `reset` takes

    def bind(self, env: Any) -> None: ...

    def pin(self, ids: Tensor, values: Tensor) -> None: ...

    def hold(self, ids: Tensor, pins: dict[str, float]) -> None: ...

    def reset(self, ids: Tensor, u: Tensor) -> None: ...

    def observe(self, ids: Tensor, success: Tensor) -> None: ...

    def report(self) -> dict[str, float]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

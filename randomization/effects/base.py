"""What an effect is, and what of an environment it may touch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any, Protocol

from torch import Tensor

from configs.errors import AshoreError
from configs.space import Dimension


class SpaceError(AshoreError, ValueError):
    """An entry of the parameter space that this robot and task cannot follow; the text lists what exists."""


class Effect(Protocol):
    """Writes its part of lambda into the worlds, always from stored nominals, so that applying it again changes nothing."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]: ...

    def apply(self, ids: Tensor, values: Tensor) -> None:
        """ids [k] worlds; values [k, dimensions] in each dimension's unit."""
        ...


class WorldFields(Protocol):
    """Model fields that may differ between worlds."""

    num_worlds: int
    longest_delay: float  # s that the actuators' delay buffers can hold

    def field(self, name: str) -> Tensor: ...

    def row_names(self, name: str) -> list[str]: ...

    def feeds_constants(self, name: str) -> bool: ...

    def set_const(self, ids: Tensor) -> None: ...


class Target(Protocol):
    """The environment, or the twin's plant, that effects act on."""

    world: Any  # WorldFields
    command: Any  # jitter, drop: [N, 1]; imperfect: bool
    channel: Any  # specs, columns, weights, delay_weights, bias, noise_std
    seed: int
    num_envs: int


def matching(pattern: str, names: Iterable[str], entry: str, what: str) -> list[int]:
    """Positions of the names that the regular expression matches whole."""
    names = list(names)
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise SpaceError(f"{entry}.{what} = {pattern!r} is no regular expression: {error}") from None
    found = [i for i, name in enumerate(names) if expression.fullmatch(name)]
    if not found:
        raise SpaceError(f"{entry}.{what} = {pattern!r} matches nothing; there is {sorted({n for n in names if n})}")
    return found


def strided(columns: list[int]) -> slice | list[int]:
    """Evenly spaced columns as a slice: writing through a view is several times faster than through indices."""
    steps = {b - a for a, b in itertools.pairwise(columns)} or {1}
    if len(steps) == 1 and min(steps) > 0:
        return slice(columns[0], columns[-1] + 1, steps.pop())
    return columns


def write(table: Tensor, ids: Tensor, columns: slice | list[int], values: Tensor) -> None:
    """table[ids, columns] = values; table [N, m], ids [k], values [k, columns]."""
    if isinstance(columns, slice):
        table[:, columns].index_copy_(0, ids, values)
    else:
        table[ids[:, None], columns] = values

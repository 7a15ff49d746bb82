"""What an effect is, and what of an environment it may touch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor

from ashore.configs.errors import AshoreError
from ashore.configs.space import Dimension


class SpaceError(AshoreError, ValueError):
    """An entry of the parameter space that this robot and task cannot follow; the text lists what exists."""


class Effect(Protocol):
    """Writes its part of lambda into the worlds, always from stored nominals, so that applying it again changes nothing."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]: ...

    @property
    def claims(self) -> Iterable[tuple[str, int]]:
        """What it alone may set: (model field or kind, which value of it); a mapping to the entry's name where it follows
        several entries."""
        ...

    def apply(self, ids: Tensor, values: Tensor) -> None:
        """ids [k] worlds; values [k, dimensions] in each dimension's unit. The caller has constants recomputed that derive from
        model fields, once for all effects: see `WorldFields.feeds_constants`."""
        ...

    def read(self, ids: Tensor) -> Tensor:
        """The values [k, dimensions] that stand in what it writes, worked out from there: what a test compares."""
        ...


class WorldFields(Protocol):
    """Model fields that may differ between worlds."""

    model: Any  # as compiled
    num_worlds: int
    engine: str  # as `task.engine` names it
    longest_delay: float  # s that the actuators' delay buffers can hold

    def varies(self, name: str) -> bool: ...

    def field(self, name: str) -> Tensor: ...

    def row_names(self, name: str) -> list[str]: ...

    def feeds_constants(self, name: str) -> bool: ...

    def set_const(self, ids: Tensor) -> None: ...


class Target(Protocol):
    """The environment, or the twin's plant, that effects act on."""

    world: Any  # WorldFields
    command: Any  # clock, dt; table, enable, refresh, as the channel
    actuation: Any  # joints, driven and the tables that entries of effect actuation name
    disturbance: Any  # kick, pulse, adversary
    channel: (
        Any  # specs, columns, longest_delay; table: what a kind writes; enable: it is used; refresh: it was written
    )
    settings: Any  # robot.joints: names, as the actuators come
    seed: int
    num_envs: int

    @property
    def visuals(self) -> Any:
        """names, enable(effect, kind). Made when first asked for, which costs a second model."""
        ...


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


class Cells:
    """Some columns of a live table [N, ..., m], written for some worlds at once."""

    def __init__(self, table: Tensor, columns: list[int]) -> None:
        steps = {b - a for a, b in itertools.pairwise(columns)} or {1}
        even = len(steps) == 1 and min(steps) > 0
        # Evenly spaced columns are a view, and writing that is several times faster than through indices.
        self.values = table[..., columns[0] : columns[-1] + 1 : steps.pop()] if even else table
        self._columns = None if even else torch.tensor(columns)

    def write(self, ids: Tensor, values: Tensor) -> None:
        """values [k, ..., columns] into worlds ids [k]."""
        if self._columns is not None:
            values = self.values.index_select(0, ids).index_copy_(-1, self._columns, values)
        self.values.index_copy_(0, ids, values)

    def read(self, ids: Tensor) -> Tensor:
        """What stands there: [k, ..., columns]."""
        values = self.values.index_select(0, ids)
        return values if self._columns is None else values.index_select(-1, self._columns)

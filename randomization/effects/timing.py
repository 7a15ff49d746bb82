"""Imperfect delivery of commands: late within the period, or lost. The engine's own delay holds what is constant."""

from __future__ import annotations

from torch import Tensor

from ashore.configs.entries.command import CommandParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import SpaceError, Target


class CommandEffect:
    """Sets the latest arrival, the chances of loss or the policy's clock in each world's command path."""

    def __init__(self, name: str, entry: CommandParameter, target: Target) -> None:
        self._command, self._kind = target.command, entry.kind
        if target.command.clock is None:
            raise SpaceError(f"{name} delays commands to joints; allowed: tasks whose actions are joint targets")
        if entry.kind == "period" and entry.widest[1] > target.command.dt:
            raise SpaceError(f"{name} reaches {entry.widest[1]} s; allowed: at most {target.command.dt} s, one period")
        self.claims = ((entry.kind, 0),)  # there is one command path
        self.dimensions = (Dimension.of(name, entry),)
        target.command.enable(entry.kind, entry.seconds)
        self._held: Tensor = target.command.table(entry.kind)
        self._held.fill_(entry.nominal)

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._held.index_copy_(0, ids, values.to(self._held.dtype))
        self._command.refresh(self._kind, ids)

    def read(self, ids: Tensor) -> Tensor:
        """The values [k, 1] that stand in the command path."""
        return self._held.index_select(0, ids).double()

"""Imperfect delivery of commands: late within the period, or lost. The engine's own delay holds what is constant."""

from __future__ import annotations

from torch import Tensor

from configs.entries.command import CommandParameter
from configs.space import Dimension
from randomization.effects.base import SpaceError, Target


class CommandEffect:
    """Sets the latest arrival (jitter, s) or the probability of loss (drop) of each world's commands."""

    def __init__(self, name: str, entry: CommandParameter, target: Target) -> None:
        command = target.command
        if not hasattr(command, entry.kind):
            raise SpaceError(f"{name} delays commands to joints; allowed: tasks whose actions are joint targets")
        self.claims = ((entry.kind, 0),)  # there is one command path
        self.dimensions = (Dimension.of(name, entry),)
        self._held: Tensor = getattr(command, entry.kind)
        self._held.fill_(entry.nominal)
        command.draws = 2

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._held.index_copy_(0, ids, values.to(self._held.dtype))

    def read(self, ids: Tensor) -> Tensor:
        return self._held.index_select(0, ids).double()

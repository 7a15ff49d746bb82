"""Imperfect delivery of commands: late within the period, or lost. The engine's own delay holds what is constant."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from configs.space import CommandParameter, Dimension
from randomization.effects.base import SpaceError


class CommandEffect:
    """Sets the latest arrival (jitter, s) or the probability of loss (drop) of each world's commands."""

    columns = (0,)  # there is one command path

    def __init__(self, name: str, entry: CommandParameter, command: Any) -> None:
        if not hasattr(command, entry.kind):
            raise SpaceError(f"{name} delays commands to joints; allowed: tasks whose actions are joint targets")
        self.dimensions = (Dimension.of(name, entry),)
        self._held: Tensor = getattr(command, entry.kind)
        self._held.fill_(entry.nominal)
        command.draws = 2

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._held.index_copy_(0, ids, values.to(self._held.dtype))

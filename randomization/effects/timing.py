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
        self._kind, self._command = entry.kind, command
        getattr(command, entry.kind).fill_(entry.nominal)
        command.imperfect = True

    def apply(self, ids: Tensor, values: Tensor) -> None:
        # Looked up each time: a restored command path holds new tensors.
        held: Tensor = getattr(self._command, self._kind)
        held.index_copy_(0, ids, values.to(held.dtype))

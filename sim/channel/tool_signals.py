"""Where an arm's tool is, as a robot knows it: by kinematics, from the joint positions that its encoders tell."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ashore.configs.contract import Interface
from ashore.configs.laws.kinematics import ToolSignals

BY_KINEMATICS = ("tool_position", "tool_turn")


class MeasuredTool:
    """Replaces the tool's true signals. What the channel has in their columns is the error that entries add, from 0 on."""

    own_errors: ClassVar[tuple[str, ...]] = ("bias", "drift", "noise")  # an arm that is not quite as its drawing

    def __init__(self, interface: Interface) -> None:
        parts, start = {}, 0
        for spec in (s for s in interface.signals if s.kind != "command"):
            parts[spec.name] = slice(start, start + spec.size)
            start += spec.size
        self._joints = parts["joint_position"]
        self._parts = {name: part for name, part in parts.items() if name in BY_KINEMATICS}
        self._columns = torch.tensor([c for part in self._parts.values() for c in range(part.start, part.stop)])
        self._tool = ToolSignals(interface, torch.float32)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._parts)

    def errors(self, true: Tensor) -> Tensor:
        """True samples [N, size] with no error of the tool's signals in place of their values."""
        return true.index_fill(1, self._columns, 0.0)

    def place(self, seen: Tensor) -> Tensor:
        """What is measured, [N, size], written over: the tool's signals from the joints', and their errors."""
        told = self._tool(seen[:, self._joints])
        for name, part in self._parts.items():
            seen[:, part] += told[name]
        return seen


def measured_tool(interface: Interface) -> MeasuredTool | None:
    """None where there is no such signal, or no chain from which it follows."""
    has = any(s.name in BY_KINEMATICS for s in interface.signals)
    return MeasuredTool(interface) if has and interface.tool is not None else None

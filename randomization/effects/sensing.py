"""Imperfect measurement of the signals an entry matches."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ashore.configs.entries.signal import SignalParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import Cells, SpaceError, Target, matching

JOINT_SIGNALS = ("joint_position", "joint_velocity")  # a value a driven joint


class SignalEffect:
    """Sets one imperfection of the matched signals' columns in the channel."""

    def __init__(self, name: str, entry: SignalParameter, target: Target) -> None:
        self._channel, self._kind = target.channel, entry.kind
        channel = target.channel
        specs = [channel.specs[i] for i in matching(entry.signal, [s.name for s in channel.specs], name, "signal")]
        tool = channel.tool
        if tool is not None and entry.kind not in tool.own_errors and all(s.name in tool.names for s in specs):
            raise SpaceError(
                f"{name}.signal = {entry.signal!r}; allowed: joint_position, from which {' and '.join(s.name for s in specs)} "
                f"follows; of its own it has {', '.join(tool.own_errors)}"
            )
        if entry.kind == "latency" and entry.widest[1] > channel.longest_delay + 1e-9:
            raise SpaceError(
                f"{name} reaches {entry.widest[1]} s; allowed: at most {channel.longest_delay:.6g} s, "
                "which the channel remembers"
            )
        fitting = [(s, i) for s in specs for i in self._in_unit(s, name, entry, target)]
        self.dimensions = (
            tuple(Dimension.of(name, entry, f"{s.name}.{i}") for s, i in fitting)
            if entry.each
            else (Dimension.of(name, entry),)
        )
        columns = [channel.columns(s.name).start + i for s, i in fitting]  # of the channel
        self.claims = tuple((entry.kind, i) for i in columns)
        channel.enable(entry.kind, [[c] for c in columns] if entry.each else [columns], entry.seconds)
        self._cells = Cells(channel.table(entry.kind), columns)
        self._columns = columns

    @staticmethod
    def _in_unit(spec: Any, name: str, entry: SignalParameter, target: Target) -> list[int]:
        """A signal's values that count in the entry's unit; signals of joints count slides in m, hinges in rad."""
        if entry.kinds[entry.kind].unit:  # of the imperfection itself: a latency, a share of samples
            return list(range(spec.size))
        units = [spec.unit] * spec.size
        joints = list(target.actuation.joints.values())
        if spec.name in JOINT_SIGNALS and len(joints) == spec.size:
            units = [spec.unit.replace("rad", unit) for unit in joints]
        found = [i for i, unit in enumerate(units) if unit == entry.unit]
        if not found:
            allowed = " or ".join(map(repr, sorted(set(units))))
            raise SpaceError(f"{name}.unit = {entry.unit!r}; allowed: {allowed}, the unit of {spec.name}")
        return found

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._cells.write(ids, values.float().expand(-1, len(self._columns)))
        self._channel.refresh(self._kind, ids)

    def read(self, ids: Tensor) -> Tensor:
        """The values [k, dimensions] that stand in the channel."""
        held: Tensor = self._channel.table(self._kind).index_select(0, ids)
        return held[:, self._columns[: len(self.dimensions)]].double()

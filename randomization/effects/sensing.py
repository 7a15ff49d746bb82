"""Imperfect measurement of the signals an entry matches."""

from __future__ import annotations

from torch import Tensor

from ashore.configs.entries.signal import SignalParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import Cells, SpaceError, Target, matching


class SignalEffect:
    """Sets one imperfection of the matched signals' columns in the channel."""

    def __init__(self, name: str, entry: SignalParameter, target: Target) -> None:
        self._channel, self._kind = target.channel, entry.kind
        channel = target.channel
        specs = [channel.specs[i] for i in matching(entry.signal, [s.name for s in channel.specs], name, "signal")]
        for spec in specs:
            if not entry.kinds[entry.kind].unit and spec.unit != entry.unit:
                raise SpaceError(f"{name}.unit = {entry.unit!r}; allowed: {spec.unit!r}, the unit of {spec.name}")
        if entry.kind == "latency" and entry.widest[1] > channel.longest_delay + 1e-9:
            raise SpaceError(
                f"{name} reaches {entry.widest[1]} s; allowed: at most {channel.longest_delay:.6g} s, "
                "which the channel remembers"
            )
        members = [f"{s.name}.{i}" for s in specs for i in range(s.size)]
        self.dimensions = (
            tuple(Dimension.of(name, entry, m) for m in members) if entry.each else (Dimension.of(name, entry),)
        )
        slices = [channel.columns(s.name) for s in specs]
        columns = [i for c in slices for i in range(c.start, c.stop)]  # of the channel
        self.claims = tuple((entry.kind, i) for i in columns)
        channel.enable(entry.kind, [[c] for c in columns] if entry.each else [columns], entry.seconds)
        self._cells = Cells(channel.table(entry.kind), columns)
        self._columns = columns

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._cells.write(ids, values.float().expand(-1, len(self._columns)))
        self._channel.refresh(self._kind, ids)

    def read(self, ids: Tensor) -> Tensor:
        """The values [k, dimensions] that stand in the channel."""
        held: Tensor = self._channel.table(self._kind).index_select(0, ids)
        return held[:, self._columns[: len(self.dimensions)]].double()

"""Imperfect measurement: latency, bias and white noise of the signals an entry matches."""

from __future__ import annotations

import torch
from torch import Tensor

from configs.entries.signal import SignalParameter
from configs.space import Dimension
from randomization.effects.base import Cells, SpaceError, Target, matching


class SignalEffect:
    """Sets one imperfection of the matched signals' columns in the channel."""

    def __init__(self, name: str, entry: SignalParameter, target: Target) -> None:
        channel = target.channel
        specs = [channel.specs[i] for i in matching(entry.signal, [s.name for s in channel.specs], name, "signal")]
        if entry.kind != "latency":
            for spec in specs:
                if spec.unit != entry.unit:
                    raise SpaceError(f"{name}.unit = {entry.unit!r}; allowed: {spec.unit!r}, the unit of {spec.name}")
        elif entry.widest[1] > channel.longest_delay + 1e-9:
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
        tables = {"bias": channel.bias, "noise": channel.noise_std, "latency": channel.weights.transpose(0, 1)}
        self._cells = Cells(tables[entry.kind], columns)
        self._weights = channel.delay_weights if entry.kind == "latency" else None
        self._width, self._dt = len(columns), channel.dt
        channel.noisy |= entry.kind == "noise"

    def apply(self, ids: Tensor, values: Tensor) -> None:
        values = values.float().expand(-1, self._width)
        if self._weights is not None:
            values = self._weights(values).transpose(0, 1)
        self._cells.write(ids, values)

    def read(self, ids: Tensor) -> Tensor:
        held = self._cells.read(ids).double()
        if self._weights is not None:  # [k, ages, columns] -> the age that they weigh out
            ages = torch.arange(held.shape[1], dtype=torch.float64)[:, None] * self._dt
            held = (held * ages).sum(1)
        return held[:, : len(self.dimensions)]

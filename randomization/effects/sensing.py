"""Imperfect measurement: latency, bias and white noise of the signals an entry matches."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from configs.space import Dimension, SignalParameter
from randomization.effects.base import SpaceError, matching, strided, write


class SignalEffect:
    """Sets one imperfection of the matched signals' columns in the channel."""

    def __init__(self, name: str, entry: SignalParameter, channel: Any) -> None:
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
        self._kind, self._channel = entry.kind, channel
        members = [f"{s.name}.{i}" for s in specs for i in range(s.size)]
        self.dimensions = (
            tuple(Dimension.of(name, entry, m) for m in members) if entry.each else (Dimension.of(name, entry),)
        )
        slices = [channel.columns(s.name) for s in specs]
        self.columns = [i for c in slices for i in range(c.start, c.stop)]  # of the channel
        self._columns = strided(self.columns)
        self._width = sum(s.size for s in specs)

    def apply(self, ids: Tensor, values: Tensor) -> None:
        values = values.float()
        if self._kind == "latency":
            values = values.expand(-1, self._width)
            for held, weights in zip(self._channel.weights, self._channel.delay_weights(values), strict=True):
                write(held, ids, self._columns, weights)
        else:
            held = self._channel.bias if self._kind == "bias" else self._channel.noise_std
            write(held, ids, self._columns, values.expand(-1, self._width))

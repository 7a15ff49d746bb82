"""Signals and the imperfect channel that every measured one passes: latency, bias, white noise."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from configs.contract import SignalSpec


class Channel:
    """What the worlds really are -> what their sensors say, for all measured and estimated signals side by side.

    Commands do not pass it. Latency is exact for signals that move linearly between samples: the value of `delay` seconds
    ago is interpolated between the two samples around it. It advances once a sample, by `observe`.
    """

    def __init__(self, specs: tuple[SignalSpec, ...], num_worlds: int, dt: float, longest_delay: float) -> None:
        """dt: s between samples; longest_delay: s that any world may ever see."""
        self.specs = tuple(s for s in specs if s.kind != "command")
        self.size = sum(s.size for s in self.specs)
        self.dt = dt
        self.longest_delay = longest_delay
        depth = 1 + int(-(-longest_delay // dt)) if longest_delay > 0 else 1
        self._age = torch.arange(depth, dtype=torch.float32)[:, None, None]
        self.history = torch.zeros(depth, num_worlds, self.size)  # [age, N, size], newest first
        self.weights = torch.zeros(depth, num_worlds, self.size)
        self.weights[0] = 1.0
        self.bias = torch.zeros(num_worlds, self.size)
        self.noise_std = torch.zeros(num_worlds, self.size)

    def columns(self, name: str) -> slice:
        """Where a signal's values stand among all."""
        start = 0
        for spec in self.specs:
            if spec.name == name:
                return slice(start, start + spec.size)
            start += spec.size
        raise KeyError(name)

    def delay_weights(self, delay: Tensor) -> Tensor:
        """How much each age counts for a delay of [k, c] s: [ages, k, c], linear between the samples before and after."""
        return (1.0 - (self._age - delay / self.dt).abs()).clip(min=0.0)

    def observe(self, true: Tensor, noise: Tensor) -> Tensor:
        """Take the next true sample, [N, size]; give the measured one, fresh [N, size]. noise: [N, size] standard normal."""
        self.history = torch.cat((true[None], self.history[:-1]))
        return self._measured(noise)

    def restart(self, ids: Tensor, true: Tensor, noise: Tensor) -> Tensor:
        """First measurement of worlds that begin anew, as if they had stood still so far: [k, size]."""
        for sample in self.history:
            sample.index_copy_(0, ids, true)
        return torch.addcmul(true + self.bias.index_select(0, ids), noise, self.noise_std.index_select(0, ids))

    def _measured(self, noise: Tensor) -> Tensor:
        late = (self.history * self.weights).sum(0) if len(self.history) > 1 else self.history[0] + 0.0
        return torch.addcmul(late.add_(self.bias), noise, self.noise_std)

    def state_dict(self) -> dict[str, Any]:
        return {k: getattr(self, k).clone() for k in ("history", "weights", "bias", "noise_std")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value.clone())

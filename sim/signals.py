"""Signals and the imperfect channel that every measured one passes: latency, bias, white noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from configs import keyed
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
        self.history = list(torch.zeros(depth, num_worlds, self.size))  # [N, size] each, newest first
        self.weights = torch.zeros(depth, num_worlds, self.size)  # of each sample in what is measured
        self.weights[0] = 1.0
        self._used = 1  # samples that any weight has reached so far: the others would add nothing
        self.bias = torch.zeros(num_worlds, self.size)
        self.noise_std = torch.zeros(num_worlds, self.size)
        self.noisy = False  # set once an effect drives noise

    def columns(self, name: str) -> slice:
        """Where a signal's values stand among all."""
        start = 0
        for spec in self.specs:
            if spec.name == name:
                return slice(start, start + spec.size)
            start += spec.size
        raise KeyError(name)

    def delay_weights(self, delay: Tensor) -> Tensor:
        """How much each age counts for a delay of [k, c] s: [ages, k, c], linear between the samples before and after.

        Whoever sets `weights` takes them from here: it notes how many samples they reach.
        """
        self._used = max(self._used, min(2 + int(float(delay.max()) / self.dt), len(self._age)))
        return (1.0 - (self._age - delay / self.dt).abs()).clip(min=0.0)

    @property
    def draws(self) -> int:
        """Random words a world's sample takes: an even number, for Box and Muller's pairs."""
        return self.size + self.size % 2 if self.noisy else 0

    def noise(self, bits: NDArray[np.uint32]) -> Tensor | None:
        """Random words [n, draws] to standard normal numbers [n, size]; None where no signal is noisy."""
        return torch.from_numpy(keyed.normal(bits)[:, : self.size]) if self.noisy else None

    def observe(self, true: Tensor, noise: Tensor | None) -> Tensor:
        """Take the next true sample, [N, size], and keep it; give the measured one, fresh [N, size].

        noise: [N, size] standard normal, None for none.
        """
        self.history = [true, *self.history[:-1]]
        seen = torch.addcmul(self.bias, true, self.weights[0])
        for age in range(1, self._used):
            seen.addcmul_(self.history[age], self.weights[age])
        return seen if noise is None else seen.addcmul_(noise, self.noise_std)

    def restart(self, ids: Tensor, true: Tensor, noise: Tensor | None) -> Tensor:
        """First measurement of worlds that begin anew, as if they had stood still so far: [k, size]."""
        for sample in self.history[: self._used]:
            sample.index_copy_(0, ids, true)
        seen = true + self.bias.index_select(0, ids)
        return seen if noise is None else seen.addcmul_(noise, self.noise_std.index_select(0, ids))

    def state_dict(self) -> dict[str, Any]:
        """What it remembers; imperfections are the randomizer's to restore."""
        return {"history": torch.stack(self.history)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history = list(state["history"].clone())

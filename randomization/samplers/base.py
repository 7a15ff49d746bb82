"""What a sampler is, and the space it works in: each dimension along its own scale, linear or logarithmic.

Entropy is in nats a dimension over lambda divided by the declared width high - low (of the logarithms, where an entry is
`log`): 0 is uniform over the declared range, above 0 is broader. A dimension that takes one value alone has none; such
dimensions are counted apart.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor

from ashore.configs.sampler import Limits
from ashore.configs.space import Dimension


class Sampler(Protocol):
    """Chooses worlds, and may learn from how their episodes ended. What it does follows from its state and the uniforms."""

    num_uniforms: int  # uniforms an episode

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """u [n, num_uniforms] -> lambda [n, d] float64, and a token [n] int64 that says what each episode tests."""
        ...

    def observe(self, token: Tensor, values: Tensor, score: Tensor) -> None:
        """Episodes that ended: their tokens [n], their lambda [n, d], their success rate [n] in [0, 1]."""
        ...

    def ranges(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest value of each dimension in use, [d] each; of an unbounded density its central 95 %."""
        ...

    def entropies(self) -> Tensor:
        """Nats of each dimension [d]; -inf where it takes one value alone."""
        ...

    def report(self) -> dict[str, float]:
        """Further numbers for the metrics log."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Fixed:
    """What samplers share that learn nothing from how episodes end."""

    def observe(self, token: Tensor, values: Tensor, score: Tensor) -> None:
        """Nothing to learn."""

    def report(self) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


CENTRAL = 0.95  # of a density that has no ends of its own: what counts as its range


class Space:
    """Dimensions as columns [d], float64, in each one's scale: `log` ones as natural logarithms."""

    def __init__(self, dimensions: tuple[Dimension, ...]) -> None:
        self.names = [d.name for d in dimensions]
        self.log = torch.tensor([d.distribution == "log" for d in dimensions], dtype=torch.bool)
        self._plain_nominal = _column([d.nominal for d in dimensions])
        self.nominal = self.along(self._plain_nominal)
        self.low, self.high = (self.along(_column([getattr(d, end) for d in dimensions])) for end in ("low", "high"))
        self._widest = [_column([d.widest[i] for d in dimensions]) for i in (0, 1)]
        self.least, self.most = (self.along(ends) for ends in self._widest)
        self.scale = self.high - self.low
        self.held = self.scale == 0  # a declared range without width is a value, which no sampler changes
        self.start = torch.where(self.held, self.low, self.nominal)

    def along(self, values: Tensor) -> Tensor:
        """Values in their units -> along the scale."""
        return torch.where(self.log, values.clip(min=1e-300).log(), values)

    def back(self, scaled: Tensor) -> Tensor:
        """Along the scale -> values in their units."""
        return torch.where(self.log, scaled.exp(), scaled)

    def exact(self, scaled: Tensor) -> Tensor:
        """As `back`, and what is nominal or a widest bound is that to the bit, whatever exp(log(x)) rounds to."""
        values = torch.where(scaled == self.nominal, self._plain_nominal, self.back(scaled))
        return values.clip(self._widest[0], self._widest[1])

    def limits(self, within: Limits) -> tuple[Tensor, Tensor]:
        """How far ranges may grow, nominal always among them: [d] each."""
        low, high = (self.low, self.high) if within == "declared" else (self.least, self.most)
        low, high = torch.minimum(low, self.nominal), torch.maximum(high, self.nominal)
        return torch.where(self.held, self.start, low), torch.where(self.held, self.start, high)

    def relative(self, nats: Tensor) -> Tensor:
        """Entropies [d] along the scale -> over declared widths, -inf for what is held."""
        return torch.where(self.held, -math.inf, nats - self.scale.log())


def summary(names: list[str], sampler: Sampler) -> dict[str, float]:
    """What every sampler reports: entropy, and the range of each dimension."""
    nats = sampler.entropies()
    wide = nats[nats.isfinite()]
    numbers = {"zero_width": float(len(nats) - len(wide))}
    if len(wide):
        numbers["entropy"] = float(wide.mean())
    for end, values in zip(("low", "high"), sampler.ranges(), strict=True):
        numbers |= {f"{end}/{name}": value for name, value in zip(names, values.tolist(), strict=True)}
    return numbers | sampler.report()


def no_token(count: int) -> Tensor:
    """For episodes that test nothing in particular."""
    return torch.zeros(count, dtype=torch.int64)


def _column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)

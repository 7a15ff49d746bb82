"""Parts of the channel: errors that wander, samples that are lost together, quaternions that stay of unit length."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class Drift:
    """Errors that wander about zero: Ornstein-Uhlenbeck processes of standard deviation `std`, forgotten over `seconds`.

    x(t + dt) = a x(t) + sqrt(1 - a^2) n with a = exp(-dt / seconds) is the process itself at any dt, not an approximation
    of it (Gillespie, "Exact numerical simulation of the Ornstein-Uhlenbeck process", Phys. Rev. E 54, 1996). `state` has
    standard deviation 1, and an episode begins anywhere in it.
    """

    def __init__(self, num_worlds: int, size: int, dt: float) -> None:
        self.dt = dt
        self.std = torch.zeros(num_worlds, size)  # in the signal's unit
        self.state = torch.zeros(num_worlds, size)
        self._kept = torch.zeros(num_worlds, size)  # a, each row the same
        self._new = torch.zeros(num_worlds, size)  # sqrt(1 - a^2)

    def correlate(self, columns: Tensor, seconds: float) -> None:
        """Set how long these columns remember."""
        self._kept.index_fill_(1, columns, math.exp(-self.dt / seconds))
        self._new.index_fill_(1, columns, math.sqrt(-math.expm1(-2.0 * self.dt / seconds)))

    def step(self, normal: Tensor) -> Tensor:
        """dt later: normal [N, size] -> the new state."""
        return self.state.mul_(self._kept).addcmul_(normal, self._new)

    def restart(self, ids: Tensor, normal: Tensor) -> None:
        self.state.index_copy_(0, ids, normal)


class Sources:
    """Which values are lost by the same draw: those that come in one message, or from one camera."""

    def __init__(self, size: int) -> None:
        self.count = 0
        self._of = torch.zeros(size, dtype=torch.int64)  # source 0 where there is none: such values are never lost

    def add(self, groups: Sequence[Sequence[int]]) -> None:
        """One more source for the columns of each group."""
        for group in groups:
            self._of[list(group)] = self.count
            self.count += 1

    def spread(self, u: Tensor) -> Tensor:
        """[N, count] -> the number of each value's source, [N, size]."""
        return u.index_select(1, self._of)


def keep_unit(seen: Tensor, true: Tensor) -> None:
    """Bring quaternions wxyz that are not the true ones, [n, 4] each, to length 1 and w >= 0, in place."""
    untouched = (seen == true).all(1, keepdim=True)
    length = torch.linalg.vector_norm(seen, dim=1, keepdim=True)
    seen.div_(torch.where(untouched, 1.0, torch.copysign(length, seen[:, :1])))

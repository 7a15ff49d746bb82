"""What happens in time: outages that come and go, and a policy's clock that is not exact."""

from __future__ import annotations

import torch
from torch import Tensor


class Outage:
    """Things that fall silent for a while: sensors that hang, a connection that breaks.

    A two-state Markov process in continuous time, as Gilbert ("Capacity of a burst-noise channel", 1960) has it for lost
    packets: what works fails at `rate`, and what has failed works again after `mean` s on average. It is looked at every dt,
    by the exact transition probabilities over dt, so that it is the same process at any dt: a share rate * mean /
    (1 + rate * mean) of the time is lost, and what comes and goes between two looks is not seen.
    """

    def __init__(self, num_worlds: int, size: int, dt: float) -> None:
        self.dt = dt
        self.rate = torch.zeros(num_worlds, size)  # 1/s
        self.mean = torch.ones(num_worlds, size)  # s, each row the same
        self.down = torch.zeros(num_worlds, size, dtype=torch.bool)
        self._fails = torch.zeros(num_worlds, size)  # probability that what works now does not at the next look
        self._stays = torch.zeros(num_worlds, size)  # that what does not work now does not then

    def refresh(self, ids: Tensor) -> None:
        """Follow the rates of these worlds."""
        fail, mend = self.rate.index_select(0, ids), 1.0 / self.mean.index_select(0, ids)
        mixed = torch.expm1((fail + mend) * -self.dt).neg_() / (fail + mend)
        self._fails.index_copy_(0, ids, fail * mixed)
        self._stays.index_copy_(0, ids, 1.0 - mend * mixed)

    def step(self, u: Tensor) -> Tensor:
        """Look again, dt later; u [N, size] uniform -> mask [N, size] of what is down."""
        self.down = u < torch.where(self.down, self._stays, self._fails)
        return self.down

    def restart(self, ids: Tensor) -> None:
        """All of these worlds' works."""
        self.down.index_fill_(0, ids, False)


class Clock:
    """When a policy ticks: its timer is not exact, and its period differs from step to step.

    Simulated time goes on in whole periods, and a world cannot be stopped earlier than the others. So a tick lies anywhere in
    the `spread` s that end with the period, drawn each time: what the policy sees is `early` s older than the end, its
    command goes out then too, and comes into force `spread` s after the tick, which is spread - early into the next period.
    So two ticks are up to `spread` further apart or closer together than a period; what was seen and what is commanded are
    shifted alike, and `spread` adds to the way from one to the other in every step. The mean of the period is exact.

    The engine's time step could differ between worlds instead, as in arXiv 1808.00177. But then velocity commands that wait
    in its delay buffer come out at another time step than they went in at, and setpoints wander off: by 5 mrad in an
    episode of arm_reach, where periods differ by up to a tenth and commands are 30 ms late.
    """

    def __init__(self, num_worlds: int, dt: float) -> None:
        self.dt = dt  # s, the period
        self.spread = torch.zeros(num_worlds, 1)  # s, at most dt
        self.early = torch.zeros(num_worlds, 1)  # s, of the present tick
        self.used = False  # set once an effect drives `spread`

    def tick(self, u: Tensor) -> Tensor:
        """Draw the next tick from u [N, 1], uniform; how early it is, in periods [N, 1]."""
        self.early = self.spread * u
        return self.early / self.dt

    def restart(self, ids: Tensor, u: Tensor) -> None:
        """Draw the first tick of these worlds."""
        self.early.index_copy_(0, ids, self.spread.index_select(0, ids) * u)

    def lateness(self) -> Tensor:
        """How long into its period the present command comes into force, in periods [N, 1]."""
        return (self.spread - self.early) / self.dt

"""How long things took, over a run of any length, in memory that does not grow."""

from __future__ import annotations

import math

LEAST, DECADES, PER_DECADE = 1e-6, 8, 100  # from 1 us to 100 s


class Durations:
    """A histogram in logarithmic steps of 2.3 %; what is shorter or longer than its ends counts there."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0  # s
        self._bins = [0] * (DECADES * PER_DECADE + 1)

    def add(self, seconds: float) -> None:
        step = math.ceil(PER_DECADE * math.log10(max(seconds, LEAST) / LEAST))
        self._bins[min(step, len(self._bins) - 1)] += 1
        self.count += 1
        self.longest = max(self.longest, seconds)

    def percentile(self, percent: float) -> float:
        """s that so many percent did not exceed, at most 2.3 % too long; 0 where nothing was counted."""
        wanted, seen = percent / 100 * self.count, 0
        for step, count in enumerate(self._bins):
            seen += count
            if count and seen >= wanted:
                return min(LEAST * 10 ** (step / PER_DECADE), self.longest)
        return 0.0

    def summary(self) -> dict[str, float]:
        """Median, 99th percentile and longest, s."""
        return {"p50": self.percentile(50), "p99": self.percentile(99), "max": self.longest}

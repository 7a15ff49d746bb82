"""How long a node's steps take, and how regularly its commands go out."""

from __future__ import annotations

from collections import deque

import numpy as np

from ashore.deploy_ros.durations import Durations

LATENCIES = 2000  # control steps that the statistics of `latency` look back over


class Timing:
    """Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._latencies: deque[float] = deque(maxlen=LATENCIES)  # s
        self.period_errors = Durations()  # between two commands of one activation, s off the control period
        self._sent: float | None = None  # when the last command of this activation was

    def stepped(self, seconds: float) -> None:
        """A step took so long."""
        self._latencies.append(seconds)

    def sent(self, now: float, period: float, *, last: bool) -> None:
        """A command was sent, one control period of `period` s after the one before; `last`: the activation is over."""
        if self._sent is not None:
            self.period_errors.add(abs(now - self._sent - period))
        self._sent = None if last else now

    @property
    def last(self) -> float:
        """s that the last step took."""
        return self._latencies[-1]

    def latency(self) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum of the last steps' durations, s."""
        if not self._latencies:
            return 0.0, 0.0, 0.0
        p50, p99, worst = np.percentile(np.array(self._latencies), [50, 99, 100])
        return float(p50), float(p99), float(worst)

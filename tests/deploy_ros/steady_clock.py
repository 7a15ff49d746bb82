"""Time for nodes that run in this process: that of the machine, in which no thread ever waits long.

A shared machine stops a process for a second now and then, and a gate that then steps says, rightly, that the clock jumped.
That is no fault of what a test is about. Here, what passes between two looks at the clock counts for at most `MOST`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 0.1  # s, a fifth of the gap that a gate takes for a jump


class SteadyClock:
    """In the place of the module `time`."""

    sleep = staticmethod(time.sleep)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """From now on; before, it was the machine's."""
        self._seen = self._now = time.monotonic()  # s
        self._since_epoch = time.time() - self._now

    def monotonic(self) -> float:
        with self._lock:
            seen = time.monotonic()
            self._now += min(seen - self._seen, MOST)
            self._seen = seen
            return self._now

    perf_counter = monotonic

    def time(self) -> float:
        return self._since_epoch + self.monotonic()

    def time_ns(self) -> int:
        return round(self.time() * 1e9)


STEADY = SteadyClock()


@contextmanager
def steady_nodes() -> Iterator[None]:
    """All of `ashore.deploy_ros` that is imported is in this time."""
    ours = [
        m for name, m in sys.modules.items() if name.startswith("ashore.deploy_ros.") and vars(m).get("time") is time
    ]
    STEADY.begin()
    for module in ours:
        vars(module)["time"] = STEADY
    try:
        yield
    finally:
        for module in ours:
            vars(module)["time"] = time

"""Time by hand for a node in this process: its threads sleep until a test lets time pass, however busy the machine is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.deploy_ros.processes import PATIENCE


class Clock:
    """In the place of the module `time`. A node's threads are its main one and the control loop's, named "control"."""

    def __init__(self) -> None:
        self._now = 1000.0  # s, monotonic
        self._changed = threading.Condition()
        self._wakes: dict[int, float] = {}  # s, of threads that sleep, by their ident
        self._main: int | None = None  # the node's
        self.free = False  # the main thread waits for the control loop's end, in real time, and need not be waited for

    def monotonic(self) -> float:
        return self._now

    perf_counter = monotonic

    def time(self) -> float:
        return 1.7e9 + self._now

    def time_ns(self) -> int:
        return round(self.time() * 1e9)

    def sleep(self, seconds: float) -> None:
        """A thread of the node's sleeps, until the test lets so much time pass, or wakes it."""
        if seconds <= 0.0:
            return
        me = threading.get_ident()
        with self._changed:
            self._wakes[me] = self._now + seconds
            self._changed.notify_all()
            while me in self._wakes:
                self._changed.wait(PATIENCE)

    def begin(self) -> None:
        """This thread is the node's main one."""
        self._main, self.free = threading.get_ident(), False

    def end(self) -> None:
        """It is no longer."""
        with self._changed:
            self._main = None
            self._changed.notify_all()

    def wake_main(self) -> None:
        """As a message or a signal does."""
        with self._changed:
            if self._main is not None:
                self._wakes.pop(self._main, None)
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait, in real time, until all threads of the node sleep."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while self._busy():
                assert time.monotonic() < deadline, f"busy for {PATIENCE} s: {self._busy()}"
                self._changed.wait(0.002)  # a thread that has ended says nothing

    def advance(self, seconds: float) -> None:
        """Let time pass, and whoever's time has come do what it does, one wake after another."""
        end = self._now + seconds
        self.settle()
        while (
            self._wakes and (due := min(self._wakes.values())) <= end + 1e-6
        ):  # which are sums of periods, as `end` is
            with self._changed:
                self._now = max(self._now, due)
                for sleeper in [s for s, wake in self._wakes.items() if wake <= self._now]:
                    del self._wakes[sleeper]
                self._changed.notify_all()
            self.settle()
        self._now = max(self._now, end)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait in real time, time standing still, for what other threads do of themselves."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
            self.wake_main()
            time.sleep(0.0005)

    def _busy(self) -> list[str]:
        busy = [t.name for t in threading.enumerate() if t.name == "control" and t.ident not in self._wakes]
        if self._main is not None and not self.free and self._main not in self._wakes:
            busy.append("main")
        return busy

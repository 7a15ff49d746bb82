"""Processes that tests talk to: started, watched by what they print, ended whatever happens."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time

PATIENCE = 30.0  # s; a bound for a machine that is busy, not a measure of speed
_domains = itertools.count(os.getpid() * 7)
# Of the 100 domains each of pytest's workers has its own: a node refuses to command a robot that another one commands.
_WORKER, _WORKERS = (
    int(os.environ.get(f"PYTEST_XDIST_WORKER{of}", default).lstrip("gw"))
    for of, default in (("", "0"), ("_COUNT", "1"))
)


def new_domain() -> dict[str, str]:
    """Environment of a ROS domain of its own, on loopback: Linux' ephemeral ports begin above domain 101."""
    own = 100 // _WORKERS
    number = 1 + _WORKER % _WORKERS * own + next(_domains) % own
    return {"ROS_DOMAIN_ID": str(number), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


class Process:
    """`python -m module ...`, with its output, as a context."""

    def __init__(self, environment: dict[str, str], module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._queue.put(line.rstrip())

    def wait_for(self, text: str) -> str:
        """The next line that holds `text`."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                self.lines.append(self._queue.get(timeout=0.1))
            except queue.Empty:
                continue
            if text in self.lines[-1]:
                return self.lines[-1]
        raise AssertionError(f"no {text!r} in {PATIENCE} s; there was:\n" + "\n".join(self.lines))

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for the end."""
        return self._process.wait(PATIENCE)

"""What a terminal or a process manager ends us with, as an event that loops look at: no robot is left in a motion."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, a process manager; Ctrl-\, Ctrl-Z, a terminal or a connection that is closed.
ALWAYS = (signal.SIGINT, signal.SIGTERM)
# As nohup ignores SIGHUP. Not every system has them.
UNLESS_IGNORED = tuple(getattr(signal, name) for name in ("SIGQUIT", "SIGTSTP", "SIGHUP") if hasattr(signal, name))


@contextmanager
def stop_on_signals(stop: threading.Event) -> Iterator[None]:
    """Within, these signals set `stop`. Only a process's main thread gets signals; elsewhere this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    numbers = (*ALWAYS, *(n for n in UNLESS_IGNORED if signal.getsignal(n) is not signal.SIG_IGN))
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""When the control thread runs: on an absolute grid, never twice in a hurry; and what the kernel may do for it."""

from __future__ import annotations

import ctypes
import gc
import os


def next_due(due: float, now: float, period: float) -> tuple[float, int]:
    """The next time to run after `due`, and how many periods are skipped on the way; all in s of one clock.

    A step that ends up to half a period late is followed at once, a later one waits for the grid: a loop that catches up
    sends a burst, which is a jump.
    """
    periods = max(1, int((now - due) / period + 0.5))
    return due + periods * period, periods - 1


def become_realtime() -> str:
    """First-in-first-out scheduling for the calling thread and locked memory; says what the kernel did not allow."""
    gc.freeze()
    refused = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    except (AttributeError, OSError) as error:
        refused.append(f"SCHED_FIFO: {error}")
    try:
        current_and_future = 3  # MCL_CURRENT | MCL_FUTURE, sys/mman.h
        if ctypes.CDLL(None, use_errno=True).mlockall(current_and_future):
            refused.append(f"mlockall: {os.strerror(ctypes.get_errno())}")
    except (AttributeError, OSError, TypeError) as error:
        refused.append(f"mlockall: {error}")
    return "; ".join(refused)

"""Cores that this process may use."""

import os


def usable_cores() -> int:
    """Those its affinity allows, where the system has that; else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Memory of the process: kept once it was taken."""

from __future__ import annotations

import ctypes
import functools

# <malloc.h>. Steps and minibatches free and take megabytes a thousand times a second; given back to the system each time, their
# pages are cleared again at every use: a third of an update's speed, a tenth of what a step costs beside the engine.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP_BYTES = 1 << 30


@functools.cache
def keep_freed_memory() -> None:
    """Let glibc hold on to freed memory, for the rest of the process; elsewhere this does nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)

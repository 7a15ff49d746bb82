"""Which resets count. One that is sent again until it is acknowledged may come late, and must not undo a later stop."""

from __future__ import annotations

from collections import deque

TOO_OLD = "it was sent before the stop, by the clocks of their senders; send it again, and keep these clocks in step"
REMEMBERED = 64  # resets


class Resets:
    """Orders stops and resets by when they were sent, ns since the epoch by the sender's clock; 0: not known.

    Both are heard twice, best effort and reliably, so that one that comes once is not lost. The second copy of a reset may
    come seconds later, and so may the first, where only the reliable one comes through: what was sent before the last stop is
    therefore refused, and what was heard already is ignored.
    """

    def __init__(self) -> None:
        self._stopped = 0
        self._heard: deque[int] = deque(maxlen=REMEMBERED)

    def stop(self, sent: int) -> None:
        """A stop was heard."""
        self._stopped = max(self._stopped, sent)

    def heard(self, sent: int) -> bool:
        """Whether this reset was heard before; it is now."""
        again = sent != 0 and sent in self._heard
        self._heard.append(sent)
        return again

    def refused(self, sent: int) -> str:
        """Why this reset does not count; empty where it does."""
        return TOO_OLD if 0 < sent <= self._stopped else ""

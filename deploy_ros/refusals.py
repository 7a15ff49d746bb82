"""What was refused and why, for whoever waits for it; and saying a thing no more often than it takes to be heard."""

from __future__ import annotations

from collections.abc import Callable

AGAIN = 30.0  # s after which what has not changed is said again


class Refusals:
    """Counts messages that could not be used, and remembers of each kind why the last one could not."""

    def __init__(self) -> None:
        self.count, self.last = 0, ""
        self._why: dict[str, str] = {}

    def add(self, kind: str, why: str) -> str:
        """`kind`: "joint state", "goal". Gives what to say of it."""
        self.count += 1
        self._why[kind] = why
        self.last = f"{kind}: {why}"
        return self.last

    def over(self, kind: str) -> None:
        """A message of this kind was taken."""
        self._why.pop(kind, None)

    def why(self, kind: str) -> str:
        """Why the last message of this kind was refused; empty where it was taken, or none came."""
        return self._why.get(kind, "")


class Announcer:
    """Says a thing once, again when it changes, and every half a minute. Numbers in it may change all the time."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._kind, self._said = "", -AGAIN

    def __call__(self, text: str, now: float) -> None:
        """Say it, if it is time to; now: s."""
        kind = "".join(c for c in text if not c.isdigit())
        if kind != self._kind or now - self._said >= AGAIN:
            self._kind, self._said = kind, now
            self._say(text)

    def over(self) -> bool:
        """Forget it, so that it is said at once where it comes back; whether there was something."""
        was, self._kind = bool(self._kind), ""
        return was

"""A switch that a person holds for as long as the robot may move."""

from __future__ import annotations

FRESH = 0.3  # s, an older message holds nothing: a joystick repeats itself at 20 Hz and more


class DeadMan:
    """What is known of the switch. Times: s, monotonic, of receipt. Without a topic there is none, and all is allowed.

    Letting go brakes. Pressing again goes on, but only once the robot has come to rest, and from where it stands then: what it
    was doing belongs to another moment, and whoever let go wanted it to stand. Silence is no letting go. It may be the radio,
    and the hand, or whatever lies on the switch, may have held it all the while: after a silence it takes an open switch and
    then a press, or a reset, so that no motion begins because a cable was plugged in again.
    """

    def __init__(self, topic: str, button: int | None = None) -> None:
        """button: of a Joy; None: a Bool comes on the topic."""
        self.topic, self.button = topic, button
        self._pressed, self._time = False, float("-inf")
        self._renewed = True  # the press is one that somebody meant

    def take(self, pressed: bool, now: float) -> None:
        """Take what a message said."""
        if not pressed:
            self._renewed = True
        elif self._pressed and now - self._time > FRESH:
            self._renewed = False
        self._pressed, self._time = pressed, now

    def open(self, now: float) -> str:
        """Why the switch does not count as held; empty where it does."""
        if not self.topic:
            return ""
        if self._time == float("-inf"):
            return f"the dead-man switch is not held: nothing comes on {self.topic}"
        if (age := now - self._time) > FRESH:
            return f"the dead-man switch is not held: nothing came on {self.topic} for {age:.2f} s"
        return "" if self._pressed else f"the dead-man switch is not held (on {self.topic})"

    def loose(self, now: float) -> str:
        """Why the robot may not move; empty where it may."""
        if why := self.open(now):
            return why
        return (
            "" if self._renewed or not self.topic else "the dead-man switch was silent: let go and press it, or reset"
        )

    def renew(self) -> None:
        """An activation or a reset: from here on the switch counts as it is held."""
        self._renewed = True

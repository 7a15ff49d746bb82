"""What keeps a robot from moving until a person acts: an emergency stop, a dead-man switch, a gripper that did not obey."""

from __future__ import annotations

from ashore.deploy_ros.deadman import DeadMan


class Interlock:
    """Times: s, monotonic."""

    def __init__(self, deadman: DeadMan) -> None:
        self.deadman = deadman
        self.stopped = False  # by an emergency stop; only a reset clears it: no transition may undo one
        self.paused = ""  # why the dead-man switch keeps the robot from moving
        self.failed = ""  # what a gripper did not do that it was told

    @property
    def shut(self) -> bool:
        """Whether it takes a reset."""
        return self.stopped or bool(self.failed)

    def clear(self) -> None:
        """Forget all but an emergency stop."""
        self.paused = self.failed = ""

    def begin(self) -> None:
        """The robot may move from now on, for as long as the dead-man switch is held."""
        self.deadman.renew()
        self.clear()

    def pauses(self, now: float) -> bool:
        """Whether the dead-man switch is let go; then the robot stays where it is until `begin`, for the reason in `paused`."""
        loose = self.deadman.loose(now)
        self.paused = loose or self.paused
        return bool(loose)

    def renew(self, now: float) -> str:
        """A reset in place of letting go and pressing; it needs a switch that is held. Gives why it is refused."""
        if not self.paused or (why := self.deadman.open(now)):
            return why if self.paused else ""
        self.deadman.renew()
        return ""

"""Entries about the way of a command to the joints."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ashore.configs.space import Entry, Kind


class CommandParameter(Entry):
    """Imperfect delivery of commands, in front of the engine's own delay, and a policy whose clock is not exact.

    A late or lost command leaves the one before in force; none is ever replayed. Latency that stays the same over an episode
    is the engine's: effect `field`, `actuator_delay`, in force from the first physics step that is this long after the command.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "jitter": Kind("a command is late by up to this, drawn each step", "s", 0.0),
        "drop": Kind("probability that a command is lost", "1", 0.0, 1.0),
        "hold": Kind(
            "how often the connection breaks; every command is lost then, for `duration` s on average", "1/s", 0.0
        ),
        "period": Kind(
            "the policy ticks anywhere in a span this long, drawn each step: its period varies by up to this, what it sees and "
            "commands is shifted alike, and from seeing to commanding it takes this much longer",
            "s",
            0.0,
        ),
    }
    effect: Literal["command"]
    kind: Literal["jitter", "drop", "hold", "period"]
    duration: float | None = Field(default=None, gt=0, description="s, of hold only; 0.1 where not given")

    @property
    def seconds(self) -> float:
        """Mean length of a break."""
        return 0.1 if self.duration is None else self.duration

    def _check_unit(self) -> None:
        super()._check_unit()
        if self.duration is not None and self.kind != "hold":
            raise ValueError(f"duration = {self.duration} s with kind {self.kind}; allowed: with hold only")

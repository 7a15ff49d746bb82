"""Entries about the way of a command to the joints."""

from __future__ import annotations

from typing import ClassVar, Literal

from configs.space import Entry, Kind


class CommandParameter(Entry):
    """Imperfect delivery of commands, in front of the engine's own delay.

    A late or lost command leaves the one before in force; none is ever replayed.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "jitter": Kind("a command is late by up to this, drawn each step", "s", 0.0),
        "drop": Kind("probability that a command is lost", "1", 0.0, 1.0),
    }
    effect: Literal["command"]
    kind: Literal["jitter", "drop"]

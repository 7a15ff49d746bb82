"""Entries about what sensors make of the truth."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from configs.space import Entry, Kind


class SignalParameter(Entry):
    """Imperfect measurement of the signals whose names match."""

    kinds: ClassVar[dict[str, Kind]] = {
        "latency": Kind("what is seen is this old", "s", 0.0),
        "bias": Kind("constant error of an episode", ""),
        "noise": Kind("standard deviation of white noise, drawn each step", "", 0.0),
    }
    effect: Literal["signal"]
    kind: Literal["latency", "bias", "noise"]
    signal: str = Field(description="regular expression over signal names, matched whole")
    each: bool = Field(default=False, description="one parameter a component instead of one for all")

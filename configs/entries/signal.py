"""Entries about what sensors make of the truth."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ashore.configs.space import Entry, Kind


class SignalParameter(Entry):
    """Imperfect measurement of the signals whose names match, in the order of the kinds below.

    Signals that come together, as those of one camera do, are best named by one entry: what one entry of kind `dropout` or
    `freeze` matches is lost together; with `each`, every number is lost by itself. Of one kind, a signal has one entry.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "latency": Kind("what is seen is this old", "s", 0.0),
        "gain": Kind("error of the scale: what is seen is 1 + this times the truth", "1", -1.0),
        "bias": Kind("constant error of an episode", ""),
        "drift": Kind("standard deviation of an error that wanders, forgotten over `correlation_time` s", "", 0.0),
        "noise": Kind("standard deviation of white noise, drawn each step", "", 0.0),
        "quantisation": Kind("what is seen is a multiple of this; 0 for none", "", 0.0),
        "dropout": Kind("probability that a sample is lost, and the one before stays in force", "1", 0.0, 1.0),
        "freeze": Kind(
            "how often the sensor hangs; each time it repeats itself, for `duration` s on average", "1/s", 0.0
        ),
    }
    effect: Literal["signal"]
    kind: Literal["latency", "gain", "bias", "drift", "noise", "quantisation", "dropout", "freeze"]
    signal: str = Field(description="regular expression over signal names, matched whole")
    each: bool = Field(default=False, description="one parameter a component instead of one for all")
    correlation_time: float | None = Field(default=None, gt=0, description="s, of drift only; 1 where not given")
    duration: float | None = Field(default=None, gt=0, description="s, of freeze only; 0.1 where not given")

    @property
    def seconds(self) -> float | None:
        """The one time that the kind needs beside its parameter, if any."""
        if self.kind == "drift":
            return 1.0 if self.correlation_time is None else self.correlation_time
        if self.kind == "freeze":
            return 0.1 if self.duration is None else self.duration
        return None

    def _check_unit(self) -> None:
        super()._check_unit()
        for field, kind in (("correlation_time", "drift"), ("duration", "freeze")):
            if getattr(self, field) is not None and self.kind != kind:
                raise ValueError(f"{field} = {getattr(self, field)} s with kind {self.kind}; allowed: with {kind} only")

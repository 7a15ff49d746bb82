"""Where recorded values are not the replayed ones: the first, the largest, and how many steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Difference(NamedTuple):
    """One of them."""

    text: str
    by: float  # rad; -1 of what is no position


class Differences:
    """Collects them, step by step."""

    def __init__(self) -> None:
        self.first: Difference | None = None
        self.largest: Difference | None = None
        self.steps: set[int] = set()

    def add(self, step: int, text: str, by: float = -1.0) -> None:
        difference = Difference(text, by)
        self.steps.add(step)
        self.first = self.first or difference
        if self.largest is None or self.largest.by < by:
            self.largest = difference

    def compare(
        self, step: int, what: str, joints: Sequence[str], recorded: Sequence[float], replayed: Sequence[float]
    ) -> None:
        """Values of joints, rad or rad/s, to the bit."""
        if len(recorded) != len(replayed):
            self.add(step, f"{what}: {len(recorded)} values, replayed {len(replayed)}")
            return
        for joint, one, other in zip(joints, recorded, replayed, strict=True):
            if not same([one], [other]):
                by = abs(one - other) if math.isfinite(one - other) else math.inf
                text = f"{what} of {joint} recorded {one!r}, replayed {other!r}, off by {by:.3g}"
                self.add(step, text, by if what.endswith("position") else -1.0)

    def report(self, steps: int) -> list[str]:
        """For people; nothing where there are none."""
        if self.first is None or self.largest is None:
            return []
        lines = [f"differs first at {self.first.text}"]
        if self.largest.by > 0 and self.largest is not self.first:
            lines.append(f"differs most at {self.largest.text}")
        return [*lines, f"{len(self.steps)} of {steps} steps differ"]


def same(one: Any, other: Any) -> bool:
    """Whether numbers are equal to the bit."""
    return np.asarray(one, np.float64).tobytes() == np.asarray(other, np.float64).tobytes()


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest between two of them, infinite where they are not as many."""
    if len(one) != len(other):
        return math.inf
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())

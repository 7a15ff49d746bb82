"""Episodes of a sweep as columns: where each was played, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SUCCESS, RETURN, LENGTH = "success", "return", "length"


class Requests(NamedTuple):
    """M episodes to play: the rows of a layout, and which episode of each."""

    points: Ints  # [M]
    episodes: Ints  # [M] counted from 0 at each point

    @classmethod
    def at(cls, points: Ints, first: Ints, until: Ints) -> Requests:
        """Episodes first to until - 1 of each of these points, [k] each."""
        counts = until - first
        rows = np.repeat(points, counts)
        start = np.repeat(np.cumsum(counts) - counts - first, counts)
        return cls(rows, np.arange(len(rows)) - start)


@dataclass
class Outcomes:
    """Episodes so far, in the order in which they were asked for."""

    points: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    episodes: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    columns: dict[str, Floats] = field(
        default_factory=dict
    )  # "success" 0 or 1, "return", "length" in control steps, ...

    def add(self, requests: Requests, columns: Mapping[str, Floats]) -> None:
        self.points = np.concatenate((self.points, requests.points))
        self.episodes = np.concatenate((self.episodes, requests.episodes))
        self.columns = {
            name: np.concatenate((self.columns.get(name, np.zeros(0)), values)) for name, values in columns.items()
        }

    def counts(self, points: int) -> tuple[Ints, Ints]:
        """Successes and episodes at each of so many points: [points] each."""
        success = self.columns.get(SUCCESS, np.zeros(0)) > 0.5
        tried = np.bincount(self.points, minlength=points)
        return np.bincount(self.points[success], minlength=points), tried

    def means(self, name: str, points: int) -> Floats:
        """Mean of a column at each of so many points, over the episodes that have it: [points], NaN where none has."""
        values = self.columns[name]
        has = np.isfinite(values)
        sums = np.bincount(self.points[has], weights=values[has], minlength=points)
        counts = np.bincount(self.points[has], minlength=points)
        return np.divide(sums, counts, out=np.full(points, np.nan), where=counts > 0)

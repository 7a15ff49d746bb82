"""The space in which worlds are near or far: each parameter along its own scale, in what was trained, nominal at zero.

One unit from nominal is the end of the trained range in that direction; where training did not go in that direction, the
trained range's whole width; where it did not vary the parameter at all, the widest bound. Margins of a sweep count so too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ashore.configs.space import Dimension

Floats = NDArray[np.float64]


class Normalized:
    """Points z [n, d] of a space and the lambdas [n, d] that they stand for; a box around nominal, z = 0."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        """dimensions: `low` and `high` as trained, `widest` as far as a world may go."""
        self.dimensions = tuple(dimensions)
        self._log = np.array([d.distribution == "log" for d in dimensions])
        self._plain = np.array([d.nominal for d in dimensions])
        self._nominal = self._along(self._plain)
        low, high = (self._along(np.array([getattr(d, end) for d in dimensions])) for end in ("low", "high"))
        self._ends = np.array([d.widest for d in dimensions]).T
        least, most = self._along(self._ends[0]), self._along(self._ends[1])
        self._down = _first_positive(self._nominal - low, high - low, self._nominal - least)
        self._up = _first_positive(high - self._nominal, high - low, most - self._nominal)
        self.low, self.high = (least - self._nominal) / self._down, (most - self._nominal) / self._up

    @property
    def free(self) -> NDArray[np.bool_]:
        """Mask [d] of the dimensions that may move at all."""
        return self.high > self.low

    def ends(self) -> Floats:
        """Points [n, d]: each group of dimensions at one of its ends, the members together, all others at nominal."""
        groups = np.array([d.group for d in self.dimensions])
        rows = [np.where(groups == g, end, 0.0) for g in dict.fromkeys(groups) for end in (self.low, self.high)]
        return np.array([row for row in rows if row.any()])

    def lambdas(self, z: Floats) -> Floats:
        """Points -> values in their units; what is nominal is that to the bit, and nothing leaves the widest bounds."""
        scaled = self._nominal + np.where(z < 0, z * self._down, z * self._up)
        values = np.where(self._log, np.exp(np.where(self._log, scaled, 0.0)), scaled)
        return np.where(z == 0, self._plain, np.clip(values, self._ends[0], self._ends[1]))

    def clip(self, z: Floats, radius: float = math.inf) -> Floats:
        """The nearest points of the box, drawn in towards nominal to lie within `radius` of it."""
        inside = np.clip(z, self.low, self.high)
        lengths = np.linalg.norm(inside, axis=-1, keepdims=True)
        return inside * np.minimum(1.0, radius / np.maximum(lengths, 1e-300)) if math.isfinite(radius) else inside

    def _along(self, values: Floats) -> Floats:
        return np.where(self._log, np.log(np.where(self._log, values, 1.0)), values)


def _first_positive(*widths: Floats) -> Floats:
    """Elementwise, the first that is above zero; 1 where none is."""
    chosen = np.ones_like(widths[0])
    for width in reversed(widths):
        chosen = np.where(width > 1e-12, width, chosen)
    return chosen

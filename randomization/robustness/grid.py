"""The values of a parameter at which a sweep looks."""

from __future__ import annotations

import math

from ashore.configs.space import Dimension


def grid(dim: Dimension, points: int) -> list[float]:
    """`points` values over the widest range, even along the scale, with both ends, nominal, low and high exactly among them.

    Fewer points than those five (where they differ) are raised to that many; the rest halve the widest gaps in turn.
    """
    fixed = sorted({*dim.widest, dim.low, dim.nominal, dim.high})
    axis = [math.log(v) if dim.distribution == "log" else v for v in fixed]
    parts = [1] * (len(fixed) - 1)
    for _ in range(points - len(fixed) if parts else 0):
        widest = max(range(len(parts)), key=lambda i: (axis[i + 1] - axis[i]) / parts[i])
        parts[widest] += 1
    values = [fixed[0]]
    for low, high, n in zip(fixed, fixed[1:], parts, strict=False):
        values += [dim.from_unit(k / n, low, high) for k in range(1, n)] + [high]
    return values

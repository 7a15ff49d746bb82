"""A sweep's data as CSV: every point with what is held there, and every episode with what became of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

import numpy as np

from ashore.randomization.robustness.layout import Layout
from ashore.sweeps import Swept


def points_csv(swept: Mapping[str, Swept]) -> str:
    """A row a point: its number, the part of the sweep, the parameters that are held, and every value that is held.

    An empty cell: drawn as the task declares it. Policies share their points; the one that has got furthest has them all.
    """
    found = max(swept.values(), key=lambda s: len(s.layout.pins))
    names = [d.name for d in found.declared]
    rows = (
        [point, part, over, *("" if np.isnan(v) else repr(float(v)) for v in found.layout.pins[point])]
        for point, part, over in _parts(found.layout)
    )
    return _csv(["point", "part", "over", *names], rows)


def _parts(layout: Layout) -> Iterator[tuple[int, str, str]]:
    """Of each point: number, part and parameters, in order."""
    named: list[tuple[int, str, str]] = []
    for curve in layout.curves:
        named += [(curve.start + k, "curve", curve.members[0].group) for k in range(len(curve.values))]
    for grid in layout.maps:
        over = f"{grid.first[0].group} {grid.second[0].group}"
        named += [(grid.start + k, "map", over) for k in range(len(grid.down) * len(grid.across))]
    if layout.joint is not None:
        named += [(layout.joint.start + k, "joint", "") for k in range(layout.joint.worlds)]
    yield from sorted(named)


def episodes_csv(swept: Mapping[str, Swept]) -> str:
    """A row an episode, in the order in which they were asked for; an empty cell where it has no such score."""
    names = list(dict.fromkeys(name for found in swept.values() for name in found.outcomes.columns))

    def rows() -> Iterator[list[object]]:
        for policy, found in swept.items():
            outcomes = found.outcomes
            columns = [outcomes.columns.get(name, np.full(len(outcomes.points), np.nan)).tolist() for name in names]
            for point, episode, *values in zip(
                outcomes.points.tolist(), outcomes.episodes.tolist(), *columns, strict=True
            ):
                yield [policy, point, episode, *("" if v != v else repr(v) for v in values)]

    return _csv(["policy", "point", "episode", *names], rows())


def _csv(heads: list[str], rows: Iterator[list[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return out.getvalue()

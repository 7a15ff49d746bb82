"""From episodes to what a sweep found: nothing in a result that its episodes do not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ashore.configs.space import Dimension
from ashore.configs.sweep_plan import SweepPlan
from ashore.randomization.robustness.allocation import confidence_of
from ashore.randomization.robustness.curve import Curve, Point
from ashore.randomization.robustness.heatmap import Axis, Cell, HeatMap
from ashore.randomization.robustness.joint import JointTest, joint_test
from ashore.randomization.robustness.layout import Group, Layout
from ashore.randomization.robustness.outcomes import LENGTH, SUCCESS, Floats, Ints, Outcomes
from ashore.randomization.robustness.sweep import Provenance, SweepResult


def summarize(
    plan: SweepPlan,
    layout: Layout,
    outcomes: Outcomes,
    trained: Sequence[Dimension],
    provenance: Provenance,
    joint: JointTest | None = None,
) -> SweepResult:
    """The curves and maps whose every point has its first episodes, and the joint test, as `joint_of` gives it."""
    counted = _Counted(layout, outcomes, plan.episodes, confidence_of(plan))
    ranges = {d.name: d for d in trained}
    return SweepResult(
        target=plan.target,
        confidence=counted.confidence,
        curves=counted.curves(ranges),
        maps=counted.maps(ranges),
        joint=joint,
        provenance=provenance,
    )


def joint_of(plan: SweepPlan, layout: Layout, outcomes: Outcomes) -> JointTest | None:
    """The joint test, once all its episodes are there."""
    if layout.joint is None or plan.joint is None:
        return None
    return joint_test(layout.joint, layout.pins, outcomes, plan.target, plan.joint.within)


class _Counted:
    """Successes, episodes and mean returns at each point."""

    def __init__(self, layout: Layout, outcomes: Outcomes, least: int, confidence: float) -> None:
        count = len(layout.pins)
        self._layout, self._least, self.confidence = layout, least, confidence
        self._successes: Ints
        self._successes, self._tried = outcomes.counts(count)
        names = [name for name in outcomes.columns if name not in (SUCCESS, LENGTH)]
        self._means: dict[str, Floats] = {name: outcomes.means(name, count) for name in names}

    def _done(self, start: int, count: int) -> bool:
        return bool((self._tried[start : start + count] >= self._least).all())

    def curves(self, ranges: Mapping[str, Dimension]) -> tuple[Curve, ...]:
        return tuple(
            Curve(
                group=rows.members[0].group,
                unit=rows.members[0].unit,
                distribution=rows.members[0].distribution,
                members=tuple(d.name for d in rows.members),
                nominal=rows.members[0].nominal,
                low=ranges[rows.members[0].name].low,
                high=ranges[rows.members[0].name].high,
                points=tuple(self._point(v, rows.start + k) for k, v in enumerate(rows.values)),
            )
            for rows in self._layout.curves
            if self._done(rows.start, len(rows.values))
        )

    def _point(self, value: float, row: int) -> Point:
        tried, successes = int(self._tried[row]), int(self._successes[row])
        means = {name: float(values[row]) for name, values in self._means.items() if np.isfinite(values[row])}
        return Point.counted(value, tried, successes, means, self.confidence)

    def maps(self, ranges: Mapping[str, Dimension]) -> tuple[HeatMap, ...]:
        found = []
        for rows in self._layout.maps:
            pairs = [(a, b) for a in rows.down for b in rows.across]
            if self._done(rows.start, len(pairs)):
                cells = tuple(self._cell(*pair, rows.start + k) for k, pair in enumerate(pairs))
                first, second = _axis(rows.first, rows.down, ranges), _axis(rows.second, rows.across, ranges)
                found.append(HeatMap(first=first, second=second, cells=cells))
        return tuple(found)

    def _cell(self, first: float, second: float, row: int) -> Cell:
        return Cell.counted(first, second, int(self._tried[row]), int(self._successes[row]), self.confidence)


def _axis(group: Group, values: tuple[float, ...], ranges: Mapping[str, Dimension]) -> Axis:
    of = ranges[group[0].name]
    return Axis(
        group=of.group,
        unit=of.unit,
        distribution=of.distribution,
        nominal=of.nominal,
        low=of.low,
        high=of.high,
        values=values,
    )

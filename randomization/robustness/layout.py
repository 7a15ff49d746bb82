"""The points of a sweep: where what is held at which value. Every curve, map and joint test is rows of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from ashore.configs.space import Dimension
from ashore.configs.sweep_plan import ALL, JointPlan, SweepPlan
from ashore.randomization.robustness.grid import grid
from ashore.randomization.robustness.outcomes import Floats, Ints, Requests

Group = tuple[Dimension, ...]  # what one entry of the space gave, all moved together
SOBOL_SEED = 0  # of the scrambling: every policy meets the same worlds


class CurveRows(NamedTuple):
    """Rows start, start + 1, ... hold a group at these values."""

    members: Group
    values: tuple[float, ...]
    start: int


class MapRows(NamedTuple):
    """Row start + i * len(across) + j holds the first group at down[i] and the second at across[j]."""

    first: Group
    second: Group
    down: tuple[float, ...]
    across: tuple[float, ...]
    start: int


class JointRows(NamedTuple):
    """Rows start, ..., start + worlds - 1 hold every dimension that has a width; each is played `repeats` times."""

    dims: Group  # with the ranges of the test; those without a width stay at their one value
    start: int
    worlds: int
    repeats: int


@dataclass(frozen=True)
class Layout:
    """What is held where, [points, dimensions], NaN where a dimension is drawn as declared."""

    pins: Floats
    curves: tuple[CurveRows, ...]
    maps: tuple[MapRows, ...]
    joint: JointRows | None

    def numbers(self, requests: Requests) -> Ints:
        """By which chance knows the worlds of these episodes. Episode k is the same start, goal and noise at every point of
        curves and maps; the worlds of a joint test each have their own."""
        if self.joint is None:
            return requests.episodes
        j = self.joint
        inside = (requests.points >= j.start) & (requests.points < j.start + j.worlds)
        return np.where(inside, (requests.points - j.start) * j.repeats + requests.episodes, requests.episodes)

    def judged(self) -> Ints:
        """The points whose success is held against the target: those of curves and maps."""
        points = np.arange(len(self.pins))
        j = self.joint
        return points if j is None else points[(points < j.start) | (points >= j.start + j.worlds)]


def lay_out(
    plan: SweepPlan, declared: Sequence[Dimension], trained: Sequence[Dimension], fragile: Sequence[str] = ()
) -> Layout:
    """The table of a plan over a space, with its ranges as declared and as training reached them.

    fragile: the groups that are paired beside `plan.maps.over`; their rows come last, so that those before stay what they are.
    """
    table = _Table(declared)
    curves = table.curves(plan.curves.over, plan.curves.points) if plan.curves else ()
    joint = table.joint(plan.joint, trained) if plan.joint else None
    maps: tuple[MapRows, ...] = ()
    if plan.maps is not None:
        pairs = [(a, b) for i, a in enumerate(fragile) for b in fragile[i + 1 :]]
        known = {frozenset(pair) for pair in plan.maps.over}
        maps = table.maps([*plan.maps.over, *(p for p in pairs if frozenset(p) not in known)], plan.maps.points)
    return Layout(np.concatenate(table.rows), curves, maps, joint)


class _Table:
    """Rows as they are added."""

    def __init__(self, dims: Sequence[Dimension]) -> None:
        self._dims = dims
        self._groups: dict[str, Group] = {d.group: tuple(e for e in dims if e.group == d.group) for d in dims}
        self._column = {d.name: k for k, d in enumerate(dims)}
        self.rows: list[Floats] = []
        self._next = 0

    def curves(self, names: Sequence[str], points: int) -> tuple[CurveRows, ...]:
        found = []
        for members in self._members(names):
            values = tuple(grid(members[0], points))
            found.append(CurveRows(members, values, self._add([{d.name: v for d in members} for v in values])))
        return tuple(found)

    def maps(self, pairs: Sequence[tuple[str, str]], points: int) -> tuple[MapRows, ...]:
        found = []
        for pair in pairs:
            first, second = self._members(pair)
            down, across = (tuple(grid(members[0], points)) for members in (first, second))
            held = [{d.name: a for d in first} | {d.name: b for d in second} for a in down for b in across]
            found.append(MapRows(first, second, down, across, self._add(held)))
        return tuple(found)

    def joint(self, plan: JointPlan, trained: Sequence[Dimension]) -> JointRows:
        from scipy.stats import qmc

        dims = self._ranged(plan, trained)
        wide = [d for d in dims if d.low < d.high]
        if not wide:
            raise ValueError(f"joint.within = {plan.within}: no parameter has a width there; allowed: wider ranges")
        sequence = qmc.Sobol(len(wide), scramble=True, rng=np.random.default_rng(SOBOL_SEED))
        exponent = max(0, int(plan.worlds - 1).bit_length())
        units = sequence.random_base2(exponent)[: plan.worlds]
        held = [{d.name: d.low for d in dims} for _ in range(plan.worlds)]
        for row, unit in zip(held, units.tolist(), strict=True):
            row.update({d.name: _within(d, u) for d, u in zip(wide, unit, strict=True)})
        return JointRows(tuple(dims), self._add(held), plan.worlds, plan.repeats)

    def _ranged(self, plan: JointPlan, trained: Sequence[Dimension]) -> list[Dimension]:
        """The dimensions with the ranges of the joint test."""
        ends = {
            "declared": {d.name: (d.low, d.high) for d in self._dims},
            "trained": {d.name: (d.low, d.high) for d in trained},
            "widest": {d.name: d.widest for d in self._dims},
        }[plan.within]
        for name, (low, high) in plan.ranges.items():
            members = [d for d in self._dims if name in (d.name, d.group)] or list(self._members((name,))[0])
            for d in members:
                if not d.widest[0] <= low <= high <= d.widest[1]:
                    raise ValueError(
                        f"joint.ranges.{name} = [{low:g}, {high:g}] {d.unit}; allowed: the lower one first, within "
                        f"[{d.widest[0]:g}, {d.widest[1]:g}] {d.unit}"
                    )
                ends[d.name] = (low, high)
        return [d.model_copy(update={"low": ends[d.name][0], "high": ends[d.name][1]}) for d in self._dims]

    def _add(self, held: Sequence[Mapping[str, float]]) -> int:
        rows = np.full((len(held), len(self._dims)), np.nan)
        for row, pins in zip(rows, held, strict=True):
            row[[self._column[name] for name in pins]] = list(pins.values())
        start, self._next = self._next, self._next + len(rows)
        self.rows.append(rows)
        return start

    def _members(self, names: Sequence[str]) -> list[Group]:
        groups = self._groups
        if ALL in names and ALL not in groups:
            names = list(groups)
        for name in names:
            if name not in groups:
                close = get_close_matches(name, groups, n=2)
                hint = f"did you mean {' or '.join(close)}? " if close else ""
                raise ValueError(f"parameter = {name!r}; {hint}allowed: {', '.join([*groups, ALL])}")
        return [groups[name] for name in dict.fromkeys(names)]


def _within(dim: Dimension, unit: float) -> float:
    """The value at a fraction of a dimension's range; on a log scale rounding might leave the range by a digit."""
    return min(max(dim.from_unit(unit, dim.low, dim.high), dim.low), dim.high)

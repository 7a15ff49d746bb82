"""How far a parameter may go before a policy fails: success against each parameter, with exact intervals, and margins.

One group of parameters moves at a time, all its members together; what the others do is for `evaluate` to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from ashore.configs.schema import Fraction, Settings
from ashore.configs.space import Dimension
from ashore.randomization.robustness.curve import Curve, Margin, Point, Results, fewest_episodes

if TYPE_CHECKING:
    from rich.table import Table

Evaluate = Callable[[dict[str, float]], Results]
Progress = Callable[[int, int, str], None]
ALL = "all"  # in place of a group's name: every group of the space


class Provenance(Settings):
    """Where a sweep comes from, as the caller knows it."""

    command: str = ""
    commit: str = ""
    policy: str = ""
    policy_sha256: str = ""
    task: str = ""
    seeds: tuple[int, ...] = ()


class SweepResult(Settings):
    """A whole sweep; written as JSON, it reads back equal."""

    format: Literal["ashore-sweep/1"] = "ashore-sweep/1"
    target: Fraction
    curves: tuple[Curve, ...]
    provenance: Provenance = Provenance()

    def to_json(self) -> str:
        return self.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str) -> SweepResult:
        return cls.model_validate_json(text)

    def by_fragility(self) -> list[Curve]:
        """Curves, the one with the least headroom first."""

        def rank(curve: Curve) -> tuple[bool, bool, float]:
            headroom, fails = curve.headroom(self.target)
            return curve.holds(self.target), not fails, headroom or 0.0

        return sorted(self.curves, key=rank)


def sweep(
    groups: Sequence[str],
    dims: Sequence[Dimension],
    evaluate: Evaluate,
    *,
    points: int = 9,
    target: float = 0.8,
    provenance: Provenance | None = None,
    progress: Progress | None = None,
    finished: Callable[[SweepResult], None] | None = None,
) -> SweepResult:
    """Evaluate at every value of every group; `evaluate` gets each member's value by name, in the group's unit.

    groups: names; "all" stands for every group of `dims`.
    progress(done, total, what) is called before each evaluation and once at the end.
    finished(result so far) is called after each group.
    """
    plan = [(members, grid(members[0], points)) for members in _members(groups, dims)]
    total, done = sum(len(values) for _, values in plan), 0
    curves: list[Curve] = []
    result = SweepResult(target=target, curves=(), provenance=provenance or Provenance())
    for members, values in plan:
        measured = []
        for value in values:
            if progress:
                progress(done, total, f"{members[0].group} = {value:.4g} {members[0].unit}".removesuffix(" 1"))
            measured.append(Point.of(value, evaluate({d.name: value for d in members})))
            done += 1
        curves.append(_curve(members, measured))
        result = result.model_copy(update={"curves": tuple(curves)})
        if finished:
            finished(result)
    if progress:
        progress(done, total, "done")
    return result


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


def table(result: SweepResult) -> Table:
    """The margins as a table for a terminal, the most fragile group first."""
    from rich.table import Table

    out = Table(
        title=f"success stays above {result.target:.0%} (lower 95 % bound) from ... to ...", title_justify="left"
    )
    for heading in ("parameter", "unit", "trained", "success at nominal", "fails below", "fails above", "headroom"):
        out.add_column(
            heading,
            justify="left" if heading in ("parameter", "unit") else "right",
            no_wrap=heading in ("parameter", "headroom"),  # what a narrow terminal must not fold
        )
    for curve in result.by_fragility():
        below, above = margin_texts(curve, result.target)
        out.add_row(
            curve.group,
            curve.unit,
            "not varied" if curve.low == curve.high else f"{curve.low:.4g} to {curve.high:.4g}",
            f"{curve.at_nominal.success:.0%}",
            below,
            above,
            headroom_text(curve, result.target),
            style=None if curve.holds(result.target) else "red",
        )
    return out


def margin_texts(curve: Curve, target: float) -> tuple[str, str]:
    """Where the curve fails below and above nominal; dashes where there are too few episodes to tell."""
    if curve.too_few(target):
        return "-", "-"
    below, above = (margin_text(m) for m in curve.margins(target))
    return below, above


def margin_text(margin: Margin) -> str:
    """Where it fails, or how far it was tested without failing; a dash where there was nothing to test."""
    if margin.fails_at is not None:
        return f"{margin.fails_at:.3g}"
    return "-" if margin.headroom is None else f"beyond {margin.tested_to:.3g}"


def headroom_text(curve: Curve, target: float) -> str:
    """Headroom in trained ranges; "over" where no failure was found."""
    if curve.too_few(target):
        return f"too few episodes: {curve.at_nominal.episodes} of {fewest_episodes(target)}"
    headroom, fails = curve.headroom(target)
    return "" if headroom is None else f"{'' if fails else 'over '}{headroom:.2g}x"


def _members(groups: Sequence[str], dims: Sequence[Dimension]) -> list[list[Dimension]]:
    by_group: Mapping[str, list[Dimension]] = {d.group: [e for e in dims if e.group == d.group] for d in dims}
    if ALL in groups and ALL not in by_group:
        groups = list(by_group)
    for group in groups:
        if group not in by_group:
            close = get_close_matches(group, by_group, n=2)
            hint = f"did you mean {' or '.join(close)}? " if close else ""
            raise ValueError(f"parameter = {group!r}; {hint}allowed: {', '.join([*by_group, ALL])}")
    return [by_group[group] for group in dict.fromkeys(groups)]


def _curve(members: Sequence[Dimension], measured: Sequence[Point]) -> Curve:
    first = members[0]
    return Curve(
        group=first.group,
        unit=first.unit,
        distribution=first.distribution,
        members=tuple(d.name for d in members),
        nominal=first.nominal,
        low=first.low,
        high=first.high,
        points=tuple(measured),
    )

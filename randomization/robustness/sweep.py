"""What a sweep found: success against each parameter, with exact intervals, and margins; maps of pairs; the joint test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ashore.configs.schema import Fraction, Settings
from ashore.randomization.robustness.curve import CONFIDENCE, Curve, Margin, fewest_episodes
from ashore.randomization.robustness.heatmap import HeatMap
from ashore.randomization.robustness.joint import JointTest

if TYPE_CHECKING:
    from rich.table import Table


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

    format: Literal["ashore-sweep/1", "ashore-sweep/2"] = "ashore-sweep/2"
    target: Fraction
    confidence: Fraction = Field(
        default=CONFIDENCE,
        description="nominal one of each interval of curves and maps; above 95 % where points were judged several times",
    )
    curves: tuple[Curve, ...] = ()
    maps: tuple[HeatMap, ...] = ()
    joint: JointTest | None = None
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


def joint_lines(result: SweepResult) -> list[str]:
    """What the joint test found, for a terminal; nothing where there was none."""
    test = result.joint
    if test is None:
        return []
    (low, high), (few, many) = test.interval, test.coverage_interval
    lines = [f"over the whole space, {test.worlds:,} worlds: success {test.success:.1%} [{low:.1%}, {high:.1%}]"]
    if test.repeats > 1:
        lines[0] += f", coverage {test.coverage:.1%} [{few:.1%}, {many:.1%}]"
    lines += [
        f"{tail.name}: mean {tail.mean:.4g}, worst 5 % beyond {tail.percentile:.4g}, CVaR10 {tail.cvar:.4g}"
        for tail in test.scores
    ]
    leading = [f"{r.group.replace('_', ' ')} {r.success:.1%}" for r in test.ranking if r.success > r.success_chance][:5]
    lines.append(f"success depends on: {', '.join(leading) or 'nothing that stands out of chance'}")
    return [*lines, ""]


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

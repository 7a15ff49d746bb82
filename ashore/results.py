"""What measurements of a policy give: numbers, and a repr that reads as a sentence."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ashore.configs.contract import Contract
from ashore.randomization.robustness.comparison import Section
from ashore.randomization.robustness.curve import Curve, clopper_pearson
from ashore.randomization.robustness.paired import Paired
from ashore.randomization.robustness.sweep import SweepResult, headroom_text, margin_text
from ashore.sim.evaluate import Episodes


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Whole episodes of a policy, each in a world of its own."""

    episodes: Episodes  # of each: success, return, length, reward terms and metrics
    seed: int

    @property
    def count(self) -> int:
        """Episodes."""
        return len(self.episodes.success)

    @property
    def success(self) -> float:
        """Fraction of the episodes."""
        return float(self.episodes.success.mean())

    @functools.cached_property
    def interval(self) -> tuple[float, float]:
        """Of the success, Clopper-Pearson at 95 %."""
        return clopper_pearson(int(self.episodes.success.sum()), self.count)

    @property
    def means(self) -> dict[str, float]:
        """Over the episodes: "success", "return", "length", and each "reward/<term>" and "metric/<name>"."""
        return self.episodes.summary()

    def __repr__(self) -> str:
        low, high = self.interval
        rows = [f"  {name:24} {value:.3f}" for name, value in self.means.items() if name != "success"]
        return "\n".join([f"success {self.success:.3f} [{low:.3f}, {high:.3f}] over {self.count} episodes", *rows])


class Exported(NamedTuple):
    """A policy file, whose graph gave what the trained network gives."""

    path: Path
    contract: Contract

    def __repr__(self) -> str:
        return f"{self.path}: {self.contract.interface.task} for {self.contract.interface.robot}"


class Recorded(NamedTuple):
    """A file of recorded episodes."""

    path: Path
    episodes: int
    steps: int  # control steps, over all episodes

    def __repr__(self) -> str:
        return f"{self.path}: {self.episodes} episodes, {self.steps:,} steps"


class Video(NamedTuple):
    """A film of episodes."""

    path: Path
    frames: int


class Comparison(NamedTuple):
    """Runs beside each other: a page for a browser, and what it shows, a section a task."""

    page: Path
    sections: Sequence[Section]


@dataclass(frozen=True, repr=False)
class Sweep:
    """Where policies work. Written to `folder`: `results.json`, `points.csv`, `episodes.csv` and `report.html`."""

    results: Mapping[str, SweepResult]  # by the policy's name
    folder: Path
    pairs: Sequence[Paired] = ()

    @property
    def result(self) -> SweepResult:
        """Of the first policy, or of the only one."""
        return next(iter(self.results.values()))

    @property
    def curves(self) -> dict[str, Curve]:
        """The first policy's by parameter; a curve's `points` have value, success and interval."""
        return {curve.group: curve for curve in self.result.curves}

    @property
    def report(self) -> Path:
        """A page for a browser."""
        return self.folder / "report.html"

    def __repr__(self) -> str:
        named = len(self.results) > 1
        return "\n".join(
            line for name, result in self.results.items() for line in _lines(name if named else "", result)
        )


def _lines(name: str, result: SweepResult) -> list[str]:
    target = result.target
    lines = [f"{name}: " if name else ""]
    if result.joint is not None:
        test = result.joint
        low, high = test.interval
        over = f"{test.worlds * test.repeats:,} episodes over the whole space"
        lines[0] += f"success {test.success:.3f} [{low:.3f}, {high:.3f}] of {over}; "
    lines[0] += f"success stays above {target:.0%} (lower 95 % bound), the most fragile first"
    for curve in result.by_fragility():
        below, above = (margin_text(margin) for margin in curve.margins(target))
        lines.append(
            f"  {curve.group:24} success {curve.at_nominal.success:.0%} at nominal; fails below {below}, "
            f"above {above} {curve.unit}; headroom {headroom_text(curve, target) or '-'}"
        )
    return lines

"""What a sweep says while it runs: episodes, the time left, and a line for each parameter that is finished."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ashore.randomization.robustness.curve import Curve
from ashore.randomization.robustness.sweep import SweepResult

SPEED_OVER = 600.0  # s over which the time left is reckoned


class SweepProgress:
    """A line that counts episodes and says what time is left; above it, one for each parameter that is finished."""

    def __init__(self, total: int, console: Console | None, name: str = "") -> None:
        text = TextColumn("{task.description}", markup=False)
        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn(), text)
        self._live = Progress(*columns, console=console, transient=True, speed_estimate_period=SPEED_OVER)
        self._task = self._live.add_task(name, total=total)
        self._total = total
        self._recorded = 0  # episodes that were there before
        self._done, self._told = 0, set[str]()
        self._began = time.monotonic()

    def recorded(self, episodes: int) -> None:
        """So many more episodes were there already."""
        self._recorded += episodes
        self.done(self._done + episodes)

    def done(self, episodes: int) -> None:
        """So many episodes are there by now."""
        self._done = episodes
        self._live.update(self._task, completed=episodes)

    def tell(self, result: SweepResult) -> None:
        """A line for each curve that is new in a result."""
        for curve in result.curves:
            if curve.group not in self._told:
                self._told.add(curve.group)
                self.say(_line(curve))

    def say(self, text: str) -> None:
        """A line; with the time left, where no bar shows that."""
        rest = "" if self._live.console.is_terminal or self._done >= self._total else f"; {self._left()}"
        self._live.console.print(text + rest, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        fresh = self._done - self._recorded
        counted = f"{self._done} of {self._total} episodes"
        if fresh <= 0:
            return counted
        left = (time.monotonic() - self._began) * (self._total - self._done) / fresh
        return f"{counted}, left {left:.0f} s"

    def __enter__(self) -> Self:
        if self._live.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live.console.is_terminal:
            self._live.stop()


def _line(curve: Curve) -> str:
    first, last = curve.points[0], curve.points[-1]
    ends = " and ".join(f"{point.success:.0%}" for point in (first, last))
    span = f"{first.value:.4g} to {last.value:.4g} {curve.unit}".removesuffix(" 1")
    return f"{curve.group}, {span}: success {ends} at the ends, {curve.at_nominal.success:.0%} at nominal"

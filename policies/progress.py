"""How a run shows itself: a live line in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

PLAIN_EVERY = 10.0  # s
SHOWN = {  # label: (name in the record, format)
    "steps/s": ("time/steps_per_second", ",.0f"),
    "return": ("episode/return", ".2f"),
    "success": ("episode/success", ".2f"),
    "evaluated": ("eval/success", ".2f"),
    "lr": ("train/learning_rate", ".1e"),
}
LEFT_OUT = ("lr", "return", "evaluated", "steps/s", "success")  # in this order, where the terminal is narrow
BAR, BAR_FROM = 20, 100  # columns that the bar takes, and of a terminal wide enough for it
LEFT = len("left 00:00:00")


def newest_text(newest: Mapping[str, float], room: float = math.inf) -> str:
    """The newest metrics, as many as fit into `room` columns."""
    known = {
        label: f"{label} {newest[key]:{form}}" for label, (key, form) in SHOWN.items() if newest.get(key) is not None
    }
    for label in LEFT_OUT:
        if len("  ".join(known.values())) > room:
            known.pop(label, None)
    return "  ".join(known.values())


class RunProgress:
    """Shows the newest value of a few metrics and the time that is left."""

    def __init__(self, total_steps: int, steps: int = 0, console: Console | None = None) -> None:
        self.console = console or Console()
        self._total, self._first = total_steps, steps
        self._began = time.monotonic()
        self._printed = self._began
        self._newest: dict[str, float] = {}
        self._bar = BAR if self.console.width >= BAR_FROM else 0
        columns: tuple[ProgressColumn, ...] = (
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TextColumn("left"),
        )
        columns = (BarColumn(BAR), *columns) if self._bar else columns
        self._live = Progress(*columns, TimeRemainingColumn(), console=self.console)
        self._task = self._live.add_task("", total=total_steps, completed=steps)

    def update(self, record: Mapping[str, float]) -> None:
        self._newest |= record
        steps = int(record["steps"])
        if self.console.is_terminal:
            self._live.update(self._task, completed=steps, description=newest_text(self._newest, self._room()))
        elif time.monotonic() - self._printed >= PLAIN_EVERY or steps >= self._total or "eval/success" in record:
            self._printed = time.monotonic()
            left = (self._printed - self._began) * (self._total - steps) / (steps - self._first)
            self.say(f"{steps:,} / {self._total:,}  {newest_text(self._newest)}  left {max(left, 0.0):.0f} s")

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _room(self) -> int:
        """Columns left for the metrics between the steps and the time left."""
        steps = len(f"{self._total}/{self._total}")
        return self.console.width - (self._bar + 1 if self._bar else 0) - steps - 1 - 1 - LEFT

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.console.is_terminal:
            self._live.stop()

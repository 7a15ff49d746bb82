"""How several runs side by side show themselves: a live line each in a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from ashore.policies.metrics import FILE
from ashore.policies.progress import BAR, BAR_FROM, LEFT, PLAIN_EVERY, newest_text

TAIL = 1 << 16  # bytes; more than a run writes between two looks


class SeedsProgress:
    """Shows the newest metrics of each seed, as its file has them."""

    def __init__(self, folders: Mapping[int, Path], total_steps: int, console: Console | None = None) -> None:
        self.console = console or Console()
        self._total = total_steps
        self._followed = {seed: _Followed(folder / FILE) for seed, folder in folders.items()}
        bar = (BarColumn(BAR),) if self.console.width >= BAR_FROM else ()
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("seed {task.fields[seed]}"),
            *bar,
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._live = Progress(*columns, console=self.console, speed_estimate_period=60.0)
        self._lines = {
            seed: self._live.add_task("waiting", total=total_steps, start=False, seed=seed) for seed in folders
        }
        taken = len(f"seed {max(folders)} {total_steps}/{total_steps} ") + LEFT + (BAR + 1 if bar else 0) + 1
        self._room = self.console.width - taken

    def began(self, seed: int) -> None:
        """Its process was started."""
        if self.console.is_terminal:
            self._live.start_task(self._lines[seed])
            self._live.update(self._lines[seed], description="starting")
        else:
            self.say(f"seed {seed}: started")

    def look(self, seeds: Sequence[int]) -> None:
        """Show what these seeds have written since the last look."""
        for seed in seeds:
            followed = self._followed[seed]
            records = followed.new_records()
            if not records:
                continue
            steps = int(followed.newest["steps"])
            if self.console.is_terminal:
                text = newest_text(followed.newest, self._room)
                self._live.update(self._lines[seed], completed=steps, description=text)
            elif followed.due(evaluated=any("eval/success" in record for record in records)):
                self.say(f"seed {seed}: {steps:,} / {self._total:,}  {newest_text(followed.newest)}")

    def ended(self, seed: int, how: str) -> None:
        """Its process is over."""
        self.look([seed])
        if not self.console.is_terminal or how != "done":
            self.say(f"seed {seed}: {how}")
        self._live.stop_task(self._lines[seed])

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.console.is_terminal:
            self._live.stop()


class _Followed:
    """A file of metrics that another process writes."""

    def __init__(self, path: Path) -> None:
        self.newest: dict[str, Any] = {}
        self._path, self._seen, self._printed = path, self._state(path), time.monotonic()

    def due(self, *, evaluated: bool) -> bool:
        """Whether a plain line is due."""
        if not evaluated and time.monotonic() - self._printed < PLAIN_EVERY:
            return False
        self._printed = time.monotonic()
        return True

    def new_records(self) -> list[dict[str, Any]]:
        """Whole lines of the file's end that were not given yet."""
        if (state := self._state(self._path)) == self._seen or state is None:
            return []
        self._seen = state
        with self._path.open("rb") as file:
            file.seek(max(0, state[0] - TAIL))
            lines = file.read().split(b"\n")[:-1]
        records = [json.loads(line) for line in lines[1 if state[0] > TAIL else 0 :]]
        new = [record for record in records if record["steps"] > self.newest.get("steps", -1)]
        for record in new:
            self.newest |= {name: x for name, x in record.items() if x is not None}
        return new

    @staticmethod
    def _state(path: Path) -> tuple[int, int] | None:
        """Size and time of the last change."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return found.st_size, found.st_mtime_ns

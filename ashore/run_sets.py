"""Several seeds of one training, as a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ashore.configs.loader import load_run
from ashore.configs.schema import RunSettings
from ashore.seeds import FINAL, SETTINGS, failure, read_result

if TYPE_CHECKING:
    from ashore.api import Run


@dataclass(frozen=True)
class RunSet:
    """The runs of several seeds in their folder: `seed0`, ..., `seeds.json` and the shared `settings.yaml`."""

    folder: Path
    runs: dict[int, Run]  # by seed, those that have begun

    @property
    def settings(self) -> RunSettings:
        """What they share; `train.seed` is each one's own."""
        return load_run(self.folder / SETTINGS)

    @property
    def seeds(self) -> list[int]:
        """All that were asked for, those that failed among them."""
        return [row["seed"] for row in self.result["seeds"]]

    @property
    def failed(self) -> dict[int, int]:
        """Exit code by seed."""
        return {row["seed"]: row["exit_code"] for row in self.result["seeds"] if row["state"] == "failed"}

    @property
    def result(self) -> dict[str, Any]:
        """What `seeds.json` holds: "seeds", a row for each, and "success" and "return" over those that are done, as the
        interquartile mean "iqm" and its stratified bootstrap interval at 95 %, "low" to "high"."""
        return read_result(self.folder)

    @property
    def final(self) -> dict[str, NDArray[np.float64]]:
        """Success and return of the last evaluation, [seeds], NaN where a seed has none."""
        rows = self.result["seeds"]
        return {name: np.array([row[name] for row in rows], np.float64) for name in FINAL}

    @property
    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """What training recorded, by name: [runs, iterations], NaN where there is no value; "steps" is the axis."""
        each = [run.metrics for run in self.runs.values()]
        length = max((len(found["steps"]) for found in each if "steps" in found), default=0)
        names = dict.fromkeys(name for found in each for name in found)
        table = {name: np.full((len(each), length), np.nan) for name in names}
        for row, found in enumerate(each):
            for name, values in found.items():
                table[name][row, : len(values)] = values
        return table

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs.values())

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, seed: int) -> Run:
        return self.runs[seed]

    def __repr__(self) -> str:
        return f"RunSet({str(self.folder)!r}: {summary(self.result)})"


def summary(result: dict[str, Any]) -> str:
    """What `seeds.json` says, in a line; then one for each seed that failed."""
    figures = [_figure(name, result[name]) for name in FINAL if result[name] is not None]
    failed = [f"\nseed {r['seed']} {failure(r['exit_code'])}" for r in result["seeds"] if r["state"] == "failed"]
    done = f"{result['over']} of {len(result['seeds'])} seeds done"
    return ", ".join([f"{result['task']} with {result['robot']}", done, *figures]) + "".join(failed)


def _figure(name: str, over: dict[str, float | None]) -> str:
    ends = "" if over["low"] is None else f" [{over['low']:.3f}, {over['high']:.3f}]"
    return f"{name} {over['iqm']:.3f}{ends}"

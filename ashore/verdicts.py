"""The verdict on a policy file: every requirement played, and the stamp that says so beside the file."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ashore.configs.errors import UsageError
from ashore.configs.requirements import (
    Requirements,
    WorstCaseRequired,
    read_requirements,
    requirements_file,
    requirements_of,
)
from ashore.configs.verdict import MAX_COMMAND, MAX_LINE, Row, Verdict, one_line, verdict_path
from ashore.environments import TEST_SEED, make_env
from ashore.falsifying import Asked, falsify, space_of
from ashore.files import commit, write_atomically
from ashore.randomization.robustness.required import Bools, Check, Floats, checks, run_checks, without_margin
from ashore.runs import POLICY_FILE
from ashore.sim.given_worlds import Worlds
from ashore.sweeps import with_ranges
from ashore.trained_policy import TrainedPolicy, load_trained, measure_in
from ashore.version import __version__

_GIVEN = Path("require")  # what messages and the stamp call requirements that come from no file


@dataclass(frozen=True, repr=False)
class Judged:
    """A verdict, where it is, and what it could not speak of."""

    verdict: Verdict
    path: Path
    without_margin: Sequence[str]  # parameters that training never varied

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    def __repr__(self) -> str:
        rows = [f"  {row.word:6} {row.name}, {row.required}: {row.found}" for row in self.verdict.rows]
        return "\n".join([f"{self.verdict.task} for {self.verdict.robot}: {self.verdict.line()}", *rows])


def policy_file(where: str | Path) -> Path:
    """The exported policy that is meant: a file, or that in a run's folder."""
    path = Path(where)
    if not path.is_dir():
        return path
    if not (path / POLICY_FILE).is_file():
        raise UsageError(f"{path} holds no {POLICY_FILE}, which a verdict is bound to; allowed: ashore export {path}")
    return path / POLICY_FILE


def judge(
    where: str | Path,
    require: str | Path | Mapping[str, Any],
    *,
    seed: int = 0,
    source: str | None = None,
    command: str = "",
    console: Console | None = None,
) -> Judged:
    """Play all that is required of a policy file, and stamp it. require: a file, a name in configs/verdicts, or the data.

    source: `FILE.py:CLASS` of a task that is not in this package.
    """
    file, path = _GIVEN if isinstance(require, Mapping) else requirements_file(require), policy_file(where)
    requirements = requirements_of(require, str(file)) if isinstance(require, Mapping) else read_requirements(file)
    if path.is_file() and not os.access(path.parent, os.W_OK):  # said before an hour of episodes, not after
        raise UsageError(f"{path.parent} cannot be written to; the verdict goes beside the policy: copy it elsewhere")
    policy = load_trained(str(path), [] if source is None else [f"task.source={source}"])
    env = make_env(policy.run.task, 1)
    declared = env.randomizer.dimensions if env.randomizer else ()
    trained = with_ranges(declared, policy.trained_on())
    try:
        required = checks(requirements, trained, TEST_SEED + seed)
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
    worst = requirements.worst_case
    if worst is not None:
        space_of(policy)  # says that there is none, before anything is played
    rows = _played(policy, required, TEST_SEED + seed, console) if required else ()
    if worst is not None:
        rows = (*rows, _worst_case(policy, worst, seed, console))
    verdict = Verdict(
        policy_sha256=policy.sha256,
        task=policy.run.task.name,
        robot=policy.run.task.robot.name,
        passed=all(row.passed for row in rows),
        rows=rows,
        requirements=one_line(file.name, MAX_LINE),
        requirements_sha256=_sha256(requirements),
        seed=seed,
        made=dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S"),
        command=one_line(command, MAX_COMMAND),
        commit=commit(),
        ashore_version=__version__,
    )
    write_atomically(verdict_path(path), verdict.model_dump_json(indent=1) + "\n")
    return Judged(verdict, verdict_path(path), without_margin(requirements, trained))


def table(judged: Judged) -> Table:
    """What was required and what was found: what failed first, then what is open."""
    shown = Table(title=Text(f"{judged.verdict.task} for {judged.verdict.robot}"), title_justify="left")
    for head in ("requirement", "required", "found", "verdict"):
        shown.add_column(head, no_wrap=head == "verdict")
    for row in sorted(judged.verdict.rows, key=lambda row: ("failed", "open", "passed").index(row.word)):
        style = {"passed": "green", "open": "yellow", "failed": "bold red"}[row.word]
        shown.add_row(Text(row.name), row.required, row.found, Text(row.word, style))
    return shown


def _played(policy: TrainedPolicy, required: Sequence[Check], seed: int, console: Console | None) -> tuple[Row, ...]:
    columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("episodes, left"), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, speed_estimate_period=600.0)
    bar.disable = not bar.console.is_terminal
    line = bar.add_task("", total=None)

    def play(lambdas: Floats, numbers: NDArray[np.int64]) -> Bools:
        def progress(done: int) -> None:
            bar.update(line, completed=done, total=len(numbers))

        worlds = Worlds(torch.from_numpy(lambdas), numbers, np.zeros(len(numbers), np.int64))
        return measure_in(policy, worlds, seed=seed, progress=progress).episodes.success

    def say(text: str) -> None:
        bar.console.print(text, highlight=False)

    with bar:
        return run_checks(required, play, say)


def _worst_case(policy: TrainedPolicy, required: WorstCaseRequired, seed: int, console: Console | None) -> Row:
    """Search for a failing world within the distance."""
    asked = Asked(budget=required.budget, below=required.below, radius=required.distance, seed=seed)
    done = falsify(policy, asked, console)
    if done.interrupted:
        raise KeyboardInterrupt
    found = f"none in {done.spent:,} episodes"
    if done.world is not None:
        found = f"at {done.world.distance:.2f}, {done.world.sentence()}"
    return Row(
        name="worst case",
        required=f"none that fails within {required.distance:g} trained widths of nominal",
        found=one_line(found, MAX_LINE),
        passed=done.world is None,
    )


def _sha256(requirements: Requirements) -> str:
    return hashlib.sha256(requirements.model_dump_json().encode()).hexdigest()

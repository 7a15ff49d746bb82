"""Sweeps of a trained policy: success against each parameter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ashore.configs.errors import UsageError
from ashore.configs.space import Dimension
from ashore.environments import TEST_SEED, make_env
from ashore.files import commit
from ashore.randomization.robustness.report import Report
from ashore.randomization.robustness.sweep import Provenance, SweepResult, sweep
from ashore.sim.evaluate import Episodes
from ashore.trained_policy import TrainedPolicy, measure

SPEED_OVER = 600.0  # s over which the time left is reckoned; a point may take a minute

Space = tuple[Dimension, ...]
Save = Callable[[SweepResult, Space, Space], None]


def sweep_name(policy: TrainedPolicy) -> str:
    """Of a sweep's folder: `sweep-TASK-POLICY`, or `sweep-TASK` where the run is named after its task."""
    return "-".join(dict.fromkeys(("sweep", policy.run.task.name, policy.name)))


def run_sweep(
    policy: TrainedPolicy,
    over: Sequence[str],
    episodes: int,
    points: int,
    seed: int,
    command: str,
    save: Save | None = None,
    console: Console | None = None,
) -> tuple[SweepResult, Space, Space]:
    """Move one parameter at a time, the others as declared; gives the curves, and the space as trained on and as declared.

    save: called after each parameter with what is returned at the end, as far as it is known.
    """
    env = make_env(policy.run.task, 1)
    declared = env.randomizer.dimensions if env.randomizer else ()
    if not declared:
        raise UsageError(f"task {policy.run.task.name} randomizes nothing: there is no parameter to sweep")
    dimensions = with_ranges(declared, policy.trained_on())
    provenance = Provenance(
        command=command,
        commit=commit(),
        policy=policy.name,
        policy_sha256=policy.sha256,
        task=policy.run.task.name,
        seeds=(seed,),
    )
    with _SweepProgress(episodes, console) as line:

        def evaluate(pins: dict[str, float]) -> Episodes:
            return measure(policy, episodes, seed=TEST_SEED + seed, pins=pins, progress=line.within)

        def finished(result: SweepResult) -> None:
            if save:
                save(result, dimensions, declared)
            line.say_finished(result)

        try:
            result = sweep(
                over,
                dimensions,
                evaluate,
                points=points,
                provenance=provenance,
                progress=line.begin_point,
                finished=finished,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None
    return result, dimensions, declared


def sweep_report(policy: TrainedPolicy, result: SweepResult, trained: Space, declared: Space) -> Report:
    """The page that shows a sweep."""
    task = policy.run.task
    episodes = result.curves[0].at_nominal.episodes
    return Report(
        title=f"Robustness of {task.name} with {task.robot.name}",
        subtitle=f"What the policy {policy.name} survives, after {policy.steps:,} control steps of training; "
        f"{episodes} episodes at each point.",
        sweep=result,
        card=trained,
        declared=declared,
        training=policy.metrics,
        command=result.provenance.command,
    )


def with_ranges(dimensions: Sequence[Dimension], trained_on: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions with the ranges that training reached; one that training did not have stood at its nominal value."""
    reached = {d.name: (d.low, d.high) for d in trained_on}
    ranges = [reached.get(d.name, (d.nominal, d.nominal)) for d in dimensions]
    low, high = (
        [min(max(r[i], d.widest[0]), d.widest[1]) for r, d in zip(ranges, dimensions, strict=True)] for i in (0, 1)
    )
    return tuple(d.model_copy(update={"low": a, "high": b}) for d, a, b in zip(dimensions, low, high, strict=True))


class _SweepProgress:
    """A line that counts episodes and says what time is left; above it, one for each parameter that is finished."""

    def __init__(self, episodes: int, console: Console | None) -> None:
        text = TextColumn("{task.description}", markup=False)
        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn(), text)
        self._live = Progress(*columns, console=console, transient=True, speed_estimate_period=SPEED_OVER)
        self._task = self._live.add_task("", total=None)
        self._episodes = episodes  # of a point
        self._done = self._total = 0  # points
        self._began = time.monotonic()

    def begin_point(self, done: int, total: int, text: str) -> None:
        self._done, self._total = done, total
        self._live.update(self._task, completed=self._count(0), total=self._episodes * total, description=text)

    def within(self, episodes: int) -> None:
        """So many episodes of the point are done."""
        self._live.update(self._task, completed=self._count(episodes))

    def say_finished(self, result: SweepResult) -> None:
        curve = result.curves[-1]
        done = self._done + 1
        left = (time.monotonic() - self._began) * (self._total - done) / done
        ends = " and ".join(f"{point.successes / point.episodes:.0%}" for point in (curve.points[0], curve.points[-1]))
        span = f"{curve.points[0].value:.4g} to {curve.points[-1].value:.4g} {curve.unit}".removesuffix(" 1")
        text = f"{curve.group}, {span}: success {ends} at the ends, {curve.at_nominal.success:.0%} at nominal"
        live = self._live.console.is_terminal or done == self._total  # which shows what is left, or nothing is
        rest = "" if live else f"; {done} of {self._total} points, left {left:.0f} s"
        self._live.console.print(text + rest, markup=False, highlight=False, soft_wrap=True)

    def _count(self, episodes: int) -> int:
        return self._episodes * self._done + min(episodes, self._episodes)

    def __enter__(self) -> Self:
        if self._live.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live.console.is_terminal:
            self._live.stop()

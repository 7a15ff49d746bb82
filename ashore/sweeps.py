"""Sweeps of a trained policy: where it works, and how far parameters may go before it fails."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
from rich.console import Console

from ashore.configs.errors import UsageError
from ashore.configs.schema import TaskSettings
from ashore.configs.space import Dimension
from ashore.configs.sweep_plan import CurvesPlan, SweepPlan, plan_of, read_plan
from ashore.environments import TEST_SEED, make_env
from ashore.files import commit
from ashore.randomization.robustness.allocation import first_requests, further_requests, most_episodes
from ashore.randomization.robustness.joint import JointTest
from ashore.randomization.robustness.layout import Layout, lay_out
from ashore.randomization.robustness.outcomes import Floats, Outcomes, Requests
from ashore.randomization.robustness.summary import joint_of, summarize
from ashore.randomization.robustness.sweep import Provenance, SweepResult
from ashore.sweep_gaps import with_gaps
from ashore.sweep_player import SweepPlayer, split
from ashore.sweep_progress import SweepProgress
from ashore.sweep_records import SweepRecords, header
from ashore.trained_policy import TrainedPolicy

EPISODES = "episodes.jsonl"  # in a sweep's folder
Space = tuple[Dimension, ...]


class Swept(NamedTuple):
    """A sweep as far as it is known."""

    result: SweepResult
    trained: Space  # with the ranges that training reached
    declared: Space
    left_out: Mapping[str, str]  # gaps that the task cannot have, and why
    layout: Layout
    outcomes: Outcomes


Save = Callable[[Swept], None]


def plan_for(plan: SweepPlan | None, over: Sequence[str] | None, episodes: int | None, points: int | None) -> SweepPlan:
    """A plan with other parameters, episodes or points than it has. Without a plan: the one named `default`, or, where
    parameters are given, their curves alone."""
    base = plan or (read_plan() if over is None else SweepPlan(curves=CurvesPlan()))
    data = base.model_dump(mode="json")
    curves = data["curves"] or {}
    if over is not None:
        curves["over"] = list(over)
    if points is not None:
        curves["points"] = points
    if curves:
        data["curves"] = curves
    if episodes is not None:
        data["episodes"] = episodes
    return plan_of(data, "sweep")


def sweep_name(*policies: TrainedPolicy) -> str:
    """Of a sweep's folder: `sweep-TASK-POLICY`, or `sweep-TASK` where the run is named after its task."""
    return "-".join(dict.fromkeys(("sweep", policies[0].run.task.name, *(policy.name for policy in policies))))


def run_sweep(
    policy: TrainedPolicy,
    plan: SweepPlan,
    *,
    seed: int = 0,
    command: str = "",
    records: Path | None = None,
    save: Save | None = None,
    console: Console | None = None,
    fragile: Sequence[str] | None = None,
) -> Swept:
    """Play what a plan asks for, all in one batch of worlds.

    records: a file that the episodes are added to as they come; where it has some of this sweep, those are not played again.
    save: called whenever a parameter or a part is finished, with what is known by then, and when it is interrupted.
    fragile: the parameters for the plan's maps of the most fragile ones, where this policy's own are not wanted.
    """
    return _Sweep(policy, plan, seed, command, records, save, console, fragile).run()


def fragile_of(plan: SweepPlan, result: SweepResult) -> list[str]:
    """The parameters whose pairs are mapped as the most fragile ones."""
    count = plan.maps.fragile if plan.maps else 0
    return [curve.group for curve in result.by_fragility()[:count]]


class _Sweep:
    """One policy's."""

    def __init__(
        self,
        policy: TrainedPolicy,
        plan: SweepPlan,
        seed: int,
        command: str,
        records: Path | None,
        save: Save | None,
        console: Console | None,
        fragile: Sequence[str] | None,
    ) -> None:
        self._policy, self._plan, self._seed = policy, plan, TEST_SEED + seed
        self._task, self._left_out = with_gaps(policy.run, plan.gaps)
        self._declared, self._trained = spaces(policy, self._task)
        self._layout = self._lay_out()
        try:
            self._expected = most_episodes(plan, self._layout)
        except ValueError as error:
            raise UsageError(str(error)) from None
        self._outcomes = Outcomes()
        self._provenance = Provenance(
            command=command,
            commit=commit(),
            policy=policy.name,
            policy_sha256=policy.sha256,
            task=policy.run.task.name,
            seeds=(seed,),
        )
        self._save, self._console, self._fragile = save, console, fragile
        self._records = SweepRecords(records, self._header(seed)) if records else None
        self._player: SweepPlayer | None = None
        self._joint: JointTest | None = None
        self._curves = 0  # that are whole

    def run(self) -> Swept:
        plan, first = self._plan, first_requests(self._plan, self._layout)
        with SweepProgress(self._expected, self._console) as self._line:
            try:
                self._play(first)
                if plan.maps is not None and plan.maps.fragile:
                    start = len(self._layout.pins)
                    own = fragile_of(plan, self._so_far().result)
                    self._layout = self._lay_out(own if self._fragile is None else self._fragile)
                    self._play(first_requests(plan, self._layout, start))
                while (more := further_requests(plan, self._layout, self._outcomes)) is not None:
                    self._play(more)
            finally:
                swept = self._so_far()
                if self._save:
                    self._save(swept)
                if self._records:
                    self._records.close()
        return swept

    def _play(self, requests: Requests) -> None:
        """These episodes, from the file as far as it has them."""
        chunks = split(requests)
        while chunks and self._records and (columns := self._records.recorded(chunks[0])) is not None:
            self._line.recorded(len(chunks[0].points))
            self._outcomes.add(chunks.pop(0), columns)
        before = len(self._outcomes.points)
        known = self._so_far().result
        self._curves = len(known.curves)
        self._line.tell(known)
        if not chunks:
            return
        left = sum(len(chunk.points) for chunk in chunks)
        rest = Requests(requests.points[-left:], requests.episodes[-left:])
        if self._player is None:
            self._player = SweepPlayer(self._policy, self._task, self._expected, self._seed)
        self._player.play(self._layout, rest, self._keep, lambda done: self._line.done(before + done))

    def _keep(self, requests: Requests, columns: Mapping[str, Floats]) -> None:
        if self._records:
            self._records.append(requests, columns)
        self._outcomes.add(requests, columns)
        swept = self._so_far()
        if len(swept.result.curves) > self._curves:
            self._curves = len(swept.result.curves)
            self._line.tell(swept.result)
            if self._save:
                self._save(swept)

    def _so_far(self) -> Swept:
        if self._joint is None:  # takes a second, and stays as it is
            self._joint = joint_of(self._plan, self._layout, self._outcomes)
        result = summarize(self._plan, self._layout, self._outcomes, self._trained, self._provenance, self._joint)
        return Swept(result, self._trained, self._declared, self._left_out, self._layout, self._outcomes)

    def _lay_out(self, fragile: Sequence[str] = ()) -> Layout:
        try:
            return lay_out(self._plan, self._declared, self._trained, fragile)
        except ValueError as error:
            raise UsageError(str(error)) from None

    def _header(self, seed: int) -> dict[str, Any]:
        task = self._task.model_dump_json()
        given = (
            {"fragile": list(self._fragile)} if self._fragile else {}
        )  # of another policy, which the plan cannot tell
        return header(
            policy=self._policy.name,
            policy_sha256=self._policy.sha256,
            task=self._task.name,
            task_sha256=hashlib.sha256(task.encode()).hexdigest(),
            seed=seed,
            plan=self._plan.model_dump(mode="json"),
            mujoco=mujoco.__version__,
            **given,
        )


def spaces(policy: TrainedPolicy, task: TaskSettings) -> tuple[Space, Space]:
    """The parameters as the task declares them, and with the ranges that training reached."""
    env = make_env(task, 1)
    declared = env.randomizer.dimensions if env.randomizer else ()
    if not declared:
        raise UsageError(f"task {task.name} randomizes nothing: there is no parameter to sweep")
    return declared, with_ranges(declared, policy.trained_on())


def with_ranges(dimensions: Sequence[Dimension], trained_on: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions with the ranges that training reached; one that training did not have stood at its nominal value."""
    reached = {d.name: (d.low, d.high) for d in trained_on}
    ranges = [reached.get(d.name, (d.nominal, d.nominal)) for d in dimensions]
    low, high = (
        [min(max(r[i], d.widest[0]), d.widest[1]) for r, d in zip(ranges, dimensions, strict=True)] for i in (0, 1)
    )
    return tuple(d.model_copy(update={"low": a, "high": b}) for d, a, b in zip(dimensions, low, high, strict=True))

"""A sweep of one policy or of several in the same worlds: its folder with results, data and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from ashore.comparing import labels
from ashore.configs.errors import UsageError
from ashore.configs.sweep_plan import SweepPlan
from ashore.files import write_atomically
from ashore.randomization.robustness import report
from ashore.randomization.robustness.paired import Paired, compare_pair
from ashore.randomization.robustness.report import Headline, Report
from ashore.sweep_data import episodes_csv, points_csv
from ashore.sweeps import EPISODES, Swept, fragile_of, run_sweep
from ashore.trained_policy import TrainedPolicy

RESULTS, REPORT, POINTS_TABLE, EPISODES_TABLE = "results.json", "report.html", "points.csv", "episodes.csv"
SET_FORMAT = "ashore-sweeps/1"


class SweepSet(NamedTuple):
    """Sweeps by the policies' names, and the policies held against each other."""

    swept: Mapping[str, Swept]
    pairs: Sequence[Paired]


def sweep_all(
    policies: Mapping[str, TrainedPolicy],
    plan: SweepPlan,
    folder: Path,
    *,
    seed: int = 0,
    command: str = "",
    console: Console | None = None,
) -> SweepSet:
    """Sweep one policy after the other, each in the same worlds, and write all that is known whenever more is.

    The task is the first policy's: its settings hold for all.
    """
    policies = same_task(policies, plan)
    done: dict[str, Swept] = {}
    fragile: Sequence[str] | None = None
    for name, policy in policies.items():
        records = folder / (EPISODES if len(policies) == 1 else f"{Path(EPISODES).stem}-{_file_name(name)}.jsonl")

        def save(swept: Swept, name: str = name) -> None:
            done[name] = swept
            write_folder(folder, policies, done)

        if console is not None and len(policies) > 1:
            console.print(f"policy {name}", markup=False, highlight=False)
        swept = run_sweep(
            policy,
            plan,
            seed=seed,
            command=command,
            records=records,
            save=save,
            console=console,
            fragile=fragile,
        )
        fragile = fragile_of(plan, swept.result) if fragile is None else fragile
    return SweepSet(done, pairs_of(done))


def named_policies(policies: Sequence[TrainedPolicy], paths: Sequence[str | Path]) -> dict[str, TrainedPolicy]:
    """By their names; where two have the same, by as much of their paths as tells them apart."""
    names = [policy.name for policy in policies]
    if len(set(names)) < len(names):
        names = labels([Path(path).resolve() for path in paths])
    if len(set(names)) < len(names):
        raise UsageError(f"policies = {', '.join(map(str, paths))}; allowed: each policy once")
    return dict(zip(names, policies, strict=True))


def same_task(policies: Mapping[str, TrainedPolicy], plan: SweepPlan) -> dict[str, TrainedPolicy]:
    """The policies, all for the first one's task; UsageError where one is of another task or robot."""
    first_name, first = next(iter(policies.items()))
    for name, policy in policies.items():
        what, mine = ((p.run.task.name, p.run.task.robot.name) for p in (policy, first))
        if what != mine:
            raise UsageError(
                f"{name} is of task {what[0]} with {what[1]}, {first_name} of {mine[0]} with {mine[1]}; allowed: policies of "
                "one task and robot"
            )
    if len(policies) > 1 and plan.joint is not None and plan.joint.within == "trained":
        raise UsageError(
            "joint.within = 'trained' of several policies, which were trained on different worlds; allowed: declared, widest"
        )
    return {name: policy._replace(run=first.run) for name, policy in policies.items()}


def pairs_of(swept: Mapping[str, Swept]) -> list[Paired]:
    """Every two policies whose joint tests are whole."""
    names = [name for name, found in swept.items() if found.result.joint is not None]
    pairs = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            rows = swept[a].layout.joint
            assert rows is not None
            pairs.append(compare_pair((a, b), rows, (swept[a].outcomes, swept[b].outcomes)))
    return pairs


def write_folder(folder: Path, policies: Mapping[str, TrainedPolicy], swept: Mapping[str, Swept]) -> None:
    """Results, tables and page, each never half written."""
    pairs = pairs_of(swept)
    if len(policies) == 1:
        text = next(iter(swept.values())).result.to_json()
    else:
        sweeps = {name: found.result.model_dump(mode="json") for name, found in swept.items()}
        whole = {"format": SET_FORMAT, "sweeps": sweeps, "pairs": [pair.model_dump(mode="json") for pair in pairs]}
        text = json.dumps(whole, indent=1)
    write_atomically(folder / RESULTS, text)
    write_atomically(folder / POINTS_TABLE, points_csv(swept))
    write_atomically(folder / EPISODES_TABLE, episodes_csv(swept))
    report.write(folder / REPORT, sweep_report(policies, swept, pairs))


def sweep_report(
    policies: Mapping[str, TrainedPolicy], swept: Mapping[str, Swept], pairs: Sequence[Paired] = ()
) -> Report:
    """The page that shows sweeps."""
    first = next(iter(swept.values()))
    policy = next(iter(policies.values()))
    task, episodes = policy.run.task, sum(len(found.outcomes.points) for found in swept.values())
    steps = sorted({p.steps for p in policies.values()})
    trained = f"{steps[0]:,} control steps" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,} control steps"
    who = f"the policy {policy.name} survives" if len(policies) == 1 else f"the policies {', '.join(policies)} survive"
    out = "; ".join(f"{name}: {why}" for name, why in first.left_out.items())
    return Report(
        title=f"Robustness of {task.name} with {task.robot.name}",
        subtitle=f"What {who}, after {trained} of training; {episodes:,} episodes.",
        headlines=[_headline(name, found, len(policies)) for name, found in swept.items() if found.result.joint],
        sweeps={name: found.result for name, found in swept.items()},
        pairs=pairs,
        card=first.trained if len(policies) == 1 else (),
        declared=first.declared,
        training=policy.metrics if len(policies) == 1 else (),
        command=first.result.provenance.command,
        facts={"gaps left out": out} if out else {},
    )


def _headline(name: str, swept: Swept, policies: int) -> Headline:
    test = swept.result.joint
    assert test is not None
    where = "Success over the whole space"
    return Headline(
        label=where if policies == 1 else f"{where}: {name}",
        successes=test.successes,
        episodes=test.worlds * test.repeats,
        interval=test.interval,
    )


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)

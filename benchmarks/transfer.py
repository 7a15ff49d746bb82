"""What a policy survives that training never showed it: none, manual, ADR, DORAEMON at equal steps, over several seeds.

`configs/transfer/TASK.yaml` holds the parameters to train on and the worlds to test in. Every method trains on the same
parameters for the same number of steps from the same seeds; every policy then plays the same episodes of each held-out family.
Figures over seeds are interquartile means with 95 % bootstrap intervals (Agarwal et al., "Deep RL at the edge of the
statistical precipice", arXiv 2108.13264): seeds are resampled, never episodes. Trainings that are there are not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from ashore import statistics
from ashore.benchmarks.svg import EDGE, Chart, coloured
from ashore.configs import loader
from ashore.configs.algorithms import OnPolicySettings
from ashore.configs.base import Count, Settings
from ashore.configs.errors import UsageError
from ashore.configs.faults import ConfigError
from ashore.configs.schema import RunSettings, TaskSettings
from ashore.environments import TEST_SEED
from ashore.files import commit, write_atomically
from ashore.policies.metrics import read
from ashore.runs import self_contained, train_run
from ashore.trained_policy import load_trained, measure

METHODS = ("none", "manual", "adr_small", "doraemon_small")  # presets in configs/samplers
RESULT = "transfer.json"
WHOLE = "held_out"  # the mean over the held-out families


class HeldOut(Settings):
    """One family of worlds."""

    randomization: dict[str, Any] | None = None  # None: as in training by hand
    model: str | None = None  # another model of the robot


class Plan(Settings):
    """A file of `configs/transfer`."""

    space: dict[str, Any]
    held_out: dict[str, HeldOut]


class Size(Settings):
    """How much is trained and tested."""

    seeds: Count = 5
    steps: Count = 2_000_000
    episodes: Count = 256  # of each family


def read_plan(task: str) -> Plan:
    folder = loader.CONFIGS / "transfer"
    path = folder / f"{task}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.yaml"))
        raise UsageError(f"--task = {task!r}; allowed: {', '.join(known)}, which have a plan in configs/transfer")
    try:
        return Plan.model_validate(loader.read_mapping(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None


def training(task: str, plan: Plan, method: str, seed: int, steps: int) -> RunSettings:
    """The run of one method and seed: the task's own training, shortened or lengthened, its noise with it."""
    preset = loader.load_run(task).train
    assert isinstance(preset.algorithm, OnPolicySettings)
    share = preset.algorithm.std_steps / preset.total_steps
    return loader.load_run(
        task,
        [
            f"task.randomization={json.dumps(plan.space)}",
            f"sampler={method}",
            f"train.seed={seed}",
            f"train.total_steps={steps}",
            f"train.algorithm.std_steps={max(1, round(share * steps))}",
            f"train.eval_every={max(1, steps // 4)}",
            f"train.checkpoint_every={max(1, steps // 4)}",
        ],
    )


def families(task: str, plan: Plan) -> dict[str, TaskSettings]:
    """The tasks to test in, by the family's name; first what training by hand saw."""
    found = {"as_trained": HeldOut()} | plan.held_out
    return {
        name: loader.load_run(
            task,
            [
                f"task.randomization={json.dumps(plan.space if f.randomization is None else f.randomization)}",
                *([f"task.robot.model={f.model}"] if f.model else []),
            ],
        ).task
        for name, f in found.items()
    }


def transfer(
    task: str, methods: Sequence[str], size: Size, folder: Path, *, command: str, say: Any = print
) -> dict[str, Any]:
    """Train what is missing, test all, and give the table as data."""
    plan = read_plan(task)
    tested = families(task, plan)
    for method in methods:  # wrong names are told before anything runs
        training(task, plan, method, 0, size.steps)
    rows = []
    for seed in range(size.seeds):  # all methods of a seed, then the next: what is there can be compared at any time
        for method in methods:
            run = training(task, plan, method, seed, size.steps)
            where = folder / f"{method}_{seed}"
            say(f"{method}, seed {seed}: {where}")
            _train(run, where)
            rows.append({"method": method, "seed": seed, **_test(where, tested, size.episodes), **_reached(where)})
    summary = [_summary(method, [r for r in rows if r["method"] == method], list(tested)) for method in methods]
    result = {
        "commit": commit(),
        "command": command,
        "task": task,
        **size.model_dump(),
        "parameters": len(plan.space),
        "summary": summary,
        "rows": rows,
    }
    write_atomically(folder / RESULT, json.dumps(result, indent=1) + "\n")
    write_atomically((folder / RESULT).with_suffix(".svg"), picture(result))
    return result


def _train(run: RunSettings, folder: Path) -> None:
    """Begin the training, go on with it, or leave it where it is done. UsageError where the folder holds another one."""
    started = (folder / "config.yaml").is_file()
    if started and loader.load_run(folder) != self_contained(run):
        raise UsageError(f"{folder} holds a training with other settings; name another folder: --run DIR")
    if _newest(folder).get("steps", 0) >= run.train.total_steps:
        return
    outcome = train_run(run, folder, resume=started)
    if outcome.interrupted:
        raise UsageError(f"interrupted in {folder}; the same command goes on from there")


def _test(folder: Path, tested: dict[str, TaskSettings], episodes: int) -> dict[str, Any]:
    """Success in each family, and over those that are held out."""
    policy = load_trained(str(folder))
    success = {}
    for name, task in tested.items():
        there = policy._replace(run=policy.run.model_copy(update={"task": task}))
        success[name] = float(measure(there, episodes, seed=TEST_SEED).summary()["success"])
    held_out = [x for name, x in success.items() if name != "as_trained"]
    return {"success": success | {WHOLE: float(np.mean(held_out))}}


def _reached(folder: Path) -> dict[str, Any]:
    """How broad the worlds of training were in the end."""
    numbers = {
        k.removeprefix("randomization/"): v for k, v in _newest(folder).items() if k.startswith("randomization/")
    }
    return {"entropy": numbers.get("entropy"), "zero_width": numbers.get("zero_width")}


def _newest(folder: Path) -> dict[str, Any]:
    """The newest value of every number in a run's log; none where there is no log."""
    newest: dict[str, Any] = {}
    for record in read(folder):
        newest |= record
    return newest


def _summary(method: str, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {"method": method, "seeds": len(rows)}
    for name in (WHOLE, *names):
        out[name] = interval([row["success"][name] for row in rows])
    entropies = [row["entropy"] for row in rows if row["entropy"] is not None]
    out["entropy"] = round(float(np.mean(entropies)), 3) if entropies else None
    return out


def interval(values: Sequence[float]) -> dict[str, float]:
    """Interquartile mean of a value a seed, with the 95 % interval of its bootstrap; of one seed, that value alone."""
    middle, low, high = statistics.interval([values])
    low, high = (middle if end is None else end for end in (low, high))
    return {"iqm": round(middle, 4), "low": round(low, 4), "high": round(high, 4)}


def table(result: dict[str, Any]) -> str:
    """The summary in Markdown."""
    names = _names(result)
    head = ["trained on", *(n.replace("_", " ") for n in names), "entropy, nats a parameter"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in result["summary"]:
        cells = [f"{row[n]['iqm']:.0%} [{row[n]['low']:.0%}, {row[n]['high']:.0%}]" for n in names]
        entropy = "no width" if row["entropy"] is None else f"{row['entropy']:.2f}"
        lines.append("| " + " | ".join([row["method"], *cells, entropy]) + " |")
    return "\n".join(lines)


def picture(result: dict[str, Any]) -> str:
    """Success in each family as SVG: a bar for the interquartile mean, a line for its interval, a dot a seed."""
    summary, names = result["summary"], _names(result)
    chart = Chart(760, 280, f"{result['task']}: success in worlds held out of training, {result['seeds']} seeds")
    group = (chart.right - EDGE) / len(names)
    wide = group / (len(summary) + 1)
    for g, name in enumerate(names):
        chart.text(EDGE + group * (g + 0.5), chart.bottom + 16, name.replace("_", " "), 'text-anchor="middle"')
        for k, (row, colour) in enumerate(coloured(summary)):
            left = EDGE + group * g + wide * (k + 0.5)
            middle, cell, top = left + wide / 2, row[name], chart.y(row[name]["iqm"])
            bar = f'x="{left:.1f}" width="{wide * 0.9:.1f}" y="{top}" height="{chart.bottom - float(top):.1f}"'
            ends = f'y1="{chart.y(cell["low"])}" y2="{chart.y(cell["high"])}"'
            chart.out.append(f'<rect {bar} fill="{colour}" fill-opacity="0.35"/>')
            chart.out.append(f'<line x1="{middle:.1f}" x2="{middle:.1f}" {ends} stroke="{colour}" stroke-width="2"/>')
            for seed in (r["success"][name] for r in result["rows"] if r["method"] == row["method"]):
                chart.out.append(f'<circle cx="{middle:.1f}" cy="{chart.y(seed)}" r="2.5" fill="{colour}"/>')
    for k, (row, colour) in enumerate(coloured(summary)):
        chart.text(EDGE + 130 * k, chart.height - 8, row["method"], f'style="fill:{colour}"')
    return chart.done()


def _names(result: dict[str, Any]) -> list[str]:
    """All families together, then each."""
    return [name for name in result["summary"][0] if name not in ("method", "seeds", "entropy")]

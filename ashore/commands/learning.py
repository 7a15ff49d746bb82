"""Commands that learn: what tasks there are, their settings, training, export."""

from __future__ import annotations

import argparse
from pathlib import Path

from ashore.commands import RUNS


def tasks(_options: argparse.Namespace) -> None:
    from ashore.task_list import list_tasks

    for task in list_tasks():
        print(f"{task.preset:20} {task.robot:12} {task.summary}")


def config(options: argparse.Namespace) -> None:
    from ashore.configs.loader import dump, load_run
    from ashore.sim.tasks import find

    run = load_run(options.preset, options.set)
    find(run.task.name, run.task.source).read_options(run.task)
    print(dump(run), end="")


def train(options: argparse.Namespace) -> int:
    from ashore.configs.loader import load_run
    from ashore.runs import POLICY_FILE, train_run

    folder = options.run or RUNS / Path(options.preset).stem
    source = folder if options.resume and (folder / "config.yaml").is_file() else options.preset
    outcome = train_run(load_run(source, options.set), folder, resume=options.resume)
    if outcome.interrupted:
        print(f"go on with: ashore train {options.preset} --run {folder} --resume")
        return 130
    policy = folder / POLICY_FILE
    where = f"policy in {policy}" if policy.is_file() else "nothing to export, as the task drives no robot"
    print(f"trained {outcome.steps:,} steps; {where}; try: ashore evaluate {folder}")
    return 0


def export(options: argparse.Namespace) -> None:
    from ashore.runs import POLICY_FILE, export_run

    path = options.out or options.run / POLICY_FILE
    contract = export_run(options.run, path)
    print(f"{path}: {contract.interface.task} for {contract.interface.robot}, checked against its golden vectors")

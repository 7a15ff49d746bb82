"""Commands that learn: what tasks there are, their settings, training, export."""

from __future__ import annotations

import argparse
from pathlib import Path


def tasks(_options: argparse.Namespace) -> None:
    from ashore.task_list import list_tasks

    for task in list_tasks():
        print(f"{task.preset:20} {task.robot:12} {task.summary}")


def config(options: argparse.Namespace) -> None:
    from ashore.configs.gymnasium_run import GymnasiumRunSettings
    from ashore.configs.loader import dump, load_any
    from ashore.sim.tasks import find

    run = load_any(options.preset, options.set)
    if isinstance(run, GymnasiumRunSettings):
        print(dump(run), end="")
        return
    task = find(run.task.name, run.task.source)
    task.read_options(run.task)
    print(dump(run.model_copy(update={"task": task.with_rewards(run.task)})), end="")


def train(options: argparse.Namespace) -> int:
    from ashore import api
    from ashore.seeds import is_set

    folder = options.run or api.run_folder(options.preset)
    if options.seeds or (options.resume and is_set(folder)):
        return _train_seeds(options, folder)
    try:
        run = api.train(options.preset, run_dir=folder, resume=options.resume, overrides=options.set)
    except KeyboardInterrupt as stop:
        if stop.args:  # after a checkpoint
            print(f"go on with: ashore train {options.preset} --run {folder} --resume")
        return 130
    where = f"policy in {run.policy}" if run.policy.is_file() else "nothing to export, as the task drives no robot"
    print(f"trained {run.outcome.steps if run.outcome else 0:,} steps; {where}; try: ashore evaluate {folder}")
    return 0


def _train_seeds(options: argparse.Namespace, folder: Path) -> int:
    """Train several seeds, or go on with all that a folder has; exit code 1 where one failed."""
    from ashore import api
    from ashore.run_sets import summary
    from ashore.seeds import RESULT, read_result

    seeds = options.seeds or [row["seed"] for row in read_result(folder)["seeds"]]
    try:
        runs = api.train(options.preset, seeds=seeds, run_dir=folder, resume=options.resume, overrides=options.set)
    except KeyboardInterrupt as stop:
        if stop.args:  # after checkpoints
            print(f"go on with: ashore train {options.preset} --run {folder} --resume")
        return 130
    print(summary(runs.result))
    print(f"written to {folder / RESULT}; try: ashore compare {folder}")
    return 1 if runs.failed else 0


def export(options: argparse.Namespace) -> None:
    from ashore import api

    exported = api.Run(options.run).export(options.out)
    print(f"{exported!r}, checked against its golden vectors")

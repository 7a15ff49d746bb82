"""Commands that learn: what tasks there are, their settings, training, export."""

from __future__ import annotations

import argparse


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

    folder = options.run or api.run_folder(options.preset)
    try:
        run = api.train(options.preset, run_dir=folder, resume=options.resume, overrides=options.set)
    except KeyboardInterrupt as stop:
        if stop.args:  # after a checkpoint
            print(f"go on with: ashore train {options.preset} --run {folder} --resume")
        return 130
    where = f"policy in {run.policy}" if run.policy.is_file() else "nothing to export, as the task drives no robot"
    print(f"trained {run.outcome.steps if run.outcome else 0:,} steps; {where}; try: ashore evaluate {folder}")
    return 0


def export(options: argparse.Namespace) -> None:
    from ashore import api

    exported = api.Run(options.run).export(options.out)
    print(f"{exported!r}, checked against its golden vectors")

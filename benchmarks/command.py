"""What `ashore bench` does with its options."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from ashore.configs.errors import UsageError


def run(options: argparse.Namespace, command: str, runs: Path) -> None:
    """Measure, and print a table, lines, or with `--json` one object. command: as the user typed it; runs: for trainings."""
    if options.set and options.what != "sim":
        raise UsageError(f"--set does not go with bench {options.what}; allowed: bench sim")
    tasks = options.tasks or ["arm_reach"]
    if options.faults and options.what != "node":
        raise UsageError(f"--faults does not go with bench {options.what}; allowed: bench node")
    if options.faults:
        from ashore.benchmarks.node_faults import bench_faults

        steps = options.steps or 10_000
        result = bench_faults(options.tasks, steps, options.seed, command, lambda text: print(text, file=sys.stderr))
    elif options.what == "node":
        from ashore.benchmarks.node import bench_node

        result = bench_node(options.policy)
    elif options.what == "train":
        result = _train(options, tasks[0], command)
    elif options.what == "update":
        from ashore.benchmarks.update import bench_update

        result = bench_update(tasks[0], options.algorithm, options.threads, command)
    elif options.what == "transfer":
        result = _transfer(options, command, runs)
    elif options.what == "twin":
        result = _twin(options, command, runs)
    elif options.what == "variance":
        result = _variance(options, command, runs)
    else:
        result = _sim(options, tasks, command)
    if options.json:
        print(json.dumps(result))
    elif options.faults:
        for row in result["results"]:
            _print(row)
    elif options.what in ("node", "train", "twin", "update"):
        _print(result)


def _print(result: dict[str, Any], indent: str = "") -> None:
    """A line a number, groups of them indented."""
    for name, value in result.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            _print(value, indent + "  ")
        else:
            print(f"{indent + name:32} {value}")


def _train(options: argparse.Namespace, task: str, command: str) -> dict[str, Any]:
    from ashore.benchmarks.beside import bench_beside
    from ashore.benchmarks.train import bench_train

    if options.peer is None:
        if options.algorithm:
            raise UsageError("--algorithm goes with --peer in bench train")
        return bench_train(task, options.seed)
    return bench_beside(
        task,
        options.peer,
        options.algorithm,
        seeds=list(range(options.seed, options.seed + (options.seeds or 1))),
        seconds=options.seconds,
        steps=options.steps,
        command=command,
        say=lambda text: print(text, file=sys.stderr),
    )


def _transfer(options: argparse.Namespace, command: str, runs: Path) -> dict[str, Any]:
    from ashore.benchmarks.transfer import METHODS, Size, table, transfer

    names = options.tasks or ["arm_push"]
    if len(names) > 1:
        raise UsageError(f"bench transfer of {names}; allowed: one task at a time")
    result = transfer(
        names[0],
        options.methods or METHODS,
        Size(seeds=options.seeds or 5, steps=options.steps or 2_000_000, episodes=options.episodes or 256),
        options.run or runs / f"transfer-{names[0]}",
        command=command,
        say=lambda text: print(text, file=sys.stderr),
    )
    print(table(result), file=sys.stderr if options.json else sys.stdout)
    return result


def _twin(options: argparse.Namespace, command: str, runs: Path) -> dict[str, Any]:
    from ashore.benchmarks.twin import bench_twin

    if options.policy is None:
        raise UsageError("bench twin drives a policy; allowed: --policy FILE.onnx")
    folder = options.run or runs / "bench-twin"
    return bench_twin(options.policy, options.episodes or 100, folder, options.seed, command)


def _variance(options: argparse.Namespace, command: str, runs: Path) -> dict[str, Any]:
    from ashore.benchmarks.variance import TASKS, bench_variance, table

    result = bench_variance(
        options.tasks or list(TASKS),
        options.seeds or 5,
        options.run or runs / "variance",
        command=command,
        say=lambda text: print(text, file=sys.stderr),
    )
    print(table(result), file=sys.stderr if options.json else sys.stdout)
    return result


def _sim(options: argparse.Namespace, tasks: list[str], command: str) -> dict[str, Any]:
    from ashore.benchmarks.suite import bench_all, table

    result = bench_all(
        tasks,
        options.num_envs,
        options.set,
        seconds=options.seconds,
        envpool=options.envpool,
        command=command,
    )
    console = Console(stderr=options.json)
    if not console.is_terminal:
        console.width = 160  # into a file, the whole table
    console.print(table(result["results"]))
    console.print(f"{result['machine']}; commit {result['commit']}; {result['command']}")
    return result

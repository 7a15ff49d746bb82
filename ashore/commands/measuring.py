"""Commands that measure: a policy's success, what it survives, and how fast everything is."""

from __future__ import annotations

import argparse
import json
import shlex

from ashore.commands import RUNS, command_line


def evaluate(options: argparse.Namespace) -> None:
    from ashore import api

    done = api.evaluate(options.policy, options.episodes, seed=options.seed, overrides=options.set)
    result = done.means | {"episodes": done.count, "interval": list(done.interval), "seed": done.seed}
    print(json.dumps(result) if options.json else done)


def sweep(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ashore import api
    from ashore.randomization.robustness.sweep import joint_lines, table

    try:
        swept = api.sweep(
            options.policies,
            options.over,
            options.episodes,
            points=options.points,
            plan=options.plan,
            seed=options.seed,
            out=options.out,
            overrides=options.set,
            command=command_line(),
        )
    except KeyboardInterrupt as stop:
        print(*stop.args)
        return 130
    for name, result in swept.results.items():
        if len(swept.results) > 1:
            print(f"policy {name}")
        print(*joint_lines(result), sep="\n", end="")
        if result.curves:
            Console().print(table(result))
    for pair in swept.pairs:
        print(pair)
    print(f"written to {swept.folder / 'results.json'} and {swept.report}")
    return 0


def gate(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ashore import api
    from ashore.verdicts import table

    try:
        judged = api.gate(options.policy, options.require, seed=options.seed, task=options.task, command=command_line())
    except KeyboardInterrupt:
        print("interrupted; no verdict was written")
        return 130
    Console().print(table(judged))
    if judged.without_margin:
        print(f"not varied in training, so without a margin: {', '.join(judged.without_margin)}")
    print(f"{judged.verdict.line()}; written to {judged.path}")
    return 0 if judged.passed else 1


def falsify(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ashore.configs.whole_file import require_writable
    from ashore.falsifying import Asked, default_path, table
    from ashore.falsifying import falsify as search
    from ashore.files import write_atomically
    from ashore.trained_policy import load_trained

    policy = load_trained(options.policy, options.set)
    path = options.out or default_path(policy, RUNS)
    require_writable(path)
    asked = Asked(options.budget, options.method, options.episodes, options.below, options.seed, command=command_line())
    done = search(policy, asked)
    if done.world is None:
        print(f"no failing world in {done.spent} episodes{' until the interruption' if done.interrupted else ''}")
    else:
        write_atomically(path, done.world.model_dump_json(indent=1) + "\n")
        Console().print(table(done.world))
        print(done.world.sentence())
        changes = [word for change in options.set for word in ("--set", change)]
        show = shlex.join(["ashore", "play", options.policy, *changes, "--world", str(path)])
        print(f"{done.spent} episodes; written to {path}; try: {show}")
    return 130 if done.interrupted else 0


def compare(options: argparse.Namespace) -> None:
    from ashore import api

    done = api.compare(options.runs, options.out)
    for section in done.sections:
        for entry in section.entries:
            print(f"{section.task}: {entry}")
    print(f"written to {done.page}")


def bench(options: argparse.Namespace) -> None:
    from ashore.benchmarks.command import run

    run(options, command_line(), RUNS)


def demo(options: argparse.Namespace) -> int:
    from ashore.benchmarks.demo import Size, run_demo

    return run_demo(options.run or RUNS / "demo", options.set, Size(twin=options.episodes), command_line())

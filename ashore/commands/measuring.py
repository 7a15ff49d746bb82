"""Commands that measure: a policy's success, what it survives, and how fast everything is."""

from __future__ import annotations

import argparse
import json

from ashore.commands import RUNS, command_line


def evaluate(options: argparse.Namespace) -> None:
    from ashore.environments import TEST_SEED
    from ashore.randomization.robustness.curve import clopper_pearson
    from ashore.trained_policy import load_trained, measure

    policy = load_trained(options.policy, options.set)
    done = measure(policy, options.episodes, seed=TEST_SEED + options.seed)
    low, high = clopper_pearson(int(done.success.sum()), options.episodes)
    result = done.summary() | {"episodes": options.episodes, "interval": [low, high], "seed": options.seed}
    if options.json:
        print(json.dumps(result))
        return
    print(f"success {done.success.mean():.3f} [{low:.3f}, {high:.3f}] over {options.episodes} episodes")
    for name, value in result.items():
        if isinstance(value, float) and name != "success":
            print(f"  {name:24} {value:.3f}")


def sweep(options: argparse.Namespace) -> int:
    from rich.console import Console

    from ashore.files import write_atomically
    from ashore.randomization.robustness import report
    from ashore.randomization.robustness.sweep import SweepResult, table
    from ashore.sweeps import Space, run_sweep, sweep_name, sweep_report
    from ashore.trained_policy import load_trained

    policy, command = load_trained(options.policy, options.set), command_line()
    out, console, finished = options.out or RUNS / sweep_name(policy), Console(), 0

    def save(result: SweepResult, trained: Space, declared: Space) -> None:
        nonlocal finished
        write_atomically(out / "results.json", result.to_json())
        finished = len(result.curves)
        report.write(out / "report.html", sweep_report(policy, result, trained, declared))

    try:
        result, *_ = run_sweep(
            policy, options.over, options.episodes, options.points, options.seed, command, save, console
        )
    except KeyboardInterrupt:
        kept = f"{out / 'results.json'} holds the {finished} finished" if finished else "none was finished"
        print(f"interrupted; of the parameters, {kept}")
        return 130
    console.print(table(result))
    print(f"written to {out / 'results.json'} and {out / 'report.html'}")
    return 0


def bench(options: argparse.Namespace) -> None:
    from ashore.benchmarks.command import run

    run(options, command_line(), RUNS)


def demo(options: argparse.Namespace) -> int:
    from ashore.benchmarks.demo import Size, run_demo

    return run_demo(options.run or RUNS / "demo", options.set, Size(twin=options.episodes), command_line())

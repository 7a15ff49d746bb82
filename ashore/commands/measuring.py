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


def sweep(options: argparse.Namespace) -> None:
    from rich.console import Console

    from ashore.files import write_atomically
    from ashore.randomization.robustness import report
    from ashore.randomization.robustness.sweep import table
    from ashore.sweeps import run_sweep
    from ashore.trained_policy import load_trained

    policy = load_trained(options.policy, options.set)
    out = options.out or RUNS / f"sweep-{policy.name}"
    result, dimensions, declared = run_sweep(
        policy, options.over, options.episodes, options.points, options.seed, command_line()
    )
    write_atomically(out / "results.json", result.to_json())
    page = report.Report(
        title=f"Robustness of {policy.name}",
        sweep=result,
        card=dimensions,
        declared=declared,
        training=policy.metrics,
        command=command_line(),
    )
    report.write(out / "report.html", page)
    Console().print(table(result))
    print(f"written to {out / 'results.json'} and {out / 'report.html'}")


def bench(options: argparse.Namespace) -> None:
    from ashore.benchmarks.command import run

    run(options, command_line(), RUNS)


def demo(options: argparse.Namespace) -> int:
    from ashore.benchmarks.demo import Size, run_demo

    return run_demo(options.run or RUNS / "demo", options.set, Size(twin=options.episodes), command_line())

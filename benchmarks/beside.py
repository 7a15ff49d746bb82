"""`ashore bench train --peer`: our training and a peer's, an iteration each by turns, in one process."""

from __future__ import annotations

import os
import statistics
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from ashore.benchmarks.peers.training import Evaluation, Ours, Time, Training, make_peer
from ashore.benchmarks.suite import machine
from ashore.configs.loader import load_run
from ashore.configs.malloc import keep_freed_memory
from ashore.configs.schema import RunSettings
from ashore.environments import TEST_SEED
from ashore.files import commit

SUCCESS = 0.95
EVALUATE_EVERY = 50_000  # control steps
WARM = 2  # first iterations, whose time does not count: allocation, the first episodes
MIN_TURNS = 5


def bench_beside(
    task: str,
    peer: str,
    algorithm: str | None,
    *,
    seeds: list[int],
    seconds: float,
    steps: int | None,
    command: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Speed from `seconds` of turns; with `steps`, also how soon each gets to 95 % success, in at most so many steps a seed.

    Ratios are ours to the peer's, the median over pairs of turns, so that load from outside meets both.
    """
    chosen = [f"train.algorithm={algorithm}"] if algorithm else []
    runs = [load_run(task, [*chosen, f"train.seed={seed}"]) for seed in seeds]
    keep_freed_memory()
    warnings.filterwarnings("ignore", module="stable_baselines3")
    result: dict[str, Any] = {"task": task, "peer": peer, "algorithm": runs[0].train.algorithm.kind, "seeds": seeds}
    result |= {"machine": machine(), "commit": commit(), "command": command, "load_average": os.getloadavg()[0]}
    makers: list[tuple[str, Callable[[RunSettings], Training]]] = [("ours", Ours), (peer, partial(make_peer, peer))]
    result["speed"] = speed(runs[0], peer, seconds)
    if steps is not None:
        result["to_success"] = [
            {"seed": seed, who: to_success(make(run), run, steps, lambda text: say(f"seed {seed}, {who}: {text}"))}  # noqa: B023
            for seed, run in zip(seeds, runs, strict=True)
            for who, make in makers
        ]
    return result | {"load_average_after": os.getloadavg()[0]}


def speed(run: RunSettings, peer: str, seconds: float) -> dict[str, Any]:
    """End to end and of the learning alone; rates are medians over turns."""
    trainings: list[Training] = [Ours(run), make_peer(peer, run)]
    for training in trainings:
        while training.updates == 0:  # a learner from a replay first fills it
            training.advance()
        for _ in range(WARM):
            training.advance()
    turns: list[list[dict[str, float]]] = [[], []]
    start = Time.now()
    while Time.now().since(start).wall < seconds or len(turns[0]) < MIN_TURNS:
        for rows, training in zip(turns, trainings, strict=True):
            rows.append(turn(training))
    names = [name for name in turns[0][0] if all(name in row for rows in turns for row in rows)]
    ratios = {name: statistics.median(a[name] / b[name] for a, b in zip(*turns, strict=True)) for name in names}
    rates = [{name: round(statistics.median(row[name] for row in rows), 1) for name in names} for rows in turns]
    return {
        "turns": len(turns[0]),
        "ours": trainings[0].about | rates[0],
        peer: trainings[1].about | rates[1],
        "ratio": {name: round(ratio, 2) for name, ratio in ratios.items()},
    }


def turn(training: Training) -> dict[str, float]:
    """Rates of one iteration by the clock and, `_cpu`, by the process's time on all cores."""
    steps, updates, learning, start = training.steps, training.updates, training.learning.total, Time.now()
    training.advance()
    took, learned = Time.now().since(start), training.learning.total.since(learning)
    steps, updates = training.steps - steps, training.updates - updates
    return {
        "steps_per_second": steps / took.wall,
        "steps_per_second_cpu": steps / took.cpu,
        "learning_steps_per_second": steps / learned.wall,
        "learning_steps_per_second_cpu": steps / learned.cpu,
        "updates_per_second": updates / learned.wall,
        "updates_per_second_cpu": updates / learned.cpu,
    }


def to_success(training: Training, run: RunSettings, steps: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Train until an evaluation of the best actions reaches the goal; seconds are without the evaluations."""
    evaluate = Evaluation(run, TEST_SEED + run.train.seed)
    wall = cpu = 0.0
    curve: list[dict[str, float]] = []
    while training.steps < steps and not (curve and curve[-1]["success"] >= SUCCESS):
        due = training.steps // EVALUATE_EVERY
        while training.steps // EVALUATE_EVERY == due:
            start = Time.now()
            training.advance()
            took = Time.now().since(start)
            wall, cpu = wall + took.wall, cpu + took.cpu
        row = evaluate(training)
        curve.append({"steps": training.steps, "seconds": wall, "cpu_seconds": cpu})
        curve[-1] |= {name: row[name] for name in ("success", "return")}
        say(", ".join(f"{name} {value:.6g}" for name, value in curve[-1].items()))
    reached = curve[-1] if curve[-1]["success"] >= SUCCESS else None
    return {
        "steps_to_success": reached and reached["steps"],
        "seconds_to_success": reached and reached["seconds"],
        "curve": curve,
    }

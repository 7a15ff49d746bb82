"""What behaviour cloning keeps of a trained policy, and what it saves: `python -m ashore.benchmarks.clone`.

A teacher is trained from scratch, 64 of its episodes are cloned, and training goes on from the clone until 90 % success.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

import ashore
from ashore.benchmarks.suite import machine
from ashore.files import commit, write_atomically

GOAL = 0.9


def main() -> None:
    options = parse()
    teacher, clone, after = (options.runs / name for name in ("teacher", "clone", "after"))
    if not (teacher / "config.yaml").is_file():
        ashore.train(options.task, run_dir=teacher, seed=options.seed)
    if not (clone / "config.yaml").is_file():
        ashore.clone(teacher, run_dir=clone, episodes=options.episodes, seed=options.seed)
    if not (after / "config.yaml").is_file():
        ashore.train(
            options.task,
            run_dir=after,
            start_from=str(clone),
            total_steps=options.steps,
            eval_every=options.steps // 5,
            seed=options.seed,
            algorithm={
                "learning_rate": 1e-5
            },  # a fresh optimizer's first steps at the usual rate undo a policy this precise
        )
    scratch, cloned = ashore.open_run(teacher), ashore.open_run(clone)
    of_teacher, of_clone = (run.evaluate(256, seed=1) for run in (scratch, cloned))
    losses = cloned.metrics["train/held_out_loss"]
    result: dict[str, Any] = {
        "commit": commit(),
        "machine": machine(),
        "command": shlex.join(["python", "-m", "ashore.benchmarks.clone", *sys.argv[1:]]),
        "task": options.task,
        "seed": options.seed,
        "teacher": {"steps": int(scratch.metrics["steps"][-1]), "success": round(of_teacher.success, 4)},
        "clone": {
            "episodes": options.episodes,
            "control_steps": int(cloned.metrics["steps"][-1]),
            "epochs": len(losses),
            "held_out_mean_squared_error": round(float(losses.min()), 6),
            "success": round(of_clone.success, 4),
            "interval": [round(x, 4) for x in of_clone.interval],
        },
        "of_the_teachers_success": round(of_clone.success / of_teacher.success, 4),
        "evaluations_from_scratch": evaluations(scratch),
        "evaluations_from_the_clone": evaluations(ashore.open_run(after)),
    }
    for name in ("from_scratch", "from_the_clone"):
        reached = [steps for steps, success in result[f"evaluations_{name}"] if success >= GOAL]
        result[f"steps_to_{GOAL:.0%}_{name}".replace("%", "_percent")] = reached[0] if reached else None
    text = json.dumps(result, indent=1) + "\n"
    print(text, end="")
    if options.out is not None:
        write_atomically(options.out, text)


def evaluations(run: ashore.Run) -> list[tuple[int, float]]:
    """Steps and success of each evaluation while it trained."""
    steps, success = run.metrics["steps"], run.metrics["eval/success"]
    return [(int(a), round(float(b), 4)) for a, b in zip(steps, success, strict=True) if not np.isnan(b)]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--task", default="arm_reach")
    parser.add_argument("--episodes", type=int, default=64, help="that are cloned")
    parser.add_argument("--steps", type=int, default=60_000, help="of training from the clone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/bench_clone"))
    parser.add_argument("--out", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""`ashore bench train`: a whole training, physics and learning, by the clock."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from ashore.configs.loader import load_run
from ashore.runs import train_run

SUCCESS = 0.95


def bench_train(task: str, seed: int) -> dict[str, Any]:
    """Train the task's preset until an evaluation reaches 95 %, in a folder that is thrown away.

    `steps_per_second` is over collecting and learning; `seconds_to_success` counts these, not the evaluations.
    """
    run = load_run(task, [f"train.seed={seed}", f"train.stop_at_success={SUCCESS}", "train.eval_every=50000"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        outcome = train_run(run, path, resume=False)
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    learning = [row for row in rows if "eval/success" not in row]
    steps = run.train.num_envs * run.train.algorithm.rollout_steps
    seconds = [steps / row["time/steps_per_second"] for row in learning]
    rate = steps * len(learning) / sum(seconds)
    success = (outcome.evaluation or {}).get("success", 0.0)
    return {
        "task": task,
        "seed": seed,
        "steps": outcome.steps,
        "steps_per_second": round(rate),
        "seconds_to_success": round(outcome.steps / rate, 1) if success >= SUCCESS else None,
        "success": success,
    }

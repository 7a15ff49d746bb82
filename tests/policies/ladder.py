"""How each algorithm learns the double integrator, by forces and by choices, and what it must reach there.

`python -m tests.policies.ladder [TASK_ALGORITHM ...]` trains all of them with three seeds each, and the presets
`cartpole_swingup_ALGORITHM` with their own settings: benchmarks/results/ladder.json.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from ashore.configs.loader import load_run
from ashore.configs.schema import TrainSettings
from ashore.files import commit, write_atomically
from ashore.policies.trainer import train
from ashore.runs import train_run
from tests.policies.choices import Choices
from tests.policies.double_integrator import EPISODE_STEPS, DoubleIntegrator

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "ladder.json"
NETWORKS = {"actor_hidden": [32, 32], "critic_hidden": [32, 32], "discount": 0.95}
ALGORITHMS: dict[str, dict[str, Any]] = {
    "reinforce": {"rollout_steps": 40, "learning_rate": 0.01, "critic_learning_rate": 0.003, "minibatch_size": 640},
    "actor_critic": {"rollout_steps": 16, "learning_rate": 0.001, "critic_learning_rate": 0.01},
    "a2c": {"rollout_steps": 8, "learning_rate": 0.003},
    "off_policy_ac": {"rollout_steps": 8, "learning_rate": 0.003},
    "trpo": {"rollout_steps": 16, "learning_rate": 0.003, "minibatch_size": 400, "max_kl": 0.03},
    "ppo_penalty": {"rollout_steps": 16, "learning_rate": 0.003, "minibatch_size": 400},
}
TASKS = {"force": DoubleIntegrator, "choices": Choices}
STEPS = 80 * 16 * 64
GOAL = 30.0  # of a return of at most 40; without any force, a world gets 16.7 on average
SEEDS = (0, 1, 2)
# The presets that are trained whole, and the success that each of their seeds must have in the end.
PRESETS = {"cartpole_swingup_ppo_penalty": 0.7, "cartpole_swingup_trpo": 0.7}


def settings(kind: str, seed: int = 3, total_steps: int = STEPS, **changed: Any) -> TrainSettings:
    algorithm = {"kind": kind} | NETWORKS | ALGORITHMS[kind] | changed
    return TrainSettings.model_validate(
        {
            "total_steps": total_steps,
            "num_envs": 64,
            "seed": seed,
            "torch_threads": 1,
            "eval_every": total_steps,
            "checkpoint_every": total_steps,
            "algorithm": algorithm,
        }
    )


def evaluation(task: type[DoubleIntegrator]) -> Callable[[Callable[[Tensor], Tensor]], dict[str, float]]:
    def evaluate(act: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """One episode in each of 64 worlds."""
        env = task(64)
        seen, total, over = env.reset(7), torch.zeros(64), torch.zeros(64, dtype=torch.bool)
        for _ in range(EPISODE_STEPS):
            seen, reward, terminated, _, _ = env.step(act(seen["actor"]))
            total += reward * ~over
            over |= terminated
        return {"return": float(total.mean()), "success": 0.0}

    return evaluate


def learn(task: str, kind: str, seed: int, folder: Path, total_steps: int = STEPS) -> float:
    """The return of the policy in the end."""
    env, evaluate = TASKS[task](64), evaluation(TASKS[task])
    quiet = Console(quiet=True)
    outcome = train(settings(kind, seed, total_steps), env, folder, evaluate=evaluate, console=quiet)
    assert outcome.evaluation is not None
    return outcome.evaluation["return"]


def _row(name: str, seed: int) -> dict[str, Any]:
    began, load = time.monotonic(), round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "run"
        if name in PRESETS:
            task, kind = "cartpole_swingup", name.removeprefix("cartpole_swingup_")
            run = load_run(task, [f"train.algorithm={kind}", f"train.seed={seed}"])
            evaluated = train_run(run, folder, resume=False, console=Console(quiet=True)).evaluation or {}
            steps, score = run.train.total_steps, {"success": evaluated["success"], "return": evaluated["return"]}
            goal = {"success": PRESETS[name]}
        else:
            task, kind = name.split("_", 1)
            steps, score, goal = STEPS, {"return": learn(task, kind, seed, folder)}, {"return": GOAL}
    reached = all(score[x] >= least for x, least in goal.items())
    row = {"task": task, "algorithm": kind, "seed": seed, "steps": steps, "goal": goal, "reached": reached}
    about = {"seconds": round(time.monotonic() - began), "load": load, "commit": commit()}
    return row | {k: round(x, 3) for k, x in score.items()} | about


def table(rows: list[dict[str, Any]]) -> str:
    """What the three seeds of each came to, in Markdown."""
    lines = ["| algorithm | force, return | choices, return | cartpole_swingup, success |", "|---|---|---|---|"]
    for kind in ALGORITHMS:
        cells = [f"`{kind}`"]
        for task, score, form in (
            ("force", "return", ".1f"),
            ("choices", "return", ".1f"),
            ("cartpole_swingup", "success", ".0%"),
        ):
            mine = [row for row in rows if (row["task"], row["algorithm"]) == (task, kind)]
            cells.append(", ".join(format(row[score], form) for row in mine))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(names: list[str]) -> None:
    """Rows that are there and are not named stay."""
    whole = [f"{task}_{kind}" for task in TASKS for kind in ALGORITHMS] + list(PRESETS)
    kept = json.loads(RESULT.read_text())["rows"] if RESULT.is_file() and names else []
    for name in names or whole:
        fresh = [_row(name, seed) for seed in SEEDS]
        key = ("task", "algorithm")
        kept = [row for row in kept if any(row[k] != fresh[0][k] for k in key)] + fresh
        command = "python -m tests.policies.ladder"
        result = {"command": command, "cores": os.cpu_count(), "rows": kept}
        write_atomically(RESULT, json.dumps(result, indent=1) + "\n")
        for row in fresh:
            print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

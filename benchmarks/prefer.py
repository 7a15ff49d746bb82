"""How much of what a reward gives can be had from comparisons alone: `python -m ashore.benchmarks.prefer`.

A base policy is trained until it does now and then what the reward asks for: what no clip shows, no answer can tell. From it,
one training sees the reward; another sees only which of two clips a judge prefers who sums that reward over each. Both take the
same number of steps, and are measured by the reward.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import ashore
from ashore.benchmarks.suite import machine
from ashore.files import commit, write_atomically
from ashore.policies.checkpoint import latest

EVERY, EPISODES = 4096, 32  # control steps between the base's evaluations: it soon goes from now and then to always


def main() -> None:
    options = parse()
    given: dict[str, Any] = {"pairs": options.pairs, "rounds": options.rounds, "steps": options.steps // options.rounds}
    given |= {"clip_seconds": options.clip_seconds, "reward_model": {"batch_size": 64}}
    result: dict[str, Any] = {
        "commit": commit(),
        "machine": machine(),
        "command": shlex.join(["python", "-m", "ashore.benchmarks.prefer", *sys.argv[1:]]),
        "task": options.task,
        "hidden_reward": "the task's own, summed over each clip",
        "settings": given,
        "base_success": options.base_success,
        "answers": options.pairs * options.rounds,
        "seeds": [],
    }
    for seed in options.seeds:
        result["seeds"].append(recovered(options, given | {"seed": seed}, options.runs / str(seed)))
        text = json.dumps(result, indent=1) + "\n"
        if options.out is not None:
            write_atomically(options.out, text)
    print(text, end="")


def recovered(options: argparse.Namespace, given: dict[str, Any], runs: Path) -> dict[str, Any]:
    """Of one seed: the three policies by the reward, and the share of its gain that comparisons give."""
    seed, folders = given["seed"], {name: runs / name for name in ("base", "direct", "preferred")}
    start = str(folders["base"])
    until = {"total_steps": options.steps, "eval_every": EVERY, "eval_episodes": EPISODES}
    train(options.task, folders["base"], seed=seed, stop_at_success=options.base_success, **until)
    train(options.task, folders["direct"], total_steps=options.steps, seed=seed, start_from=start)
    resume = (folders["preferred"] / "config.yaml").is_file()
    ashore.prefer(start, run_dir=folders["preferred"], judge="reward", resume=resume, **given)
    rows = {name: row(folder, options.episodes) for name, folder in folders.items()}
    base, direct, preferred = (rows[name]["return"] for name in folders)
    metrics = ashore.open_run(folders["preferred"]).metrics
    accuracy = metrics["preferences/accuracy"]
    return {
        "seed": seed,
        "held_out_accuracy": [round(float(x), 3) for x in accuracy[accuracy == accuracy]],
        "kl_nats_a_step": round(float(metrics["preferences/kl"][-1]), 3),
        "policies": rows,
        "recovered_return": round(preferred / direct, 3),
        "recovered_gain": round((preferred - base) / (direct - base), 3),
    }


def train(task: str, folder: Path, **settings: Any) -> None:
    """A training, unless the folder has it."""
    if not (folder / "policy.onnx").is_file():
        ashore.train(task, run_dir=folder, resume=(folder / "config.yaml").is_file(), torch_threads=1, **settings)


def row(folder: Path, episodes: int) -> dict[str, float]:
    """What a policy is worth, by the reward."""
    done = ashore.evaluate(folder, episodes, seed=1)
    steps = int((latest(folder / "checkpoints") or Path("0")).name)
    return {"steps": steps, "return": round(done.means["return"], 2), "success": round(done.success, 3)}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--task", default="cartpole_swingup")
    parser.add_argument("--base-success", type=float, default=0.25, help="the base is trained until then")
    parser.add_argument("--steps", type=int, default=320_000, help="of each training from the base")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=200, help="a round")
    parser.add_argument("--clip-seconds", type=float, default=0.5)
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/bench_prefer"))
    parser.add_argument("--out", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()

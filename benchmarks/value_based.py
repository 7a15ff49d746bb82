"""`python -m ashore.benchmarks.value_based`: does each learner reach a stated score, in three of three seeds?"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from ashore.benchmarks.suite import machine
from ashore.configs.gymnasium_run import GymnasiumRunSettings
from ashore.configs.loader import load_any
from ashore.files import commit, write_atomically
from ashore.gymnasium_runs import evaluate_gymnasium, open_trained, train_gymnasium

RESULTS = Path("benchmarks/results/value_based.json")
SEEDS = (0, 1, 2)
EPISODES = 200


class Case(NamedTuple):
    """A learner, a task, how long, and the mean of a term over episodes that it must reach."""

    algorithm: str
    environment: str
    term: str
    score: float
    settings: tuple[str, ...]


CASES = (
    Case("ppo", "CartPole-v1", "return", 475, ("total_steps=60_000", "eval_every=10_000", "stop_at_success=1.0")),
    Case("dqn", "CartPole-v1", "return", 475, ("stop_at_success=1.0",)),
    Case("fitted_q", "CartPole-v1", "return", 475, ("total_steps=8_000",)),
    Case("linear_q", "MountainCar-v0", "return", -140, ()),
    Case("q_learning", "FrozenLake-v1", "success", 0.65, ()),
    Case("sarsa", "CliffWalking-v1", "return", -17, ("total_steps=60_000", "epsilon_steps=20_000", "discount=1.0")),
    Case("gradient_bandit", "ashore.policies.tabular.bandit:Bandit-v0", "success", 0.95, ("total_steps=4_000",)),
)


def measure(case: Case, seed: int) -> dict[str, Any]:
    """Train once, in a folder that is thrown away; what the last policy reaches in episodes that no training had."""
    algorithm = {"epsilon_steps", "discount"}
    settings = [f"algorithm.{s}" if s.partition("=")[0] in algorithm else s for s in case.settings]
    run = load_any(f"gymnasium:{case.environment}", [f"train.algorithm={case.algorithm}", f"seed={seed}", *settings])
    assert isinstance(run, GymnasiumRunSettings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        outcome = train_gymnasium(run, path, resume=False, console=Console(quiet=True))
        means = evaluate_gymnasium(open_trained(path, run), EPISODES, seed).means
    return {"seed": seed, "steps": outcome.steps, case.term: round(means[case.term], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="one algorithm, whose rows replace those in the file")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    kept = json.loads(options.out.read_text())["rows"] if options.only and options.out.exists() else []
    for case in CASES:
        if options.only not in (None, case.algorithm):
            continue
        seeds = [measure(case, seed) for seed in options.seeds]
        reached = sum(row[case.term] >= case.score for row in seeds)
        row = case._asdict() | {
            "settings": list(case.settings),
            "reached": f"{reached} of {len(seeds)}",
            "seeds": seeds,
        }
        kept = [other for other in kept if other["algorithm"] != case.algorithm] + [row]
        print(f"{case.algorithm:16} {case.environment:20} {case.term} >= {case.score:g}: {row['reached']}", flush=True)
        result = {"command": "python -m ashore.benchmarks.value_based", "commit": commit(), "machine": machine()}
        write_atomically(options.out, json.dumps(result | {"rows": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A run by each of the ladder's algorithms, from the command's settings to the exported policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from ashore.configs.loader import load_run
from ashore.deploy_ros.bundle import load_policy
from ashore.runs import POLICY_FILE, train_run

SMALL = ["num_envs=8", "total_steps=512", "eval_episodes=2", "torch_threads=1", "task.episode_seconds=0.5"]
LADDER = ("reinforce", "actor_critic", "a2c", "off_policy_ac", "trpo", "ppo_penalty")


@pytest.mark.parametrize("kind", LADDER)
def test_a_run_ends_in_an_exported_policy(kind: str, tmp_path: Path) -> None:
    run = load_run("cartpole_swingup", [f"train.algorithm={kind}", *SMALL])
    assert run.train.algorithm.kind == kind
    train_run(run, tmp_path / "run", resume=False, console=Console(quiet=True))
    contract = load_policy(tmp_path / "run" / POLICY_FILE).contract
    assert contract.settings["train"]["algorithm"]["kind"] == kind


def test_a_critic_of_another_kind_begins_anew_where_a_run_starts_from_another(tmp_path: Path) -> None:
    first = load_run("cartpole_swingup", ["train.algorithm=a2c", *SMALL])
    train_run(first, tmp_path / "first", resume=False, console=Console(quiet=True))
    for kind in ("ppo_penalty", "actor_critic"):
        run = load_run(
            "cartpole_swingup", [f"train.algorithm={kind}", f"train.start_from={tmp_path / 'first'}", *SMALL]
        )
        outcome = train_run(run, tmp_path / kind, resume=False, console=Console(quiet=True))
        assert outcome.steps >= 512

"""`ashore record` and `ashore clone`: files and runs, from the command line and in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import ashore
from ashore.cli import main
from ashore.cloning import record_episodes
from ashore.configs.errors import UsageError
from ashore.environments import make_env
from ashore.policies.checkpoint import latest, load
from ashore.policies.recording import load as load_recording
from ashore.trained_policy import load_trained

SMALL: dict[str, Any] = {
    "total_steps": 512,
    "num_envs": 16,
    "eval_every": 512,
    "eval_episodes": 4,
    "torch_threads": 1,
    "algorithm": {"rollout_steps": 16, "minibatch_size": 128, "actor_hidden": [16], "critic_hidden": [16]},
    "task": {"episode_seconds": 0.6},
}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ashore.train("cartpole_swingup", run_dir=tmp_path_factory.mktemp("c") / "t", quiet=True, **SMALL).folder


def test_a_recording_holds_the_policys_own_episodes(teacher: Path) -> None:
    policy = load_trained(str(teacher))
    recorded = record_episodes(policy, 5)
    assert recorded.num_episodes == 5 and len(recorded.began) == 5 * 30
    assert recorded.began.nonzero().squeeze(1).tolist() == [0, 30, 60, 90, 120]
    assert recorded.header.signals[:2] == (("joint_position", 1), ("joint_velocity", 1))
    mean = load(latest(teacher / "checkpoints") or Path())["learner"]["modules"]["actor"]["mean.0.weight"]
    assert mean.shape[1] == recorded.actor.shape[1]
    act = policy.act_in(make_env(policy.run.task, 150))
    assert torch.allclose(act({"actor": recorded.actor}).clip(-1, 1), recorded.action, atol=1e-5)


def test_a_clone_is_a_run_that_is_evaluated_exported_and_gone_on_from(teacher: Path, tmp_path: Path) -> None:
    file, clone = tmp_path / "e.safetensors", tmp_path / "clone"
    assert main(["record", str(teacher), "--episodes", "6", "-o", str(file)]) == 0
    assert main(["clone", str(file), "--run", str(clone)]) == 0
    assert (clone / "policy.onnx").is_file()
    run = ashore.open_run(clone)
    assert run.metrics["train/held_out_loss"][-1] < run.metrics["train/held_out_loss"][0]
    assert run.evaluate(4, quiet=True).count == 4
    after = ashore.train("cartpole_swingup", run_dir=tmp_path / "on", start_from=str(clone), quiet=True, **SMALL)
    assert after.settings.train.start_from is not None
    assert main(["clone", str(file), "--run", str(clone)]) == 2, "the folder is taken"
    assert main(["train", "cartpole_swingup", "--run", str(clone), "--resume"]) == 2, "no environment was saved"


def test_a_clone_of_a_run_keeps_the_episodes(teacher: Path, tmp_path: Path) -> None:
    run = ashore.clone(teacher, run_dir=tmp_path / "c", episodes=4, algorithm={"actor_hidden": [8]})
    assert load_recording(run.folder / "episodes.safetensors").num_episodes == 4
    assert getattr(run.settings.train.algorithm, "actor_hidden", None) == (8,)


def test_what_cannot_be_cloned_is_said(teacher: Path, tmp_path: Path) -> None:
    exported = teacher / "policy.onnx"
    with pytest.raises(UsageError, match="joint targets"):
        ashore.record(exported, tmp_path / "x")
    with pytest.raises(ashore.AshoreError, match="no recording"):
        ashore.clone(exported, run_dir=tmp_path / "c")
    with pytest.raises(UsageError, match=r"episodes have signals|episodes have control_dt"):
        ashore.clone(teacher, run_dir=tmp_path / "c", task={"control_dt": 0.01}, episodes=4)
    assert not (tmp_path / "c").exists()

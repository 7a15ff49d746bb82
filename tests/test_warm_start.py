"""`--from RUN`: networks of another run, everything else fresh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ashore.cli import main
from ashore.configs.algorithms import PPOSettings
from ashore.configs.loader import load_run
from ashore.environments import make_env
from ashore.policies.algorithms import make_learner
from ashore.policies.checkpoint import CheckpointError, complete, latest, load
from ashore.policies.on_policy.ppo import PPO
from ashore.policies.warm_start import Start, load_start

SMALL = "num_envs=16 total_steps=1024 eval_episodes=4 eval_every=512 checkpoint_every=512 torch_threads=1"
SMALL += " algorithm.rollout_steps=16 algorithm.minibatch_size=128"


def train(folder: Path, *words: str, preset: str = "arm_reach") -> int:
    settings = [word for setting in SMALL.split() for word in ("--set", setting)]
    return main(["train", preset, "--run", str(folder), *settings, *words])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "source"
    assert train(folder) == 0
    return folder


def newest(folder: Path) -> Path:
    found = latest(folder / "checkpoints")
    assert found is not None
    return found


def test_networks_and_statistics_are_taken_and_the_rest_is_fresh(source: Path) -> None:
    run, saved = load_run(source), load(newest(source))
    env = make_env(run.task, 16)
    algorithm = run.train.algorithm
    assert isinstance(algorithm, PPOSettings)
    learner = PPO(algorithm, env, seed=5)
    load_start(Start(newest(source)), learner.modules())
    for name, module in learner.modules().items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, saved["learner"]["modules"][name][key])
    assert learner.steps == 0 and not learner.optimizer.state_dict()["state"]
    assert learner.learning_rate == algorithm.learning_rate


def test_the_run_records_the_checkpoint_and_its_steps_begin_at_zero(source: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "next", "--from", str(source)) == 0
    assert load_run(tmp_path / "next").train.start_from == str(newest(source))
    assert load(newest(tmp_path / "next"))["steps"] == 1024
    assert train(tmp_path / "plain") == 0
    mean = [load(newest(f))["learner"]["modules"]["actor_normalizer"]["count"] for f in (tmp_path / "next", source)]
    assert mean[0] > mean[1], "the statistics go on from the source's"
    assert train(tmp_path / "again", "--from", str(newest(source))) == 0, "a checkpoint may be named itself"


def test_a_resumed_run_that_started_from_another_ends_in_the_same_bits(source: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "whole", "--from", str(source)) == 0
    assert train(tmp_path / "parts", "--from", str(source), "--set", "total_steps=512") == 0
    assert main(["train", "arm_reach", "--run", str(tmp_path / "parts"), "--resume", "--set", "total_steps=1024"]) == 0
    whole, parts = (load(newest(tmp_path / name))["learner"]["modules"] for name in ("whole", "parts"))
    for module, tensors in whole.items():
        for name, value in tensors.items():
            assert np.array_equal(value, parts[module][name]), (module, name)


def test_with_other_randomization_the_critic_begins_anew_and_the_actor_does_not(source: Path, tmp_path: Path) -> None:
    assert train(tmp_path / "calm", "--from", str(source), "--set", "task.randomization={}") == 0


@pytest.mark.parametrize(
    ("preset", "words", "said"),
    [
        ("arm_push", [], "signals were joint_position [7], "),
        (
            "arm_reach",
            ["--set", "algorithm.actor_hidden=[8]"],
            "train.algorithm.actor_hidden were (256, 128) there, are (8,) here",
        ),
        (
            "arm_reach",
            ["--set", "algorithm.activation=tanh"],
            "train.algorithm.activation were 'elu' there, are 'tanh' here",
        ),
        ("arm_reach", ["--set", "task.action=position"], "task.action were 'velocity' there, are 'position' here"),
    ],
)
def test_a_policy_that_would_mean_something_else_is_refused_and_leaves_nothing(
    preset: str, words: list[str], said: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "next", "--from", str(source), *words, preset=preset) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "next").exists()


def test_a_start_without_a_checkpoint_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "next", "--from", str(tmp_path)) == 2
    assert "holds no checkpoint; allowed: a run's folder" in capsys.readouterr().err


def test_a_tensor_that_does_not_fit_is_named_with_both_shapes(source: Path) -> None:
    run = load_run(source, ["algorithm.actor_hidden=[256, 64]"])
    learner = make_learner(run.train.algorithm, make_env(run.task, 2), seed=0)
    before = {name: value.clone() for name, value in learner.modules()["actor"].state_dict().items()}
    with pytest.raises(CheckpointError, match=r"actor\.mean\.2\.weight is \[128, 256\] there, \[64, 256\] here"):
        load_start(Start(complete(source / "checkpoints")[-1]), learner.modules())
    assert all(torch.equal(value, before[name]) for name, value in learner.modules()["actor"].state_dict().items())

"""Failing worlds through the front door: found, written, shown, and trained on."""

from __future__ import annotations

import io
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from ashore.cli import main
from ashore.configs.failing_world import read_failing_world, read_world
from ashore.configs.loader import ConfigError, load_run
from ashore.environments import TEST_SEED
from ashore.falsifying import table
from ashore.policies.checkpoint import latest, load
from ashore.runs import POLICY_FILE
from ashore.showing import env_of, shown_world
from ashore.trained_policy import load_trained
from tests.untrained import export_untrained

SHORT = ["task.episode_seconds=0.2", "task.options.hold_seconds=0.1"]
TRAIN = "num_envs=16 total_steps=1024 eval_episodes=4 eval_every=1024 checkpoint_every=512 torch_threads=1"
TRAIN += " algorithm.rollout_steps=16 algorithm.minibatch_size=128"


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It has learned nothing, and fails everywhere."""
    path = tmp_path_factory.mktemp("policies") / "reacher" / POLICY_FILE
    export_untrained(load_run("arm_reach", SHORT), path)
    return path


@pytest.fixture(scope="module")
def failing_file(policy_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("worlds") / "failing.json"
    assert main(["falsify", str(policy_file), "--budget", "300", "-o", str(out)]) == 0
    return out


def train(folder: Path, *words: str) -> int:
    settings = [word for setting in TRAIN.split() for word in ("--set", setting)]
    return main(["train", "cartpole_swingup", "--run", str(folder), *settings, *words])


def newest(folder: Path) -> Path:
    found = latest(folder / "checkpoints")
    assert found is not None
    return found


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    modules = load(newest(folder))["learner"]["modules"]
    return {f"{m}.{k}": v for m, module in modules.items() for k, v in module.items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_policy_that_fails_at_nominal_is_said_to(policy_file: Path, failing_file: Path, capsys: object) -> None:
    world = read_failing_world(failing_file)
    assert world is not None and world.task == "arm_reach" and world.distance == 0 and not world.moved
    assert world.policy_sha256 == load_trained(str(policy_file)).sha256
    assert world.failures == world.episodes == 64 and "every parameter is nominal" in world.sentence()


def test_what_it_says_to_try_can_be_typed_and_a_long_command_loses_no_world(
    policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ashore", "falsify", "x" * 5000])
    out, change = tmp_path / "my worlds" / "failing.json", ["--set", "task.randomization.center_x=catalogue"]
    assert main(["falsify", str(policy_file), "--budget", "64", *change, "-o", str(out)]) == 0
    said = shlex.split(capsys.readouterr().out.rpartition("try: ")[2])
    assert said == ["ashore", "play", str(policy_file), *change, "--world", str(out)]
    world = read_failing_world(out)
    assert world is not None and "center_x" in [p.name for p in world.parameters] and len(world.command) == 4000


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_played(
    policy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ashore.falsifying.falsify", lambda *_: pytest.fail("played"))
    assert main(["falsify", str(policy_file), "-o", str(tmp_path)]) == 2
    assert f"{tmp_path} cannot be written: Is a directory" in capsys.readouterr().err


def test_play_shows_the_world_and_the_episode_that_failed(policy_file: Path, failing_file: Path) -> None:
    policy = load_trained(str(policy_file))
    world = read_failing_world(failing_file)
    assert world is not None
    shown = shown_world(failing_file, policy)
    assert (shown.seed, shown.number) == (world.seed, world.number)
    env = env_of(policy, shown, TEST_SEED)
    env.reset(shown.seed)
    assert env.randomizer is not None
    np.testing.assert_array_equal(env.randomizer.lambdas[0].numpy(), [p.value for p in world.parameters])
    assert env.numbers.tolist() == [world.number]


def test_the_table_names_parameters_whole_brackets_and_all(failing_file: Path) -> None:
    world = read_failing_world(failing_file)
    assert world is not None
    first = world.parameters[0].model_copy(update={"name": "puck_bias[puck_position.0]", "value": 9.0})
    console = Console(file=io.StringIO(), width=120)
    console.print(table(world.model_copy(update={"parameters": (first,)})))
    assert isinstance(console.file, io.StringIO) and "puck_bias[puck_position.0]" in console.file.getvalue()


@pytest.mark.slow
def test_play_writes_a_video_of_a_world(policy_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = tmp_path / "world.json"
    world.write_text('{"payload": 2.0}')
    out = tmp_path / "x.gif"
    words = ["play", str(policy_file), "--world", str(world), "-o", str(out), "--episodes", "1"]
    assert main(words) == 0
    assert out.read_bytes()[:4] == b"GIF8"
    world.write_text('{"weight": 2.0}')
    assert main(words) == 2
    assert "'weight' is no parameter here; there is [" in capsys.readouterr().err


def test_a_world_of_another_task_is_refused(
    policy_file: Path, failing_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    other.write_text(failing_file.read_text().replace('"task": "arm_reach"', '"task": "arm_push"'))
    assert main(["play", str(policy_file), "--world", str(other), "-o", str(tmp_path / "x.gif")]) == 2
    assert "is of task arm_push; allowed for this policy: a world of arm_reach" in capsys.readouterr().err
    other.write_text(failing_file.read_text().replace('"robot": "panda"', '"robot": "ur5e"'))
    assert main(["twin", str(policy_file), "--world", str(other)]) == 2
    assert "is of robot ur5e; allowed for this policy: a world of panda" in capsys.readouterr().err


def test_a_run_carries_its_worlds_and_resumes_to_the_same_bits(tmp_path: Path) -> None:
    world = tmp_path / "world.json"
    world.write_text('{"pole_mass": 1.3}')
    replay = ["--set", f"train.replay_failures={world}", "--set", "train.replay_share=0.25"]
    assert train(tmp_path / "whole", *replay) == 0
    assert train(tmp_path / "parts", *replay, "--set", "train.total_steps=512") == 0
    world.unlink()
    assert (
        main(["train", "cartpole_swingup", "--run", str(tmp_path / "parts"), "--resume", "--set", "total_steps=1024"])
        == 0
    )
    assert load_run(tmp_path / "parts").train.replay_failures == ({"pole_mass": 1.3},)
    assert same(tensors(tmp_path / "parts"), tensors(tmp_path / "whole"))
    assert train(tmp_path / "plain") == 0
    assert not same(tensors(tmp_path / "plain"), tensors(tmp_path / "whole"))
    lambdas = load(newest(tmp_path / "whole"))["env"]["randomizer"]["lambdas"]
    values = lambdas.tolist()
    assert all(1.3 in row for row in values[12:]) and not any(1.3 in row for row in values[:12])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            ["train.replay_failures=[{payload: 1.0}]", "train.replay_share=0.001"],
            "are 0 worlds for 1 of replay_failures",
        ),
        (["train.replay_failures=[{payload: one}]"], "replay_failures"),
        (["train.replay_failures=3"], "replay_failures"),
        (["train.replay_share=0"], "replay_share"),
    ],
)
def test_bad_replays_are_refused(changes: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_run("arm_reach", changes)


def test_several_files_are_shown_in_turn(tmp_path: Path) -> None:
    for k in (1, 2):
        (tmp_path / f"{k}.json").write_text(f'{{"payload": {k}}}')
    run = load_run("arm_reach", [f"train.replay_failures=[{tmp_path / '1.json'}, {tmp_path / '2.json'}]"])
    assert run.train.replay_failures == ({"payload": 1.0}, {"payload": 2.0})
    assert read_world(tmp_path / "1.json") == {"payload": 1.0}

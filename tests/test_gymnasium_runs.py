"""Any gymnasium environment through the front door: trained, resumed, evaluated, filmed; what cannot be done is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ashore
from ashore.cli import main
from ashore.configs.gymnasium_run import GymnasiumRunSettings
from ashore.configs.loader import dump, load_any
from ashore.policies.checkpoint import latest, load
from tests.policies.test_checkpoint import assert_same

TARGET = "gymnasium:tests.policies.worlds:Target-v0"
SMALL = ["num_envs=4", "total_steps=512", "checkpoint_every=128", "eval_every=256", "eval_episodes=8"]
SMALL += ["algorithm.rollout_steps=16", "algorithm.minibatch_size=64"]


def test_ppo_learns_cartpole(tmp_path: Path) -> None:
    run = ashore.train(
        "gymnasium:CartPole-v1",
        run_dir=tmp_path,
        quiet=True,
        total_steps=60_000,
        eval_every=10_000,
        stop_at_success=1.0,
    )
    done = run.evaluate(20, seed=7)
    assert done.means["return"] >= 475
    assert done.means["success"] >= 0.9  # of 475, which gymnasium registers as the environment solved


def test_a_run_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    ashore.train(TARGET, run_dir=tmp_path / "whole", quiet=True, overrides=SMALL)
    ashore.train(TARGET, run_dir=tmp_path / "part", quiet=True, overrides=[*SMALL, "total_steps=256"])
    ashore.train(TARGET, run_dir=tmp_path / "part", quiet=True, resume=True, overrides=["total_steps=512"])
    states = [
        load(path) | {"seconds": None} for n in ("whole", "part") if (path := latest(tmp_path / n / "checkpoints"))
    ]
    assert states[0]["steps"] == 512
    assert_same(*states)


@pytest.mark.parametrize(
    ("environment", "algorithm", "steps"),
    [("FrozenLake-v1", "q_learning", 2048), ("CliffWalking-v1", "sarsa", 8192), ("CartPole-v1", "fitted_q", 4096)],
)
def test_learners_of_values_train_from_the_front_door(
    environment: str, algorithm: str, steps: int, tmp_path: Path
) -> None:
    run = ashore.train(
        f"gymnasium:{environment}",
        run_dir=tmp_path,
        quiet=True,
        algorithm=algorithm,
        total_steps=steps,
        eval_episodes=4,
    )
    assert run.evaluate(4).count == 4
    assert run.settings.train.algorithm.kind == algorithm


def test_what_cannot_be_resumed_is_said_at_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = [*SMALL, "total_steps=64", 'gymnasium.kwargs={"hidden": true}']
    ashore.train(TARGET, run_dir=tmp_path, quiet=True, overrides=more)
    assert "this run cannot be resumed, for its worlds cannot be saved: Target.engine" in capsys.readouterr().err
    assert ashore.evaluate(tmp_path, 4).count == 4
    assert main(["train", TARGET, "--run", str(tmp_path), "--resume"]) == 2
    assert "cannot be resumed: Target.engine" in capsys.readouterr().err


def test_evaluate_and_play_take_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["train", TARGET, "--run", str(run), *(x for s in SMALL for x in ("--set", s))]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(run), "--episodes", "6", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["episodes"] == 6 and result["length"] == 8 and 0 <= result["success"] <= 1
    assert main(["play", str(run), "--episodes", "2", "-o", str(tmp_path / "film.mp4")]) == 0
    assert (tmp_path / "film.mp4").stat().st_size > 0
    assert "17 frames of 2 episodes" in capsys.readouterr().out  # 1 + 2 * 8


def test_a_goal_needs_a_notion_of_success(tmp_path: Path) -> None:
    picture = "gymnasium:tests.policies.worlds:Picture-v0"
    with pytest.raises(ashore.AshoreError, match=r"stop_at_success: .*success_return"):
        ashore.train(picture, run_dir=tmp_path / "a", quiet=True, overrides=[*SMALL, "stop_at_success=0.9"])
    goal = ["stop_at_success=0.0", "success_return=-4"]
    assert ashore.train(picture, run_dir=tmp_path / "b", quiet=True, overrides=[*SMALL, *goal]).outcome is not None


def test_settings_read_back_equal(tmp_path: Path) -> None:
    run = load_any(
        "gymnasium:CartPole-v1", ["gymnasium.kwargs.sutton_barto_reward=true", "seed=3", "max_episode_steps=100"]
    )
    assert isinstance(run, GymnasiumRunSettings)
    assert (run.gymnasium.kwargs, run.train.seed, run.gymnasium.max_episode_steps) == (
        {"sutton_barto_reward": True},
        3,
        100,
    )
    (tmp_path / "config.yaml").write_text(dump(run))
    assert load_any(tmp_path) == run
    (tmp_path / "mine.yaml").write_text(
        "preset: gymnasium:CartPole-v1\nseed: 4\nkwargs:\n  sutton_barto_reward: true\n"
    )
    mine = load_any(tmp_path / "mine.yaml")
    assert isinstance(mine, GymnasiumRunSettings)
    assert (mine.train.seed, mine.gymnasium.kwargs) == (4, {"sutton_barto_reward": True})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "gymnasium:CartPole-v1", "--set", "sampler=adr"], "no randomization"),
        (["train", "gymnasium:CartPole-v1", "--set", "randomization.payload.high=1"], "no randomization"),
        (["train", "gymnasium:CartPole-v1", "--set", "gymnasium.kwarg.x=1"], "did you mean kwargs?"),
        (["train", "gymnasium:CartPole-v1", "--from", "elsewhere"], "train.start_from"),
        (["train", "gymnasium:Nowhere-v0"], "Nowhere"),
        (["train", "gymnasium:CartPole-v1", "--algorithm", "q_learning"], "observations that are numbers of states"),
        (
            ["train", "gymnasium:CartPole-v1", "--algorithm", "sac"],
            "the environment takes one of 2 choices; allowed: a2c, ",
        ),
        (
            ["train", "gymnasium:Pendulum-v1", "--algorithm", "dqn"],
            "the environment takes 1 continuous actions; allowed",
        ),
        (["train", "arm_reach", "--algorithm", "dqn"], "continuous actions; allowed: a2c, "),
        (["train", "gymnasium:CartPole-v1", "--seeds", "0..1"], "trains one seed a run"),
        (["compare", "RUN"], "cannot be swept, compared"),
        (["look", "gymnasium:CartPole-v1"], "cannot be swept, compared, exported, deployed or looked at"),
        (["sweep", "RUN", "--over", "all"], "cannot be swept"),
        (["export", "RUN"], "cannot be swept, compared, exported"),
        (["twin", "RUN"], "cannot be swept, compared, exported"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "RUN" in arguments:
        ashore.train(TARGET, run_dir="run", quiet=True, overrides=[*SMALL, "total_steps=64"])
        capsys.readouterr()
    assert main([a.replace("RUN", "run") for a in arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()

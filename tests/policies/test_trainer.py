"""A run watches itself: it stops at its goal, and at the first number that is none."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from ashore.policies.checkpoint import latest, load
from ashore.policies.policy import load_policy
from ashore.policies.trainer import CHECKPOINTS, train
from tests.policies.double_integrator import SETTINGS, DoubleIntegrator, evaluate


def test_not_a_number_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    # Step 150 is in the tenth rollout; a checkpoint is due every fourth.
    with pytest.raises(FloatingPointError, match=r"actor .* is not finite"):
        train(SETTINGS, DoubleIntegrator(64, break_at=150), tmp_path)
    path = latest(tmp_path / CHECKPOINTS)
    assert path is not None and load(path)["steps"] == 8 * 16 * 64
    modules = load(path)["learner"]["modules"]
    assert all(x.isfinite().all() for module in modules.values() for x in module.values())
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 9


def test_stops_once_an_evaluation_reaches_the_goal(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"stop_at_success": 0.5, "eval_every": 3 * 1024})
    outcome = train(settings, DoubleIntegrator(64), tmp_path, evaluate=lambda act: {"success": 0.6, "return": 1.0})
    assert outcome.steps == 3 * 1024 and not outcome.interrupted
    assert load(outcome.checkpoint)["evaluation"] == {"success": 0.6, "return": 1.0}


def test_metrics_name_every_episode_term(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"total_steps": 3 * 1024})
    train(settings, DoubleIntegrator(64), tmp_path, evaluate=evaluate)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["steps"] for line in lines] == [1024, 2048, 3072]
    assert lines[0]["episode/count"] == 0 and "episode/return" not in lines[0]
    expected = {"episode/return", "episode/length", "episode/success", "episode/speed", "eval/success", "train/kl"}
    assert expected <= set(lines[2])
    assert list((tmp_path / "tensorboard").iterdir())


def test_progress_is_plain_lines_in_a_file_and_live_in_a_terminal(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"total_steps": 3 * 1024})
    for terminal in (False, True):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=160)
        train(
            settings, DoubleIntegrator(64), tmp_path / str(terminal), evaluate=evaluate, console=console, opening="here"
        )
        assert ("\x1b[" in out.getvalue()) is terminal
        assert "here\n" in out.getvalue().partition("steps/s")[0]
        assert "steps/s" in out.getvalue() and "evaluated" in out.getvalue()


def test_another_number_of_worlds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 worlds; allowed: num_envs = 64"):
        train(SETTINGS, DoubleIntegrator(32), tmp_path)


def test_a_checkpoint_gives_the_policy_that_was_evaluated(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"total_steps": 4 * 1024})
    outcome = train(settings, DoubleIntegrator(64), tmp_path, evaluate=evaluate)
    policy = load_policy(outcome.checkpoint)
    assert (policy.steps, policy.evaluation) == (4 * 1024, outcome.evaluation)
    # The statistics moved on before the evaluation too, so that both see the same.
    assert evaluate(policy.acting()) == pytest.approx(outcome.evaluation, rel=1e-5)
    assert torch.equal(policy.acting()(torch.ones(1, 2)), load_policy(outcome.checkpoint).acting()(torch.ones(1, 2)))

"""Several seeds of a training side by side: their folders, figures over them, failures, interruptions."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import ashore
from ashore import seeds as module
from ashore.cli import main
from ashore.configs.loader import load_run
from ashore.options import parse
from ashore.seed_progress import SeedsProgress
from ashore.statistics import band, interval
from tests.sim.worlds import cpu_world

SMALL: dict[str, Any] = {
    "total_steps": 1024,
    "num_envs": 16,
    "eval_every": 512,
    "eval_episodes": 8,
    "algorithm": {"rollout_steps": 16, "minibatch_size": 128, "actor_hidden": [16], "critic_hidden": [16]},
    "task": {"episode_seconds": 0.6},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> ashore.RunSet:
    """Three seeds, of which the second finds metrics of another run in its folder, and fails."""
    folder = tmp_path_factory.mktemp("seeds") / "set"
    (folder / "seed1").mkdir(parents=True)
    (folder / "seed1" / "metrics.jsonl").write_text("")
    return ashore.train("arm_reach", seeds=[0, 1, 2], run_dir=folder, quiet=True, **SMALL)


def test_the_middle_half_counts_and_seeds_are_drawn_within_their_task() -> None:
    assert interval([[100.0, 1.0, 2.0, 3.0, 0.0]]).iqm == 2.0, "of five, the middle three"
    assert interval([[0.0] * 4, [1.0] * 4]) == (0.5, 0.5, 0.5), "drawn between tasks, it would spread"
    assert interval([[0.25]]) == (0.25, None, None)
    middle, low, high = band(np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 2.0]]))
    assert middle.tolist() == [0.0, 2.0, 2.0]
    assert low.tolist() == [0.0, 1.0, 2.0] and high.tolist() == [0.0, 3.0, 2.0]


def test_seeds_are_a_range_or_a_list() -> None:
    assert parse(["train", "arm_reach", "--seeds", "0..4"]).seeds == [0, 1, 2, 3, 4]
    assert parse(["train", "arm_reach", "--seeds", "0,3,7..8"]).seeds == [0, 3, 7, 8]
    for text in ("4..0", "0,0", "-1", "1..", "a"):
        with pytest.raises(SystemExit):
            parse(["train", "arm_reach", f"--seeds={text}"])


def test_a_failed_seed_stops_no_other_and_is_named(runs: ashore.RunSet, capsys: pytest.CaptureFixture[str]) -> None:
    assert runs.failed == {1: 2}
    assert [row["state"] for row in runs.result["seeds"]] == ["done", "failed", "done"]
    assert "seed 1 failed with exit code 2" in repr(runs) and "2 of 3 seeds done" in repr(runs)
    assert "already holds a run" in (runs.folder / "seed1" / module.LOG).read_text()
    assert all((runs[seed].folder / "policy.onnx").is_file() for seed in (0, 2))


def test_figures_are_over_the_seeds_that_are_done(runs: ashore.RunSet) -> None:
    last = [run.metrics["eval/return"][-1] for run in (runs[0], runs[2])]
    assert np.isnan(runs.final["return"]).tolist() == [False, True, False]
    assert runs.final["return"][[0, 2]].tolist() == last
    assert runs.result["over"] == 2 and runs.result["return"]["iqm"] == pytest.approx(np.mean(last))
    assert runs.metrics["steps"][0].tolist() == [256.0, 512.0, 768.0, 1024.0]
    assert runs.metrics["eval/return"].shape == (3, 4)


def test_each_has_one_torch_thread_unless_told_and_is_the_run_of_its_seed(runs: ashore.RunSet, tmp_path: Path) -> None:
    assert runs.settings.train.torch_threads == 1 and runs[2].settings.train.seed == 2
    told = load_run("arm_reach", ["train.torch_threads=2"])
    assert module.own_cores(told).train.torch_threads == 2
    alone = ashore.train("arm_reach", run_dir=tmp_path / "run", quiet=True, seed=2, torch_threads=1, **SMALL)
    assert alone.policy.read_bytes() == runs[2].policy.read_bytes()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_runs_share_the_cores_and_their_engines_take_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4})
    assert module._shares(2) == [{0, 1}, {2, 3, 4}]
    assert module._shares(8) == [{0, 1, 2, 3, 4}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert cpu_world(ashore.make_env("cartpole_swingup", 4)).batch.nthread == 1


def test_folders_are_not_mixed(runs: ashore.RunSet, tmp_path: Path) -> None:
    single = tmp_path / "single"
    single.mkdir()
    (single / "config.yaml").write_text("")
    for said, call in {
        "holds seeds already": lambda: ashore.train("arm_reach", seeds=[0], run_dir=runs.folder),
        "for a single run": lambda: ashore.train("arm_reach", run_dir=runs.folder),
        "a single run": lambda: ashore.train("arm_reach", seeds=[0], run_dir=single),
        "one of them": lambda: ashore.train("arm_reach", seeds=[0], seed=1, run_dir=tmp_path / "x"),
        "at least one": lambda: ashore.train("arm_reach", seeds=[], run_dir=tmp_path / "x"),
        "no seeds": lambda: ashore.train("arm_reach", seeds=[0], resume=True, run_dir=tmp_path / "x"),
        "num_envs": lambda: ashore.train("arm_reach", seeds=[0], resume=True, run_dir=runs.folder, num_envs=8),
        "seed0": lambda: ashore.evaluate(runs.folder),
    }.items():
        with pytest.raises(ashore.AshoreError, match=said):
            call()
    assert not (tmp_path / "x").exists()


def test_all_are_interrupted_after_checkpoints_and_resumed_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[bool] = []
    look = SeedsProgress.look

    def look_and_interrupt(self: SeedsProgress, seeds: list[int]) -> None:
        look(self, seeds)
        begun = [(tmp_path / f"seed{seed}" / "metrics.jsonl").is_file() for seed in (0, 1)]
        if not asked and all(begun[: module.at_once(1)]):
            asked.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(SeedsProgress, "look", look_and_interrupt)
    endless = SMALL | {"total_steps": 10**9}
    with pytest.raises(KeyboardInterrupt, match="resume=True"):
        ashore.train("arm_reach", seeds=[0, 1], run_dir=tmp_path, quiet=True, **endless)
    states = {row["state"] for row in ashore.open_runs(tmp_path).result["seeds"]}
    assert "interrupted" in states and states <= {"interrupted", "unfinished"}
    stopped = ashore.open_runs(tmp_path)[0].metrics["steps"][-1]
    code = main(
        ["train", "arm_reach", "--run", str(tmp_path), "--resume", "--set", f"train.total_steps={int(stopped) + 256}"]
    )
    assert code == 0, "the seeds are those of the folder"
    after = ashore.open_runs(tmp_path)
    assert [row["state"] for row in after.result["seeds"]] == ["done", "done"]
    assert after[0].metrics["steps"][-1] == stopped + 256
    assert f"ashore compare {tmp_path}" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_follows_the_files_of_all(terminal: bool, tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    folders = {3: tmp_path / "a", 12: tmp_path / "b"}
    with SeedsProgress(folders, 2048, console) as progress:
        progress.began(3)
        folders[3].mkdir()
        record = {"steps": 512, "episode/return": 2.5, "eval/success": 0.75, "train/kl": None}
        (folders[3] / "metrics.jsonl").write_text(json.dumps(record) + '\n{"steps": 10')
        progress.look([3, 12])
        progress.look([3, 12])
        progress.ended(3, "failed with exit code 2")
    shown = out.getvalue()
    assert "evaluated 0.75" in shown and "seed 3: failed with exit code 2\n" in shown
    assert ("seed 12" in shown) is terminal and ("\x1b[" in shown) is terminal
    if not terminal:
        assert shown.count("512 / 2,048") == 1, "nothing new, nothing said"

"""Sweeps through the front door: all parameters, a folder of its own, and results that survive an interruption."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.environments import TEST_SEED
from ashore.randomization.robustness.report import render
from ashore.randomization.robustness.sweep import SweepResult
from ashore.runs import POLICY_FILE
from ashore.sweep_set import sweep_report
from ashore.sweeps import EPISODES, Swept, plan_for, run_sweep, sweep_name
from ashore.trained_policy import TrainedPolicy, load_trained, measure
from tests.untrained import export_untrained

SHORT = ["task.episode_seconds=0.2", "task.options.hold_seconds=0.1"]
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policies") / "reacher" / POLICY_FILE
    export_untrained(load_run("arm_reach", SHORT), path)
    return path


def only(policy: TrainedPolicy, *parameters: str) -> TrainedPolicy:
    """The same policy for a task that randomizes these alone."""
    task = policy.run.task
    kept = {name: task.randomization[name] for name in parameters}
    return policy._replace(run=policy.run.model_copy(update={"task": task.model_copy(update={"randomization": kept})}))


def test_a_sweep_is_named_after_its_task_and_its_policy(policy_file: Path) -> None:
    named = policy_file.with_name("careful.onnx")
    named.write_bytes(policy_file.read_bytes())
    same = policy_file.with_name("arm_reach.onnx")
    same.write_bytes(policy_file.read_bytes())
    assert sweep_name(load_trained(str(named))) == "sweep-arm_reach-careful"
    # What `export` calls every file says nothing; its folder does.
    assert sweep_name(load_trained(str(policy_file))) == "sweep-arm_reach-reacher"
    assert sweep_name(load_trained(str(same))) == "sweep-arm_reach"


def test_all_parameters_are_swept_saved_as_they_come_and_named_on_the_page(policy_file: Path) -> None:
    policy = only(load_trained(str(policy_file)), "payload", "link_mass")
    saved: list[Swept] = []
    out = io.StringIO()
    console = Console(file=out, width=100)
    plan = plan_for(None, ["all"], 60, 5)
    swept = run_sweep(policy, plan, save=saved.append, console=console)
    groups = list(dict.fromkeys(d.group for d in swept.declared))
    assert [c.group for c in swept.result.curves] == groups == ["payload", "link_mass"]
    assert [len(s.result.curves) for s in saved] == [1, 2, 2]
    assert saved[-1].result == swept.result
    lines = out.getvalue().splitlines()
    assert [line.partition(",")[0] for line in lines] == groups
    assert all("left" in line for line in lines[:-1])
    page = render(sweep_report({"reacher": policy}, {"reacher": swept}))
    assert "<title>Robustness of arm_reach with panda</title>" in page


def test_points_that_share_a_batch_give_what_each_gives_alone(policy_file: Path) -> None:
    """Success to the episode, and returns to what a product of matrices of another size may round."""
    policy = only(load_trained(str(policy_file)), "payload", "link_mass")
    swept = run_sweep(policy, plan_for(None, ["all"], 7, 3))
    for rows in swept.layout.curves:
        for k, value in enumerate(rows.values):
            alone = measure(policy, 7, seed=TEST_SEED, pins={d.name: value for d in rows.members})
            here = swept.outcomes.points == rows.start + k
            np.testing.assert_array_equal(swept.outcomes.columns["success"][here] > 0.5, alone.success)
            np.testing.assert_array_equal(swept.outcomes.columns["length"][here], alone.lengths)
            np.testing.assert_allclose(swept.outcomes.columns["return"][here], alone.returns, rtol=1e-4)


def test_a_task_without_parameters_is_refused(policy_file: Path) -> None:
    with pytest.raises(UsageError, match="arm_reach randomizes nothing"):
        run_sweep(only(load_trained(str(policy_file))), plan_for(None, ["all"], 2, 2))


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_to_the_same_file_and_result(policy_file: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-m", "ashore", "sweep", str(policy_file), "--over", "payload,link_mass,joint_damping"]
    command += ["--episodes", "64", "--out"]
    how: dict[str, Any] = {"cwd": tmp_path, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "text": True}
    killed = subprocess.Popen([*command, str(out)], stdout=subprocess.PIPE, **how)
    while killed.poll() is None and lines(out / EPISODES) < 3:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    begun = (out / EPISODES).read_bytes()
    assert killed.returncode == -signal.SIGKILL
    (out / EPISODES).write_bytes(begun + b'{"crc32":"12ab')  # a line that the machine had no time for
    for folder in (whole, out):
        subprocess.run([*command, str(folder)], check=True, stdout=subprocess.DEVNULL, **how)
    finished = (out / EPISODES).read_bytes()
    assert finished.startswith(begun) and len(begun) < len(finished)
    assert finished == (whole / EPISODES).read_bytes()
    results = [SweepResult.from_json((folder / "results.json").read_text()) for folder in (whole, out)]
    assert results[0].curves == results[1].curves


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_an_interrupted_sweep_leaves_the_finished_parameters_and_their_page(policy_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    arguments = ["sweep", str(policy_file), "--over", "all", "--episodes", "64", "--points", "9", "--out", str(out)]
    running = subprocess.Popen(
        [sys.executable, "-m", "ashore", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    while not (out / "report.html").exists() and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate()
    assert running.returncode == 130, said
    result = SweepResult.from_json((out / "results.json").read_text())
    declared = load_run("arm_reach").task.randomization
    assert 1 <= len(result.curves) < len(declared)
    assert re.search(r"interrupted; .*sweep keeps its episodes, and the same command goes on", said)
    assert "sweep policy" in (out / "report.html").read_text()
    assert {"report.html", "results.json", EPISODES} <= {p.name for p in out.iterdir()}

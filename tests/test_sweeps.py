"""Sweeps through the front door: all parameters, a folder of its own, and results that survive an interruption."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.randomization.robustness.report import render
from ashore.randomization.robustness.sweep import SweepResult
from ashore.runs import POLICY_FILE, export_untrained
from ashore.sweeps import Space, run_sweep, sweep_name, sweep_report
from ashore.trained_policy import TrainedPolicy, load_trained

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
    saved: list[SweepResult] = []

    def save(result: SweepResult, _trained: Space, _declared: Space) -> None:
        saved.append(result)

    out = io.StringIO()
    console = Console(file=out, width=100)
    result, trained, declared = run_sweep(policy, ["all"], 2, 2, 0, "ashore sweep", save, console)
    groups = list(dict.fromkeys(d.group for d in declared))
    assert [c.group for c in result.curves] == groups == ["payload", "link_mass"]
    assert [len(r.curves) for r in saved] == list(range(1, len(groups) + 1))
    assert saved[-1] == result
    lines = out.getvalue().splitlines()
    assert [line.partition(",")[0] for line in lines] == groups
    assert all("left" in line for line in lines[:-1])
    page = render(sweep_report(policy, result, trained, declared))
    assert "<title>Robustness of arm_reach with panda</title>" in page


def test_a_task_without_parameters_is_refused(policy_file: Path) -> None:
    with pytest.raises(UsageError, match="arm_reach randomizes nothing"):
        run_sweep(only(load_trained(str(policy_file))), ["all"], 2, 2, 0, "")


@pytest.mark.slow
def test_an_interrupted_sweep_leaves_the_finished_parameters_and_their_page(policy_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    arguments = ["sweep", str(policy_file), "--over", "all", "--episodes", "8", "--points", "9", "--out", str(out)]
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
    assert f"holds the {len(result.curves)} finished" in said
    assert "sweep policy" in (out / "report.html").read_text()
    assert sorted(p.name for p in out.iterdir() if not p.name.endswith(".part")) == ["report.html", "results.json"]

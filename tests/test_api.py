"""The Python API: settings as keywords, results, one error for what can be mended, and no torch on a robot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ashore
from ashore import api
from ashore.cli import main
from ashore.configs.loader import load_run, of_task
from ashore.deploy_ros.bundle import load_policy
from ashore.settings_arguments import overrides_of
from tests.untrained import export_untrained

SMALL: dict[str, Any] = {
    "total_steps": 1024,
    "num_envs": 16,
    "eval_every": 512,
    "eval_episodes": 8,
    "torch_threads": 1,
    "algorithm": {"rollout_steps": 16, "minibatch_size": 128, "actor_hidden": [16], "critic_hidden": [16]},
    "task": {"episode_seconds": 0.6},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ashore.Run:
    return ashore.train("arm_reach", run_dir=tmp_path_factory.mktemp("api") / "run", quiet=True, **SMALL)


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "policy.onnx"
    export_untrained(load_run("arm_reach", ["train.algorithm.actor_hidden=[16]"]), path)
    return path


def test_every_name_is_there_and_nothing_else() -> None:
    assert all(getattr(ashore, name) is not None for name in ashore.__all__)
    assert set(ashore.__all__) <= set(dir(ashore))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = ashore.trian


def test_settings_in_python_are_those_of_the_command_line() -> None:
    keywords = {
        "robot": "ur5e",
        "seed": 3,
        "algorithm": {"learning_rate": 1e-5, "actor_hidden": (32, 32)},
        "task.randomization.payload": {"high": np.float64(2.5)},
        "sampler": {"kind": "adr"},
    }
    written = [
        "robot=ur5e",
        "train.seed=3",
        "train.algorithm.learning_rate=1e-5",
        "train.algorithm.actor_hidden=[32, 32]",
    ]
    written += ["task.randomization.payload.high=2.5", "sampler={kind: adr}"]
    assert load_run("arm_reach", overrides_of(keywords)) == load_run("arm_reach", written)


def test_a_mapping_with_its_kind_is_a_whole_and_an_empty_one_too() -> None:
    entry = {"effect": "disturbance", "kind": "push_force", "unit": "N", "nominal": 0.0, "low": 0.0, "high": 1.0}
    assert overrides_of({"randomization": {"mine": entry}}) == [f"randomization.mine={json.dumps(entry)}"]
    assert overrides_of({"randomization": {}}) == ["randomization={}"]
    assert load_run("arm_reach", overrides_of({"randomization": {}})).task.randomization == {}
    assert load_run("arm_reach", overrides_of({"train": {"start_from": None}})).train.start_from is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"total_stepz": 5}, ["total_stepz", "total_steps"]),
        ({"train.seed": -1}, ["train.seed", "-1", "0"]),
        ({"seed": "one"}, ["train.seed", "one"]),
        ({"seed": object()}, ["seed", "object", "numbers"]),
        ({"algorithm": {"learning_rat": 1.0}}, ["learning_rat", "learning_rate"]),
        ({"robot": "pandda"}, ["pandda", "panda"]),
        ({"learning_rate": float("nan")}, ["learning_rate"]),
        ({"": 1}, ["allowed"]),
    ],
)
def test_what_can_be_mended_is_one_line(settings: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    with pytest.raises(ashore.AshoreError) as refused:
        ashore.train("arm_reach", run_dir=tmp_path / "run", settings=settings)
    assert all(text in str(refused.value) for text in said), refused.value
    assert "\n" not in str(refused.value) and "--set" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_arguments_are_checked_and_a_folder_is_not_written_over(run: ashore.Run, tmp_path: Path) -> None:
    for call in (
        lambda: run.evaluate(0),
        lambda: run.sweep(["payload"], points=True),
        lambda: run.sweep(["paylaod"], quiet=True),
        lambda: ashore.make_env("arm_reach", 2.5),  # type: ignore[arg-type]
        lambda: ashore.open_run(tmp_path),
        lambda: ashore.evaluate(tmp_path / "nothing.onnx"),
        lambda: ashore.train("arm_reach", run_dir=run.folder),
    ):
        with pytest.raises(ashore.AshoreError, match=r"allowed|neither|holds a run"):
            call()


def test_a_run_knows_its_settings_metrics_and_policy(run: ashore.Run) -> None:
    again = ashore.open_run(run.folder)
    assert of_task(again.settings).task.episode_seconds == 0.6 and again.settings.train.total_steps == 1024
    metrics = again.metrics
    assert metrics["steps"].tolist() == [256.0, 512.0, 768.0, 1024.0]
    assert metrics["eval/success"].dtype == np.float64
    assert np.isnan(metrics["eval/success"]).tolist() == [True, False, True, False], "NaN where there was none"
    assert repr(again) == f"Run({str(run.folder)!r}: arm_reach with panda, 1,024 steps)"
    assert again.policy.is_file()
    assert run.outcome is not None and not run.outcome.interrupted


def test_a_quiet_training_prints_nothing(run: ashore.Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ashore.train("arm_reach", run_dir=tmp_path / "run", quiet=True, **SMALL)
    assert capfd.readouterr().out == ""
    assert (tmp_path / "run" / "policy.onnx").read_bytes() == run.policy.read_bytes(), "and is the same training"


def test_the_command_evaluates_as_the_function_does(run: ashore.Run, capsys: pytest.CaptureFixture[str]) -> None:
    done = run.evaluate(4, seed=2)
    assert done.count == 4 and 0 <= done.interval[0] <= done.success <= done.interval[1] <= 1
    assert main(["evaluate", str(run.folder), "--episodes", "4", "--seed", "2", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {**done.means, "episodes": 4, "interval": list(done.interval), "seed": 2}
    assert main(["evaluate", str(run.folder), "--episodes", "4", "--seed", "2"]) == 0
    assert capsys.readouterr().out == f"{done!r}\n"


def test_a_sweep_is_saved_and_read_back(run: ashore.Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    swept = run.sweep(["payload"], 2, points=2, out=tmp_path, quiet=True)
    assert capfd.readouterr().out == ""
    assert (tmp_path / "results.json").read_text() == swept.result.to_json()
    assert swept.report.is_file() and list(swept.curves) == ["payload"]
    assert "payload" in repr(swept) and "headroom" in repr(swept)


def test_export_gives_file_and_contract(run: ashore.Run, tmp_path: Path) -> None:
    exported = run.export(tmp_path / "x.onnx")
    assert exported.path.read_bytes() == run.policy.read_bytes()
    assert exported.contract.interface.task == "arm_reach"


def test_an_interrupt_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[bool] = []

    def record(self: Any, *_: Any) -> None:
        if not asked:
            asked.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("ashore.policies.progress.RunProgress.update", record)
    with pytest.raises(KeyboardInterrupt, match="resume=True"):
        ashore.train("arm_reach", run_dir=tmp_path / "run", quiet=True, **SMALL)
    again = api.train("arm_reach", run_dir=tmp_path / "run", quiet=True, resume=True)
    assert again.metrics["steps"][-1] == 1024


def test_a_policy_steps_as_the_graph_does(policy_file: Path) -> None:
    policy, graph = ashore.load(policy_file), load_policy(policy_file)
    rng = np.random.default_rng(0)
    assert policy.joints == tuple(f"joint{i}" for i in range(1, 8)) and policy.control_dt == 0.02
    inputs = [
        {n: rng.normal(0, 0.1, size).astype(np.float32) for n, (size, _) in policy.signals.items()} for _ in range(4)
    ]
    memory = graph.initial_memory(inputs[0])
    for signals in inputs:
        position, velocity, memory = graph.step(signals, memory)
        targets = policy.step(signals)
        assert (targets.position == position).all() and (targets.velocity == velocity).all()
    policy.reset()
    fresh = ashore.load(policy_file)
    assert (policy.step(inputs[1]).position == fresh.step(inputs[1]).position).all()
    assert "arm_reach for panda, 50 Hz" in repr(policy)


def test_a_policy_refuses_signals_it_cannot_use(policy_file: Path) -> None:
    policy = ashore.load(policy_file)
    good = {name: np.zeros(size) for name, (size, _) in policy.signals.items()}
    name = next(iter(good))
    for bad, said in (
        ({k: v for k, v in good.items() if k != name}, "missing"),
        (good | {"extra": np.zeros(1)}, "unknown"),
        (good | {name: np.zeros(99)}, "shape"),
        (good | {name: np.full_like(good[name], np.nan)}, "finite"),
        (good | {name: np.zeros((2, len(good[name])))}, "robots"),
        (good | {name: "zero"}, "numbers"),
    ):
        with pytest.raises(ashore.AshoreError, match=said):
            policy.step(bad)
    batch = {n: np.zeros((3, size)) for n, (size, _) in policy.signals.items()}
    assert policy.step(good).position.shape == (7,)
    with pytest.raises(ashore.AshoreError, match="reset"):
        policy.step(batch)
    policy.reset()
    assert policy.step(batch).position.shape == (3, 7)


def test_a_robot_needs_no_torch(policy_file: Path) -> None:
    code = (
        "import sys, numpy as np, ashore\n"
        f"policy = ashore.load({str(policy_file)!r})\n"
        "policy.step({n: np.zeros(s) for n, (s, _) in policy.signals.items()})\n"
        "heavy = {'torch', 'mujoco', 'yaml', 'rich', 'onnx', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_environment_of_a_preset_with_changes() -> None:
    env = ashore.make_env("cartpole_swingup", 3, randomization={}, task={"episode_seconds": 2.0})
    assert env.num_envs == 3 and env.settings.randomization == {} and env.settings.episode_seconds == 2.0
    assert env.reset(0)["actor"].shape[0] == 3

"""Where metrics go: `metrics.jsonl` always, TensorBoard and wandb where they are asked for, and nothing else is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ashore
from ashore.cli import main
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.options import parse
from ashore.policies.metrics import Metrics, read

RECORD = {"steps": 10.0, "eval/success": 0.5, "train/kl": float("nan")}


class FakeRun:
    """Of wandb: `log` takes a dictionary, `finish` ends it."""

    def __init__(self, how: dict[str, Any]) -> None:
        self.how, self.axes, self.logged, self.finished = how, dict[str, str](), list[dict[str, float]](), False

    def define_metric(self, name: str, step_metric: str) -> None:
        self.axes[name] = step_metric

    def log(self, data: dict[str, float]) -> None:
        assert not self.finished
        self.logged.append(data)

    def finish(self) -> None:
        self.finished = True


class FakeWandB(ModuleType):
    """As wandb 0.31 where nobody has logged in: `init` raises UsageError, a subclass of `wandb.errors.Error`."""

    def __init__(self, key: bool) -> None:
        super().__init__("wandb")
        self.errors = ModuleType("wandb.errors")
        self.errors.Error = type("Error", (Exception,), {})  # type: ignore[attr-defined]
        self.runs, self._key = list[FakeRun](), key

    def init(self, **how: Any) -> FakeRun:
        if not self._key:
            error = type("UsageError", (self.errors.Error,), {})
            raise error("No API key configured. Use `wandb login` to log in.")
        self.runs.append(FakeRun(how))
        return self.runs[-1]


def test_only_what_is_asked_for_is_imported_and_written(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ashore.policies.metrics import Metrics\n"
        f"with Metrics(Path({str(tmp_path)!r}), log=()) as metrics: metrics.write({{'steps': 1}}); metrics.sync()\n"
        "sys.exit(', '.join({'tensorboard', 'wandb', 'torch.utils.tensorboard'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert read(tmp_path) == ({"steps": 1},)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_log_adds_to_tensorboard() -> None:
    assert load_run("arm_reach", parse(["train", "arm_reach", "--log", "wandb"]).set).train.log == (
        "tensorboard",
        "wandb",
    )
    assert load_run("arm_reach").train.log == ("tensorboard",)
    with pytest.raises(ashore.AshoreError, match="wandb"):
        load_run("arm_reach", parse(["train", "arm_reach", "--log", "wandbb"]).set)


def test_a_resumed_run_goes_on_as_the_same_run_of_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandB(key=True)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    folder = tmp_path / "set" / "seed1"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("train: {seed: 1}")
    for steps in (0, 10):
        with Metrics(folder, steps, ("wandb",)) as metrics:
            metrics.write(RECORD)
            metrics.sync()
    first, second = fake.runs
    assert first.how["id"] == second.how["id"] and first.how["resume"] == "allow"
    assert (first.how["name"], first.how["group"], first.how["config"]) == ("set/seed1", "set", {"train": {"seed": 1}})
    assert first.logged[0]["eval/success"] == 0.5 and first.axes == {"*": "steps"} and first.finished
    assert not (folder / "tensorboard").exists()


def test_without_a_login_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", FakeWandB(key=False))
    with pytest.raises(UsageError, match=r"No API key.*wandb login.*WANDB_MODE=offline"):
        Metrics(tmp_path, 0, ("wandb",))


def test_a_missing_wandb_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert main(["train", "arm_reach", "--log", "wandb", "--run", str(tmp_path / "run")]) == 2
    assert "needs wandb" in (said := capsys.readouterr().err) and "pip install '.[wandb]'" in said
    assert main(["train", "arm_reach", "--log", "wandb", "--run", str(tmp_path / "run"), "--seeds", "0,1"]) == 2
    assert not (tmp_path / "run").exists()


def test_offline_the_real_one_writes_into_the_runs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for steps in (0, 10):
        with Metrics(tmp_path, steps, ("wandb",)) as metrics:
            metrics.write(RECORD)
            metrics.sync()
    kept = (tmp_path / "wandb_id").read_text()
    assert list((tmp_path / "wandb").glob(f"offline-run-*-{kept}/run-{kept}.wandb"))
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])["train/kl"] is None

"""A run that was stopped, by whatever means, ends in the bits of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from ashore.policies.checkpoint import CheckpointError, complete, latest, load
from ashore.policies.trainer import CHECKPOINTS, train
from ashore.policies.vector import Step
from tests.policies.double_integrator import SETTINGS, DoubleIntegrator, evaluate
from tests.policies.test_checkpoint import assert_same

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    train(SETTINGS, DoubleIntegrator(64), folder, evaluate=evaluate)
    return folder


def _state(folder: Path) -> dict[str, Any]:
    path = latest(folder / CHECKPOINTS)
    assert path is not None
    return load(path) | {"seconds": None}


def _metrics(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: x for name, x in line.items() if not name.startswith("time/")} for line in lines]


def assert_same_run(a: Path, b: Path) -> None:
    assert_same(_state(a), _state(b))
    assert _metrics(a) == _metrics(b)


def test_the_same_seed_gives_the_same_bits(tmp_path: Path, uninterrupted: Path) -> None:
    train(SETTINGS, DoubleIntegrator(64), tmp_path, evaluate=evaluate)
    assert_same_run(tmp_path, uninterrupted)


def test_killed_with_sigkill_and_resumed_ends_in_the_same_bits(tmp_path: Path, uninterrupted: Path) -> None:
    command = [sys.executable, "-m", "tests.policies.double_integrator", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(complete(tmp_path / CHECKPOINTS)) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 0 < _state(tmp_path)["steps"] < SETTINGS.total_steps
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 40, "ste')  # what a kill in the middle of a line leaves
    subprocess.run([*command, "resume"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    assert_same_run(tmp_path, uninterrupted)


class Interrupting(DoubleIntegrator):
    """Sends its own process a signal at one step."""

    def __init__(self, kind: int) -> None:
        super().__init__(64)
        self.kind = kind

    def step(self, action: Tensor) -> Step:
        if self.steps == 100:
            os.kill(os.getpid(), self.kind)
        return super().step(action)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_after_the_iteration_and_can_be_resumed(
    tmp_path: Path, uninterrupted: Path, kind: int, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = signal.getsignal(kind)
    outcome = train(SETTINGS, Interrupting(kind), tmp_path, evaluate=evaluate)
    assert outcome.interrupted and outcome.steps == 7 * 16 * 64  # step 100 is in the seventh rollout of 16
    assert outcome.checkpoint == latest(tmp_path / CHECKPOINTS)
    assert "interrupted at step 7,168" in capsys.readouterr().out
    assert signal.getsignal(kind) == handler
    resumed = train(SETTINGS, DoubleIntegrator(64), tmp_path, evaluate=evaluate, resume=True)
    assert not resumed.interrupted
    assert_same_run(tmp_path, uninterrupted)


def test_resuming_without_a_checkpoint_starts_from_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"steps": 1024}\n')
    short = SETTINGS.model_copy(update={"total_steps": 2048})
    assert train(short, DoubleIntegrator(64), tmp_path, resume=True).steps == 2048
    assert [line["steps"] for line in _metrics(tmp_path)] == [1024, 2048]


def test_a_finished_run_is_extended_but_not_changed(tmp_path: Path) -> None:
    short = SETTINGS.model_copy(update={"total_steps": 2048})
    train(short, DoubleIntegrator(64), tmp_path)
    assert train(short, DoubleIntegrator(64), tmp_path, resume=True).steps == 2048
    with pytest.raises(FileExistsError, match="already holds a run"):
        train(short, DoubleIntegrator(64), tmp_path)
    with pytest.raises(CheckpointError, match="seed = 3, not 4"):
        train(short.model_copy(update={"seed": 4}), DoubleIntegrator(64), tmp_path, resume=True)
    longer = short.model_copy(update={"total_steps": 3072})
    assert train(longer, DoubleIntegrator(64), tmp_path, resume=True).steps == 3072

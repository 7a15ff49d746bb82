"""Trainings that this machine has no RAM for are refused before their worlds are built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ashore import ram
from ashore.cli import main
from ashore.configs.loader import load_run

FREE = 4_000_000_000  # bytes


@pytest.fixture
def four_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ram, "free_ram", lambda: FREE)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("num_envs=200000", "train.num_envs = 200000 and train.algorithm.rollout_steps = 24 need about "),
        ("algorithm={kind: sac, buffer_size: 200000000}", "train.algorithm.buffer_size = 200000000 need about "),
        ("algorithm.rollout_steps=60000", "train.num_envs = 256 and train.algorithm.rollout_steps = 60000 need about "),
    ],
)
@pytest.mark.usefixtures("four_gigabytes")
def test_too_many_worlds_or_steps_are_one_message_and_nothing_is_built(
    override: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the worlds were built")

    monkeypatch.setattr("ashore.runs.make_env", never)
    assert main(["train", "arm_reach", "--run", str(tmp_path / "run"), "--set", override]) == 2
    text = capsys.readouterr().err
    assert said in text and "allowed: the 4.0 GB that are free here, at most " in text and text.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("four_gigabytes")
def test_what_is_allowed_by_the_message_is_allowed() -> None:
    worlds = load_run("arm_reach", ["num_envs=200000"])
    need = ram.need_of(worlds)
    most = FREE // (need.world + 24 * need.sample)
    with pytest.raises(ram.UsageError, match=f"at most {most} worlds"):
        ram.require_ram(worlds)
    fits = ram.require_ram(load_run("arm_reach", [f"num_envs={most}"]))
    assert f"train.num_envs = {most} " in fits and "take about 4.0 GB of memory" in fits
    with pytest.raises(ram.UsageError):
        ram.require_ram(load_run("arm_reach", [f"num_envs={most + 1}"]))


def test_a_sample_is_stored_three_times_and_goes_through_the_critic() -> None:
    """What actor (31) and critic (123) see, action and mean (7 each), reward; layers of 256 and 128: 4 bytes each."""
    assert ram.need_of(load_run("arm_reach")).sample == 4 * (3 * (31 + 123 + 7 + 7 + 1) + 2 * (256 + 128))
    lstm = load_run("arm_reach", ["train.algorithm.memory.kind=lstm", "train.algorithm.memory.size=100"])
    assert ram.need_of(lstm).sample == 4 * (3 * (31 + 123 + 7 + 7 + 1 + 200) + 2 * (256 + 128))


def test_rollouts_that_are_kept_count() -> None:
    kept = ram.need_of(load_run("arm_reach", ["train.algorithm={kind: off_policy_ac, stored_rollouts: 5}"])).sample
    once = ram.need_of(load_run("arm_reach")).sample
    assert kept - once == 4 * 5 * (31 + 2 * 123 + 7 + 7 + 1)  # what the critic saw, before and after


def test_an_ordinary_training_is_not_reckoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ram, "free_ram", lambda: 0)
    assert ram.require_ram(load_run("arm_reach")) == ""


def test_a_containers_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ram, "CGROUP", tmp_path)
    machine = ram.free_ram()
    assert machine > 1e8
    (tmp_path / "memory.current").write_text("400\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert ram.free_ram() == 600
    (tmp_path / "memory.max").write_text("300\n")
    assert ram.free_ram() == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert ram.free_ram() > 1e8

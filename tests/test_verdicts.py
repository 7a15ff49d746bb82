"""`ashore gate` from a policy file to a stamp, and who reads the stamp."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ashore
from ashore.cli import main
from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.configs.verdict import Verdict, read_stamp, verdict_path
from ashore.deploy_ros import dds_node
from ashore.runs import POLICY_FILE
from ashore.trained_policy import load_trained
from tests.untrained import export_untrained

SHORT = ["task.episode_seconds=0.2", "task.options.hold_seconds=0.1"]
EASY = "success: {at_least: 0.7, episodes: 16, doublings: 0}\n"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policies") / "run" / POLICY_FILE
    export_untrained(load_run("arm_reach", SHORT), path)
    return path


@pytest.fixture
def policy(exported: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run" / POLICY_FILE
    path.parent.mkdir()
    path.write_bytes(exported.read_bytes())
    return path


@pytest.fixture
def easy_policy(tmp_path: Path) -> Path:
    """Of a task whose goal is wherever the arm is: doing nothing succeeds."""
    path = tmp_path / "easy" / POLICY_FILE
    export_untrained(load_run("arm_reach", [*SHORT, "task.options.tolerance=10.0"]), path)
    return path


def requirements(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_an_untrained_policy_is_not_let_through(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "success: {at_least: 0.5, episodes: 8}\ntolerates: {at_least: 0.5, episodes: 8, values: {command_latency: 0.02}}\n"
    assert main(["gate", str(policy.parent), "--require", requirements(tmp_path, text)]) == 1
    out = capsys.readouterr().out
    assert "command_latency = 0.02 s" in out and "at least 50%" in out and "failed" in out
    verdict = Verdict.model_validate_json(verdict_path(policy).read_text(), strict=True)
    assert verdict.policy_sha256 == load_trained(str(policy)).sha256
    assert [row.word for row in verdict.rows] == ["failed", "failed"] and verdict.command.startswith("ashore")
    assert main(["inspect", str(policy)]) == 0
    assert "did not show 2 of 2 requirements of mine.yaml" in capsys.readouterr().out


def test_a_failing_world_nearby_is_the_worst_case_and_far_from_any_there_is_none(
    policy: Path, easy_policy: Path, tmp_path: Path
) -> None:
    require = requirements(tmp_path, "worst_case: {distance: 1.0, budget: 256}\n")
    failing = ashore.gate(policy, require, quiet=True).verdict.rows[0]
    assert failing.word == "failed" and failing.found.startswith("at 0.00, fails when every parameter is nominal")
    easy = ashore.gate(easy_policy, require, quiet=True).verdict.rows[0]
    assert easy.passed and easy.found.startswith("none in ")
    assert easy.required == "none that fails within 1 trained widths of nominal"


def test_the_same_seed_gives_the_same_verdict_and_success_that_of_evaluate(policy: Path, tmp_path: Path) -> None:
    require = requirements(tmp_path, "success: {at_least: 0.5, episodes: 16, doublings: 1}\n")
    first, second = (ashore.gate(policy, require, seed=3, quiet=True) for _ in range(2))
    assert first.verdict.rows == second.verdict.rows
    evaluated = ashore.evaluate(policy, first.verdict.rows[0].episodes or 0, seed=3, quiet=True)
    assert evaluated.success == (first.verdict.rows[0].successes or 0) / (first.verdict.rows[0].episodes or 1)


def test_deploy_warns_until_there_is_a_passing_stamp_of_this_very_file(
    easy_policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = easy_policy
    monkeypatch.setattr(dds_node, "run_node", lambda *_: 0)

    def warned() -> str:
        assert main(["deploy", str(policy)]) == 0
        return capsys.readouterr().err

    assert warned() == "ashore: warning: policy.onnx: no verdict; allowed: ashore gate policy.onnx\n"
    assert main(["gate", str(policy), "--require", requirements(tmp_path, EASY)]) == 0
    assert "passed all 1 requirements of mine.yaml" in capsys.readouterr().out
    assert warned() == ""
    data = json.loads(verdict_path(policy).read_text())
    verdict_path(policy).write_text(json.dumps(data | {"policy_sha256": "0" * 64}))
    assert "is of another file, 0000000000000000, and ignored" in warned()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tolerates: {values: {gravity: 1.0}}", r"mine.yaml: tolerates.values: gravity is no parameter of the task"),
        ("success: {at_least: 0.99, episodes: 4}", "mine.yaml: success: 4 episodes with 2 doublings cannot show 99%"),
    ],
)
def test_what_cannot_be_judged_is_said_before_anything_is_played(
    policy: Path, tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        ashore.gate(policy, requirements(tmp_path, text), quiet=True)
    assert not verdict_path(policy).exists()


def test_a_run_without_an_exported_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no policy\.onnx, which a verdict is bound to; allowed: ashore export"):
        ashore.gate(tmp_path, quiet=True)


def test_an_interrupted_verdict_leaves_the_one_before(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict_path(policy).write_text("before")

    def stopped(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("ashore.verdicts.measure_in", stopped)
    assert main(["gate", str(policy), "--require", requirements(tmp_path, EASY)]) == 130
    assert "no verdict was written" in capsys.readouterr().out
    assert verdict_path(policy).read_text() == "before"
    assert read_stamp(policy, "0" * 64).verdict is None

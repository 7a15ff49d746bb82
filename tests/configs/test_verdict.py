"""A stamp holds for one file, and whoever wrote it cannot do more than be refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ashore.configs.verdict import Row, Verdict, read_stamp, verdict_path

SHA = "ab" * 32
ROW = Row(name="success", required="at least 90%", found="64 of 64", passed=True)
OPEN = Row(
    name="payload = 2 kg", required="at least 80%", found="52 of 64", passed=False, at_least=0.8, interval=(0.7, 0.9)
)


def verdict(*rows: Row, **other: Any) -> Verdict:
    given = {
        "policy_sha256": SHA,
        "task": "arm_push",
        "robot": "panda",
        "passed": all(row.passed for row in rows),
        "rows": rows,
        "requirements": "deploy.yaml",
        "requirements_sha256": SHA,
        "seed": 0,
        "made": "2026-01-02 03:04:05",
        "command": "ashore gate",
        "commit": "",
        "ashore_version": "0.1.0",
    }
    return Verdict.model_validate(given | other)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return tmp_path / "policy.onnx"


def test_a_stamp_is_read_back_for_its_file_alone(policy: Path) -> None:
    assert read_stamp(policy, SHA).line == "no verdict; allowed: ashore gate policy.onnx"
    assert verdict_path(policy).name == "policy.verdict.json"
    verdict_path(policy).write_text(verdict(ROW).model_dump_json(indent=1))
    stamp = read_stamp(policy, SHA)
    assert stamp.passed and stamp.line == "passed all 1 requirements of deploy.yaml, 2026-01-02"
    other = read_stamp(policy, "cd" * 32)
    assert not other.passed and other.line == "policy.verdict.json is of another file, abababababababab, and ignored"


def test_what_was_not_shown_is_named(policy: Path) -> None:
    verdict_path(policy).write_text(verdict(ROW, OPEN).model_dump_json())
    stamp = read_stamp(policy, SHA)
    assert not stamp.passed
    assert stamp.line == (
        "did not show 1 of 2 requirements of deploy.yaml, 2026-01-02; first: payload = 2 kg, at least 80%: 52 of 64"
    )
    assert OPEN.word == "open" and OPEN.model_copy(update={"interval": (0.5, 0.79)}).word == "failed"


def changed(**fields: Any) -> str:
    return json.dumps(verdict(ROW).model_dump(mode="json") | fields)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no verdict"),
        ("[" * 100_000, "no verdict"),
        ("\xff", "no verdict"),
        (changed(passed=False), "passed = False with rows that say otherwise"),
        (changed(rows=[]), "rows: "),
        (changed(task="arm\x1b[2J"), "task: "),
        (changed(task="a\nb"), "task: "),
        (changed(extra=1), "extra: "),
        (changed(passed="true"), "passed: "),
        (changed(policy_sha256="x"), "policy_sha256: "),
        (changed(**{"\x1b[2J": 1}), r"\?\[2J: "),
        ('{"passed": false, "passed": true}', "stands there twice"),
        (changed(task="a" * 2**21), "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_verdict_counts_for_nothing(policy: Path, text: str, said: str) -> None:
    verdict_path(policy).write_bytes(text.encode("latin-1"))
    stamp = read_stamp(policy, SHA)
    assert not stamp.passed and stamp.verdict is None
    assert stamp.line.isprintable() and len(stamp.line) < 300
    assert re.search(said, stamp.line)


def test_a_folder_or_a_pipe_in_its_place_is_no_verdict(policy: Path) -> None:
    verdict_path(policy).mkdir()
    assert read_stamp(policy, SHA).line.startswith("no verdict")

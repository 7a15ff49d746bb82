"""Episodes of a sweep on disk: what is there is never lost, and what is not of this sweep is never mixed in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ashore.configs.errors import UsageError
from ashore.randomization.robustness.outcomes import Requests
from ashore.sweep_records import SweepRecords, header

FIRST = header(policy="reacher", plan={"episodes": 4}, seed=0)


def chunk(point: int) -> Requests:
    return Requests(np.full(4, point), np.arange(4))


def written(path: Path, chunks: int = 3) -> bytes:
    records = SweepRecords(path, FIRST)
    for k in range(chunks):
        records.append(chunk(k), {"success": np.array([1.0, 0, 1, 1]), "time": np.array([0.1, np.nan, 1 / 3, 2])})
    records.close()
    return path.read_bytes()


def test_what_was_written_is_read_back_to_the_bit_and_then_the_file_grows(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole")
    written(tmp_path / "part", 2)
    records = SweepRecords(tmp_path / "part", FIRST)
    for k in range(2):
        columns = records.recorded(chunk(k))
        assert columns is not None
        np.testing.assert_array_equal(columns["time"], [0.1, np.nan, 1 / 3, 2])
    assert records.recorded(chunk(2)) is None
    records.append(chunk(2), {"success": np.array([1.0, 0, 1, 1]), "time": np.array([0.1, np.nan, 1 / 3, 2])})
    records.close()
    assert (tmp_path / "part").read_bytes() == whole


@pytest.mark.parametrize("cut", [1, 40, 100])
def test_a_line_that_was_not_finished_is_dropped(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "episodes.jsonl"
    whole = written(path)
    path.write_bytes(whole[:-cut])
    records = SweepRecords(path, FIRST)
    found = [records.recorded(chunk(k)) is not None for k in range(3)]
    records.close()
    assert found == [True, True, False]
    assert path.read_bytes() == b"\n".join(whole.split(b"\n")[:3]) + b"\n"


def damage(text: str) -> dict[str, bytes]:
    lines = text.encode().splitlines(keepends=True)
    other = json.dumps(header(policy="other", plan={"episodes": 8}, seed=0)).encode() + b"\n"
    return {
        "damaged in line 3": b"".join([*lines[:2], lines[2].replace(b"[1.0,0.0", b"[1.0,1.0"), *lines[3:]]),
        "damaged in line 2": b"".join([lines[0], b"{}\n", *lines[2:]]),
        "is damaged in line 2": b"".join([lines[0], b'{"crc32":"0","points":[NaN]}\n', *lines[2:]]),
        "jsonl is damaged in line 2": b"".join([lines[0], b"[" * 100_000 + b"\n", *lines[2:]]),
        "is no file of a sweep's episodes": b"".join([lines[0].replace(b'"seed":0', b'"seed":NaN'), *lines[1:]]),
        "no file of a sweep's episodes": b"a,b\n1,2\n",
        "another sweep (policy other, now reacher; plan.episodes 8, now 4)": other,
    }


@pytest.mark.parametrize("what", list(damage("a\nb\nc\nd\n")))
def test_a_damaged_or_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path, what: str) -> None:
    path = tmp_path / "episodes.jsonl"
    wrong = damage(written(path).decode())[what]
    path.write_bytes(wrong)
    with pytest.raises(UsageError) as told:
        SweepRecords(path, FIRST)
    assert what in str(told.value)
    assert "allowed: the same command as before, another folder (--out DIR), or remove the file" in str(told.value)
    assert path.read_bytes() == wrong


def test_episodes_that_the_sweep_does_not_ask_for_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "episodes.jsonl")
    records = SweepRecords(tmp_path / "episodes.jsonl", FIRST)
    with pytest.raises(UsageError, match="line 2 holds other episodes than this sweep plays"):
        records.recorded(chunk(7))
    records.close()

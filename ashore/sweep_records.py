"""Episodes of a sweep on disk: JSON lines that only grow, so that an interrupted sweep goes on where it was.

The first line says what is measured: plan, policy and task, with a hash of all. Each further line is a chunk of episodes in
the order in which the sweep asks for them, with a checksum. A line is written whole, or, where the machine stops in the
middle of it, is dropped when the file is opened again.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ashore.configs.errors import UsageError
from ashore.randomization.robustness.outcomes import Floats, Requests

FORMAT = "ashore-sweep-episodes/1"
CHECKSUM = "crc32"
MOST_BYTES = 2**29  # of a file; a sweep of a million episodes takes a fifth of it
MOST_TOLD = 5  # of what differs
ADVICE = "allowed: the same command as before, another folder (--out DIR), or remove the file"


def header(**facts: Any) -> dict[str, Any]:
    """The first line of a file: what is measured, and a hash of it."""
    whole = {"format": FORMAT, **facts}
    return whole | {"sha256": hashlib.sha256(_dump(whole).encode()).hexdigest()}


class SweepRecords:
    """The file of one policy's episodes. What was there is read first, chunk by chunk, and then the file grows."""

    def __init__(self, path: Path, first: Mapping[str, Any]) -> None:
        """first: as `header` gives it. UsageError, and nothing is touched, where the file is damaged or of another sweep."""
        self._path, self._read = path, 0
        self._lines: list[dict[str, Any]] = []
        whole = self._load(first) if path.exists() else 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)
        if whole == 0:
            self._write(_dump(first))

    def recorded(self, requests: Requests) -> dict[str, Floats] | None:
        """What became of the next chunk, where the file has it; it must be what the sweep asks for."""
        if self._read == len(self._lines):
            return None
        line = self._lines[self._read]
        self._read += 1
        if line["points"] != requests.points.tolist() or line["episodes"] != requests.episodes.tolist():
            raise UsageError(
                f"{self._path}, line {self._read + 1} holds other episodes than this sweep plays; {ADVICE}"
            )
        return {
            name: np.array([np.nan if v is None else v for v in values], np.float64)
            for name, values in line["columns"].items()
        }

    def append(self, requests: Requests, columns: Mapping[str, Floats]) -> None:
        """Add the next chunk."""
        plain = {name: [None if np.isnan(v) else v for v in values.tolist()] for name, values in columns.items()}
        body = {"points": requests.points.tolist(), "episodes": requests.episodes.tolist(), "columns": plain}
        self._write(_dump({CHECKSUM: _checksum(body)} | body))

    def close(self) -> None:
        os.close(self._file)

    def _write(self, line: str) -> None:
        data = memoryview((line + "\n").encode())
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)

    def _load(self, first: Mapping[str, Any]) -> int:
        """Read the lines; gives how many bytes of the file are whole lines."""
        if self._path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{self._path} is larger than {MOST_BYTES // 2**20} MiB, which no sweep is; {ADVICE}")
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].splitlines()
        if not lines and data and not _dump(first).encode().startswith(data):
            raise UsageError(f"{self._path} is no file of a sweep's episodes; {ADVICE}")
        for number, text in enumerate(lines, start=1):
            line = self._parse(text, number)
            if number == 1:
                self._require_same(line, first)
            else:
                self._lines.append(line)
        return whole

    def _parse(self, text: bytes, number: int) -> dict[str, Any]:
        try:
            line = json.loads(text)
            if number == 1 and isinstance(line, dict) and line.get("format") == FORMAT and _dump(line):
                return line
            if number > 1 and isinstance(line, dict) and line.pop(CHECKSUM, None) == _checksum(line):
                return line
        except (ValueError, RecursionError):  # no JSON, nested without end, or NaN, which is none either
            pass
        what = "is no file of a sweep's episodes" if number == 1 else f"is damaged in line {number}"
        raise UsageError(f"{self._path} {what}; {ADVICE}")

    def _require_same(self, found: Mapping[str, Any], first: Mapping[str, Any]) -> None:
        if found == first:
            return
        a, b = _flat(found), _flat(first)
        differing = [k for k in {**a, **b} if a.get(k) != b.get(k) and k not in ("sha256", "format")]
        told = "; ".join(
            f"{k.replace('_', ' ')} {_short(a.get(k))}, now {_short(b.get(k))}" for k in differing[:MOST_TOLD]
        )
        raise UsageError(f"{self._path} holds the episodes of another sweep ({told}); {ADVICE}")


def _flat(data: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in data.items():
        out |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) and value else {above + name: value}
    return out


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else _dump(value)
    return text if len(text) <= 48 else text[:45] + "..."


def _dump(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def _checksum(body: Any) -> str:
    return f"{zlib.crc32(_dump(body).encode()):08x}"

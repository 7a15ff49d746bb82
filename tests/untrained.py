"""Exports of policies that have learned nothing, each made once in a run of the tests: tracing one takes seconds."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ashore.configs.schema import RunSettings

FOLDER = Path()  # of all processes of this run of the tests; conftest.py says where


def export_untrained(run: RunSettings, path: Path) -> None:
    """As `ashore.runs.export_untrained`."""
    from ashore import runs  # torch, which a robot does without

    made = FOLDER / f"{hashlib.sha256(run.model_dump_json().encode()).hexdigest()}.onnx"
    if not made.exists():
        partial = made.with_suffix(f".{os.getpid()}")
        runs.export_untrained(run, partial)
        partial.replace(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.read_bytes())

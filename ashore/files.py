"""Writing results: never half a file, and the commit that made them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ashore.configs.whole_file import whole_file


def commit() -> str:
    """The commit of this code, where it is a checkout."""
    try:
        here = Path(__file__).parent
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def write_atomically(path: Path, text: str) -> None:
    """Never leave half a file."""
    with whole_file(path) as part:
        part.write_text(text)

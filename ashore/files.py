"""Writing results: never half a file, and the commit that made them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ashore.configs.errors import UsageError
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


def require_writable(path: Path) -> None:
    """Raise, before hours of work, where a file cannot be written that is to hold their result; makes its folder."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; allowed: a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path.parent} cannot be written to; allowed: a file elsewhere")

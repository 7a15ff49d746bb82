"""Writing results: never half a file, and the commit that made them."""

from __future__ import annotations

import subprocess
from pathlib import Path


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
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    temporary.replace(path)

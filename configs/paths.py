"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from ashore.configs.errors import AshoreError


class PathError(AshoreError, ValueError):
    """A path that leads nowhere on this machine."""


def expand(path: str | Path) -> Path:
    """The path with `~` replaced by the home directory; PathError where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise PathError(f"{str(path)!r}: no home directory is known for ~; allowed: a path without ~") from None


def is_path(reference: str) -> bool:
    """Whether a reference is a path to a YAML file, not the name of a preset, nor of a gymnasium environment."""
    if reference.startswith("gymnasium:"):
        return False
    return "/" in reference or os.sep in reference or reference.endswith((".yaml", ".yml"))


def anchored(reference: str, base: Path) -> str:
    """A reference whose relative path starts at `base`, as one that holds everywhere; a name stays as it is."""
    return str((base / expand(reference)).absolute()) if is_path(reference) else reference

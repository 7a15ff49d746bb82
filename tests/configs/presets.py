"""Presets spoilt for a test, and what is said of them."""

from pathlib import Path

import pytest

from ashore.configs.loader import ConfigError, load_run


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def fault(folder: Path, *overrides: str, preset: str | Path = "reach") -> str:
    with pytest.raises(ConfigError) as caught:
        load_run(preset, overrides, folder=folder)
    return str(caught.value)

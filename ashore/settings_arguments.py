"""Settings given in Python, `total_steps=8000, task={"episode_seconds": 2.0}`, as the overrides that `--set` takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ashore.configs.faults import ConfigError

# A mapping changes single values, unless it has the field that says what the whole is; its own path's last key, and the field.
WHOLE = {"sampler": "kind", "algorithm": "kind", "robot": "model", "randomization": "effect"}


def overrides_of(settings: Mapping[str, Any]) -> list[str]:
    """`NAME=VALUE` for each value; names may be dotted, values nested mappings, lists, numbers, text, paths or None."""
    return [f"{'.'.join(keys)}={_text(keys, value)}" for keys, value in _flat((), settings)]


def _flat(above: tuple[str, ...], settings: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in settings.items():
        keys = (*above, *str(name).split("."))
        if isinstance(value, Mapping) and value and not _is_whole(keys, value):
            yield from _flat(keys, value)
        else:
            yield keys, value


def _is_whole(keys: tuple[str, ...], value: Mapping[str, Any]) -> bool:
    entry = WHOLE["randomization"] if "randomization" in keys[-2:-1] else WHOLE.get(keys[-1])
    return entry in value


def _text(keys: tuple[str, ...], value: Any) -> str:
    """As JSON, which is YAML."""
    try:
        return json.dumps(value, default=_plain)
    except TypeError as error:
        raise ConfigError(f"{'.'.join(keys)} = {value!r}: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy's numbers and arrays, torch's tensors
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no setting; allowed: numbers, text, lists, mappings, None")

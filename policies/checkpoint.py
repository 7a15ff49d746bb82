"""A checkpoint is a folder that is whole or is not there: tensors in safetensors, the rest in JSON, hashes of both.

It is written beside its final name, flushed to disk and renamed, so that a process killed at any moment leaves the
checkpoints before it untouched and nothing half-written that could be taken for one.

Large arrays that change little, as a replay's, are parts: files of their own. A part that is as it was in the checkpoint before
is a hard link to that one's file, so that each checkpoint is whole and costs what changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy

from ashore.configs.errors import AshoreError
from ashore.configs.older import bring_train_up_to_date
from ashore.configs.schema import TrainSettings
from ashore.policies.serialize import decode, encode

FORMAT = "ashore-checkpoint/1"
MANIFEST, STATE, TENSORS = "manifest.json", "state.json", "tensors.safetensors"
PART = ".part.safetensors"
_PARTIAL = ".partial-"


class CheckpointError(AshoreError):
    """A checkpoint is missing, damaged, or not one of ours."""


class Part(NamedTuple):
    """Arrays that have a file of their own in a checkpoint."""

    version: int  # grows whenever they change
    arrays: Callable[[], Mapping[str, np.ndarray]]


def save(folder: Path, step: int, state: dict[str, Any], keep: int, parts: Mapping[str, Part] | None = None) -> Path:
    """Write `state` as the checkpoint of `step` (control steps done) into `folder`; keep the newest `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{_PARTIAL}*"):
        shutil.rmtree(leftover)
    path = folder / f"{step:012d}"
    partial = folder / f"{_PARTIAL}{path.name}"
    partial.mkdir()
    before = latest(folder)
    described = {f"{name}{PART}": _take(f"{name}{PART}", part, partial, before) for name, part in (parts or {}).items()}
    arrays: dict[str, np.ndarray] = {}
    tree = encode(state, arrays)
    for name, data in ((STATE, json.dumps(tree).encode()), (TENSORS, safetensors.numpy.save(arrays))):
        described[name] = _write(partial / name, data)
    _write(partial / MANIFEST, json.dumps({"format": FORMAT, "files": described}, indent=1).encode())
    _sync(partial)
    if path.exists():
        _remove(path)
    partial.rename(path)
    _sync(folder)
    for old in complete(folder)[:-keep]:
        _remove(old)
    return path


def load(path: Path) -> dict[str, Any]:
    """The state that `save` was given, to the bit; `CheckpointError` where a single bit of it changed."""
    described = _manifest(path)
    contents = {name: _verified(path / name, described[name]) for name in (STATE, TENSORS)}
    state = decode(json.loads(contents[STATE]), safetensors.numpy.load(contents[TENSORS]))
    assert isinstance(state, dict)
    return state


def load_parts(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The parts of a checkpoint, name and arrays, one after the other."""
    for name, expected in _manifest(path).items():
        if name.endswith(PART):
            yield name.removesuffix(PART), safetensors.numpy.load(_verified(path / name, expected))


def train_settings(text: str) -> TrainSettings:
    """The settings that a checkpoint has as JSON, of whatever version."""
    data = json.loads(text)
    bring_train_up_to_date(data)
    return TrainSettings.model_validate_json(json.dumps(data))


def complete(folder: Path) -> list[Path]:
    """All complete checkpoints in `folder`, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.name.isdigit() and (p / MANIFEST).is_file())


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint in `folder`, if there is one."""
    return next(reversed(complete(folder)), None)


def _take(file: str, part: Part, folder: Path, before: Path | None) -> dict[str, Any]:
    """Put a part into a checkpoint's folder: as a link to the one before, where it has not changed. Gives its entry."""
    known = _unchanged(file, part, before)
    if before is None or known is None:
        return _write(folder / file, safetensors.numpy.save(dict(part.arrays()))) | {"version": part.version}
    try:
        os.link(before / file, folder / file)
    except OSError:  # a file system without hard links
        shutil.copyfile(before / file, folder / file)
    return known


def _unchanged(file: str, part: Part, before: Path | None) -> dict[str, Any] | None:
    """The entry of a part in the checkpoint before, if it is there as it is now; a damaged one is written anew."""
    try:
        known: dict[str, Any] | None = _manifest(before).get(file) if before is not None else None
        if before is None or known is None or known.get("version") != part.version:
            return None
        return known if (before / file).stat().st_size == known["bytes"] else None
    except (CheckpointError, OSError):
        return None


def _write(path: Path, data: bytes) -> dict[str, Any]:
    """Write a file, flushed to disk; gives its entry in the manifest."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _verified(path: Path, expected: Mapping[str, Any]) -> bytes:
    data = _read(path)
    if len(data) != expected["bytes"]:
        raise CheckpointError(f"{path} has {len(data)} bytes; expected {expected['bytes']}")
    if hashlib.sha256(data).hexdigest() != expected["sha256"]:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}")
    return data


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest's entry for each file of the checkpoint at `path`."""
    if not path.is_dir():
        raise CheckpointError(f"no checkpoint at {path}")
    try:
        manifest = json.loads(_read(path / MANIFEST))
        version, files = manifest["format"], manifest["files"]
        for name in {STATE, TENSORS, *files}:
            files[name]["bytes"], files[name]["sha256"]
            if os.path.basename(name) != name:
                raise ValueError(f"{name!r} is no name of a file")
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path / MANIFEST} is not the manifest of a checkpoint ({error!r})") from error
    if version != FORMAT:
        raise CheckpointError(f"{path} has format {version!r}; allowed: {FORMAT!r}")
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error


def _sync(folder: Path) -> None:
    """Make the folder's entries last through a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    """Delete a checkpoint such that no moment shows half of it under its name."""
    doomed = path.with_name(f"{_PARTIAL}old-{path.name}")
    path.rename(doomed)
    shutil.rmtree(doomed)

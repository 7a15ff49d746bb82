"""Transitions as a data set: in memory, and in files that hold arrays and nothing that could be run."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
import torch
from torch import Tensor

from ashore.configs.errors import UsageError


class Transitions(NamedTuple):
    """K steps, of any worlds in any order."""

    observation: Tensor  # [K, n] float32
    action: Tensor  # [K] int64, choices from 0 on
    reward: Tensor  # [K] float32
    next_observation: Tensor  # [K, n] float32, of an ended episode its terminal one
    terminated: Tensor  # [K] bool: nothing follows; a time limit is no such end

    def newest(self, count: int) -> Transitions:
        return Transitions(*(x[-count:] for x in self))

    def join(self, other: Transitions) -> Transitions:
        return Transitions(*(torch.cat(pair) for pair in zip(self, other, strict=True)))


TYPES = dict(
    zip(Transitions._fields, (torch.float32, torch.int64, torch.float32, torch.float32, torch.bool), strict=True)
)


def no_transitions(size: int) -> Transitions:
    """An empty set of observations [0, size]."""
    rows, each = torch.zeros(0, size), torch.zeros(0)
    return Transitions(rows, each.long(), each, rows, each.bool())


def save_transitions(path: Path, data: Transitions) -> None:
    """Write .npz or .safetensors, by the file's ending."""
    arrays = {name: x.numpy() for name, x in data._asdict().items()}
    if path.suffix == ".npz":
        np.savez_compressed(path, **arrays)
    elif path.suffix == ".safetensors":
        safetensors.numpy.save_file(arrays, path)
    else:
        raise UsageError(f"{path} has the ending {path.suffix!r}; allowed: .npz, .safetensors")


def load_transitions(path: Path, size: int, choices: int) -> Transitions:
    """Read a data set of observations of `size` values and so many choices; UsageError says what does not fit."""
    try:
        arrays = _read(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, safetensors.SafetensorError) as error:
        raise UsageError(f"algorithm.data = {str(path)!r} cannot be read: {error}") from None
    if missing := sorted(set(TYPES) - set(arrays)):
        raise UsageError(f"{path} lacks {', '.join(missing)}; allowed: {', '.join(TYPES)}")
    data = Transitions(*(torch.from_numpy(np.array(arrays[name])).to(kind) for name, kind in TYPES.items()))
    count = len(data.reward)
    for name, x in data._asdict().items():
        wanted = [count, size] if name in ("observation", "next_observation") else [count]
        if list(x.shape) != wanted or not count:
            raise UsageError(f"{path}: {name} is {list(x.shape)}; allowed here: {wanted}, with at least one row")
        if not x.isfinite().all():
            raise UsageError(f"{path}: {name} is not finite, first at {(~x.isfinite()).nonzero()[0].tolist()}")
    if data.action.min() < 0 or data.action.max() >= choices:
        raise UsageError(
            f"{path}: action reaches from {data.action.min()} to {data.action.max()}; allowed: 0 to {choices - 1}"
        )
    return data


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    if path.suffix == ".safetensors":
        return safetensors.numpy.load_file(path)
    raise ValueError(f"its ending is {path.suffix!r}; allowed: .npz, .safetensors")

"""Recorded episodes: what an actor saw and did, in one safetensors file.

Tensors: `actor` [S, n] float32, raw observations; `action` [S, a] float32 in [-1, 1], or [S] int64 choices; `began` [S] bool,
where an episode begins. The metadata says what the columns are and holds the run's settings, as a policy file does. Nothing
in the file is code, and `load` trusts nothing in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from pydantic import Field, ValidationError
from torch import Tensor

from ashore.configs.base import Count, Settings
from ashore.configs.errors import AshoreError
from ashore.configs.whole_file import whole_file

FORMAT: Literal["ashore-episodes/1"] = "ashore-episodes/1"
HEADER = "ashore.episodes"
MOST_STEPS, MOST_COLUMNS = 2**26, 2**16
DTYPES = {"actor": torch.float32, "action": torch.float32, "began": torch.bool}


class RecordingError(AshoreError):
    """A file of episodes is damaged, or not what it should be."""


class RecordingHeader(Settings):
    """What a recording says of itself."""

    format: Literal["ashore-episodes/1"] = FORMAT
    task: str
    robot: str
    signals: tuple[tuple[str, Count], ...] = Field(description="name and size, in the order of the columns of `actor`")
    action: str = Field(description="what actions mean, as task.action")
    action_size: Count
    discrete: bool = False
    control_dt: float = Field(gt=0, description="s")
    settings_sha256: str = Field(description="of the task's settings, as JSON with sorted keys")
    settings: dict[str, Any] = Field(description="the run's settings")


class Recording:
    """S control steps of whole episodes, one after the other."""

    def __init__(self, header: RecordingHeader, actor: Tensor, action: Tensor, began: Tensor) -> None:
        """actor [S, n], action [S, a] or [S], began [S]; RecordingError where they are not what the header says."""
        self.header, self.actor, self.action, self.began = header, actor, action, began
        self._check()

    @property
    def episode(self) -> Tensor:
        """Which episode each step is of: [S] int64."""
        return self.began.cumsum(0) - 1

    @property
    def num_episodes(self) -> int:
        return int(self.began.sum())

    def _check(self) -> None:
        h, steps = self.header, len(self.began)
        size = sum(columns for _, columns in h.signals)
        shapes = {
            "actor": [steps, size],
            "action": [steps] if h.discrete else [steps, h.action_size],
            "began": [steps],
        }
        for name, shape in shapes.items():
            x = getattr(self, name)
            dtype = torch.int64 if name == "action" and h.discrete else DTYPES[name]
            if list(x.shape) != shape or x.dtype != dtype:
                raise RecordingError(f"{name} is {list(x.shape)} {x.dtype}; allowed by the header: {shape} {dtype}")
            if not x.isfinite().all():
                raise RecordingError(f"{name} holds values that are not finite")
        if steps == 0 or not self.began[0]:
            raise RecordingError("the first step begins no episode")
        if h.discrete and not bool(((self.action >= 0) & (self.action < h.action_size)).all()):
            raise RecordingError(f"action holds choices out of range; allowed: 0 to {h.action_size - 1}")
        if not h.discrete and bool((self.action.abs() > 1).any()):
            raise RecordingError("action holds values beyond 1; allowed: within [-1, 1]")


def save(recording: Recording, path: Path) -> None:
    """Write a recording; never half a file."""
    tensors = {name: getattr(recording, name).contiguous() for name in DTYPES}
    with whole_file(path) as part:
        safetensors.torch.save_file(tensors, part, {HEADER: recording.header.model_dump_json()})


def load(path: Path) -> Recording:
    """A recording, from whomever; RecordingError says what is wrong with it. Sizes are checked before anything is read."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = RecordingHeader.model_validate_json((file.metadata() or {})[HEADER])
            if sorted(file.keys()) != sorted(DTYPES):
                raise RecordingError(f"tensors are {sorted(file.keys())}; allowed: {sorted(DTYPES)}")
            for name in DTYPES:
                shape = file.get_slice(name).get_shape()
                if len(shape) not in (1, 2) or shape[0] > MOST_STEPS or any(n > MOST_COLUMNS for n in shape[1:]):
                    raise RecordingError(f"{name} is {shape}; allowed: {MOST_STEPS} steps of {MOST_COLUMNS} columns")
            return Recording(header, **{name: file.get_tensor(name) for name in DTYPES})
    except (RecordingError, ValidationError, KeyError, safetensors.SafetensorError, json.JSONDecodeError) as error:
        text = str(error).splitlines()[0] if not isinstance(error, KeyError) else f"its metadata has no {error}"
        raise RecordingError(f"{path} is no recording of episodes: {text}") from None


def joined(recordings: list[Recording]) -> Recording:
    """All episodes of recordings that mean the same; RecordingError says what differs."""
    first = recordings[0]
    for other in recordings[1:]:
        for name in ("task", "robot", "signals", "action", "action_size", "discrete", "control_dt"):
            a, b = getattr(first.header, name), getattr(other.header, name)
            if a != b:
                raise RecordingError(f"recordings differ in {name}: {a!r} and {b!r}; allowed: the same in all")
    return Recording(first.header, *(torch.cat([getattr(r, name) for r in recordings]) for name in DTYPES))

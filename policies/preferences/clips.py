"""Pairs of short clips as tensors, in one safetensors file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ashore.configs.errors import AshoreError
from ashore.configs.whole_file import whole_file

Answer = Literal["left", "right", "equal", "skip"]
ANSWERS: tuple[Answer, ...] = ("left", "right", "equal", "skip")
LEFT_IS_BETTER = {"left": 1.0, "right": 0.0, "equal": 0.5}  # probability; who skips tells nothing


class Clips(NamedTuple):
    """P pairs of clips of L control steps each; `valid` is False from the end of an episode on."""

    critic: Tensor  # [P, 2, L, m] what the critic sees before each step
    actor: Tensor  # [P, 2, L, n]
    action: Tensor  # [P, 2, L, a] in [-1, 1]
    terms: Tensor  # [P, 2, L, k] the task's own reward, which the fit never sees: for scripted judges
    valid: Tensor  # [P, 2, L] bool


def save(clips: Clips, path: Path) -> None:
    """Write clips; never half a file."""
    with whole_file(path) as part:
        safetensors.torch.save_file({name: x.contiguous() for name, x in clips._asdict().items()}, part)


def load(path: Path) -> Clips:
    """Clips as `save` wrote them."""
    try:
        tensors = safetensors.torch.load_file(path)
        clips = Clips(**tensors)
    except (safetensors.SafetensorError, TypeError, OSError) as error:
        raise AshoreError(f"{path} holds no clips: {error}") from None
    if any(x.shape[:3] != clips.valid.shape for x in clips) or clips.valid.dtype != torch.bool:
        raise AshoreError(f"{path} holds clips of unequal sizes")
    return clips


def joined(parts: list[Clips]) -> Clips:
    """All pairs of several rounds."""
    return Clips(*(torch.cat(columns) for columns in zip(*parts, strict=True)))

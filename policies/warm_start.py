"""A training that starts from the networks of another: weights and statistics for normalization, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ashore.policies.checkpoint import CheckpointError, load

ACTOR = ("actor", "actor_normalizer")


@dataclass(frozen=True)
class Start:
    """Networks of a checkpoint. `critic`: whether the critic's are to be taken too, as its observation means the same."""

    checkpoint: Path
    critic: bool = True


def load_start(start: Start, modules: dict[str, nn.Module]) -> None:
    """Put the checkpoint's networks into a fresh learner's; CheckpointError names every tensor that does not fit."""
    saved = load(start.checkpoint)["learner"]["modules"]
    taken = [name for name in modules if name in ACTOR or (start.critic and name in saved)]
    faults = [fault for name in taken for fault in _misfits(name, saved[name], modules[name])]
    if faults:
        raise CheckpointError(
            f"{start.checkpoint} does not fit: {'; '.join(faults)}; allowed: networks of the same shape, see train.algorithm"
        )
    for name in taken:
        modules[name].load_state_dict(saved[name])


def _misfits(module: str, saved: dict[str, Tensor], fresh: nn.Module) -> list[str]:
    """Tensors of a module that one side lacks or has in another shape."""
    there = {name: list(x.shape) for name, x in saved.items()}
    here = {name: list(x.shape) for name, x in fresh.state_dict().items()}
    names = sorted(there.keys() | here.keys())
    pairs: list[tuple[str, Any, Any]] = [(n, there.get(n, "missing"), here.get(n, "missing")) for n in names]
    return [f"{module}.{name} is {a} there, {b} here" for name, a, b in pairs if a != b]

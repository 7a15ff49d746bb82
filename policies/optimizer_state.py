"""What an optimizer remembers, as a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch


def moments_of(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """What an optimizer remembers of each parameter, in their order."""
    moments = optimizer.state_dict()["state"]
    return [moments[i] for i in sorted(moments)]


def set_moments(optimizer: torch.optim.Optimizer, moments: Iterable[dict[str, Any]]) -> None:
    """Put them back into a fresh optimizer of the same parameters."""
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": dict(enumerate(moments)), "param_groups": groups})

"""Arrays of MuJoCo Warp: as tensors, in pairs with what the rest of the code sees of them, and how much memory they take."""

from __future__ import annotations

import dataclasses
from typing import Any

import mujoco
import mujoco_warp as mjw
import torch
import warp as wp

from ashore.sim.engine.capacity import Capacity, require_memory

_SEEN_AS = {torch.float32: torch.float64}


class Pair:
    """An array of the engine, float32, and what the rest of the code sees of it: of the type that the CPU engine has.

    `held` is the engine's own memory. float32 to float64 and back changes no bit.
    """

    def __init__(self, array: wp.array[Any], views: torch.device, shape: tuple[int, ...] | None = None) -> None:
        held = wp.to_torch(array, requires_grad=False)
        self.held = held if shape is None else held.view(len(held), *shape)
        self.shown = torch.empty_like(self.held, dtype=_SEEN_AS.get(held.dtype), device=views).copy_(self.held)

    def push(self) -> None:
        """To the engine."""
        self.held.copy_(self.shown)

    def pull(self) -> None:
        """From the engine."""
        self.shown.copy_(self.held)


def allocate(model: mujoco.MjModel, num_worlds: int, capacity: Capacity, device: Any) -> Any:
    """The engine's data of all worlds. EngineError where a GPU has no room for them."""

    def data(count: int) -> Any:
        return mjw.make_data(model, nworld=count, nconmax=capacity.contacts, njmax=capacity.rows)

    if device.is_cuda:
        with wp.ScopedDevice("cpu"):
            one, two = (nbytes(data(count)) for count in (1, 2))
        require_memory(num_worlds, two - one, one, device.free_memory)
    return data(num_worlds)


def nbytes(held: Any) -> int:
    """Of all arrays of a structure of the engine's."""
    parts = [getattr(held, f.name) for f in dataclasses.fields(held)]
    arrays = sum(part.capacity for part in parts if isinstance(part, wp.array) and part.capacity)
    return arrays + sum(nbytes(part) for part in parts if dataclasses.is_dataclass(part))

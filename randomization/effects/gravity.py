"""Gravity as a vector."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.configs.entries.physics import GravityParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import SpaceError, WorldFields

KINDS = tuple(GravityParameter.kinds)


class GravityEffect:
    """All entries with `effect: gravity`: strength times the model's gravity, turned by roll, then by pitch."""

    def __init__(self, entries: dict[str, GravityParameter], world: WorldFields) -> None:
        self.dimensions = tuple(Dimension.of(name, entry) for name, entry in entries.items())
        self.claims: dict[tuple[str, int], str] = {}
        for name, entry in entries.items():
            if (other := self.claims.setdefault((entry.kind, 0), name)) != name:
                raise SpaceError(f"{name} and {other} both set the {entry.kind} of gravity")
        self.claims |= {("opt.gravity", i): next(iter(entries)) for i in range(3)}
        self._live = world.field("opt.gravity")
        self._nominal = self._live[0].clone()
        self._places = torch.tensor([KINDS.index(e.kind) for e in entries.values()])
        if self._nominal[2] >= 0 or self._nominal[:2].any():
            raise SpaceError(f"{next(iter(entries))} needs gravity along -z, here it is {self._nominal.tolist()} m/s^2")

    def apply(self, ids: Tensor, values: Tensor) -> None:
        said = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64).repeat(len(ids), 1)
        strength, roll, pitch = said.index_copy_(1, self._places, values.double()).unbind(1)
        # Rx(roll), then Ry(pitch), of (0, 0, -g).
        down = torch.stack((roll.cos() * pitch.sin(), -roll.sin(), roll.cos() * pitch.cos()), 1)
        self._live.index_copy_(0, ids, down * (self._nominal[2] * strength)[:, None])

    def read(self, ids: Tensor) -> Tensor:
        x, y, z = (self._live.index_select(0, ids) / self._nominal[2]).unbind(1)
        strength = (x * x + y * y + z * z).sqrt()
        return torch.stack((strength, torch.asin(-y / strength), torch.atan2(x, z)), 1)[:, self._places]

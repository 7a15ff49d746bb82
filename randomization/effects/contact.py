"""Friction against twisting and rolling, which needs contacts of more dimensions than most models give them."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.configs.entries.physics import ContactParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import SpaceError, WorldFields, matching

_COLUMN = {"spin": 1, "roll": 2}  # of geom_friction
_NEEDED = torch.tensor([3, 4, 6])  # dimensions of a contact with friction in that column


class ContactEffect:
    """All entries with `effect: contact`: columns of geom_friction, and geom_condim where one is above 0."""

    def __init__(self, entries: dict[str, ContactParameter], world: WorldFields) -> None:
        names = world.row_names("geom_friction")
        dimensions: list[Dimension] = []
        sources: list[int] = []
        cells: list[int] = []
        self.claims: dict[tuple[str, int], str] = {}
        for name, entry in entries.items():
            geoms, first = matching(entry.match, names, name, "match"), len(dimensions)
            for i, geom in enumerate(geoms):
                sources.append(first + i * entry.each)
                cells.append(geom * 3 + _COLUMN[entry.kind])
                if (other := self.claims.setdefault(("geom_friction", cells[-1]), name)) != name:
                    raise SpaceError(f"{name} and {other} both set the {entry.kind} of {names[geom]}")
            dimensions += (
                [Dimension.of(name, entry, names[g]) for g in geoms] if entry.each else [Dimension.of(name, entry)]
            )
            self.claims |= {("geom_condim", geom): name for geom in geoms}
        self.dimensions = tuple(dimensions)
        self._friction, self._condim = world.field("geom_friction").flatten(1), world.field("geom_condim")
        self._least = self._condim[0].clone()
        self._sources, self._cells = torch.tensor(sources), torch.tensor(cells)
        self._first = torch.tensor([sources.index(i) for i in range(len(dimensions))])

    def apply(self, ids: Tensor, values: Tensor) -> None:
        written = values.double().index_select(1, self._sources)
        rows = self._friction.index_select(0, ids).index_copy_(1, self._cells, written)
        self._friction.index_copy_(0, ids, rows)
        asked = torch.zeros_like(rows).index_copy_(1, self._cells, written).view(len(ids), -1, 3) > 0
        needed = torch.where(asked, _NEEDED, 0).amax(2)
        self._condim.index_copy_(0, ids, torch.maximum(self._least, needed.to(self._least.dtype)))

    def read(self, ids: Tensor) -> Tensor:
        return self._friction.index_select(0, ids)[:, self._cells[self._first]]

"""What cameras see: one number a camera, light, visible geom or scene, which `ashore.sim.view.visuals` makes a picture of."""

from __future__ import annotations

from torch import Tensor

from ashore.configs.entries.camera import SceneParameter, VisualParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import Cells, Target, matching


class VisualEffect:
    """Sets one kind of the matched rows in the worlds' table of looks."""

    def __init__(self, name: str, entry: VisualParameter, target: Target) -> None:
        visuals = target.visuals
        names = visuals.names[entry.effect]
        if isinstance(entry, SceneParameter):
            rows, each = [0], False
        else:
            rows, each = matching(entry.match, names, name, "match"), entry.each
        self.dimensions = (
            tuple(Dimension.of(name, entry, names[r]) for r in rows) if each else (Dimension.of(name, entry),)
        )
        self.claims = tuple((f"{entry.effect} {entry.kind}", r) for r in rows)
        self._cells = Cells(visuals.enable(entry.effect, entry.kind), rows)
        self._width = len(rows)

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._cells.write(ids, values.float().expand(-1, self._width))

    def read(self, ids: Tensor) -> Tensor:
        return self._cells.read(ids)[:, : len(self.dimensions)].double()

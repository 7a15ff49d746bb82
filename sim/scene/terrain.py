"""A field of obstacles, one for all worlds: tiles whose rows are levels of difficulty and whose columns are kinds.

Boxes and convex frusta rather than a height field: for a walking robot those cost a third of the engine's speed, a height
field of the same detail three quarters. A map of the heights serves what looks at the ground.
"""

from __future__ import annotations

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEVELS = 6
KINDS = ("slopes", "stairs", "blocks")
TILE = 8.0  # m
HALF = 3.0  # m, from a tile's middle to where its obstacle begins; the rest is flat
TOP = 0.6  # m, half of the platform on top of slopes and stairs
SLOPE = np.linspace(0.08, 0.38, LEVELS)  # rise over run
TREAD, RISE = 0.3, np.linspace(0.03, 0.13, LEVELS)  # m, of the stairs
BLOCK, ROUGHNESS = 1.0, np.linspace(0.03, 0.15, LEVELS)  # m: edge of a block, and the height of the highest
CELL = 0.05  # m, of the height map

Array = NDArray[np.float64]


def middle(level: Tensor, kind: Tensor) -> Tensor:
    """Where tiles have their middle: [k], [k] -> [k, 2] m."""
    return torch.stack((level * TILE, (kind - (len(KINDS) - 1) / 2) * TILE), 1)


def add_terrain(spec: mujoco.MjSpec, touches: int) -> None:
    """Put the obstacles on the floor."""
    for level in range(LEVELS):
        for kind, name in enumerate(KINDS):
            x, y = middle(torch.tensor([level]), torch.tensor([kind]))[0].tolist()
            fade = 1.0 - 0.08 * level
            look = {
                "name": f"{name}{level}",
                "contype": 0,
                "conaffinity": touches,
                "rgba": [0.72 * fade, 0.62 * fade, 0.5 * fade, 1],
            }
            if name == "slopes":
                _add_frustum(spec, x, y, level, look)
            else:
                for i, box in enumerate(_stairs(level) if name == "stairs" else _blocks(level)):
                    _add_box(spec, box + np.array([x, y, 0, 0, 0]), look | {"name": f"{name}{level}_{i}"})


def _stairs(level: int) -> Array:
    """Boxes, one on top of another: [n, 5] m: middle x, y, half edges x, y, height."""
    steps = round((HALF - TOP) / TREAD)
    halves = HALF - TREAD * np.arange(steps)
    zero = np.zeros(steps)
    return np.stack((zero, zero, halves, halves, RISE[level] * np.arange(1, steps + 1)), 1)


def _blocks(level: int) -> Array:
    """Boxes side by side, each of its own height: as `_stairs`."""
    count = round(2 * HALF / BLOCK)
    centers = (np.arange(count) + 0.5) * BLOCK - HALF
    x, y = (v.ravel() for v in np.meshgrid(centers, centers, indexing="ij"))
    heights = ROUGHNESS[level] * np.random.Generator(np.random.Philox(level)).uniform(0.05, 1.0, count * count)
    half = np.full(count * count, BLOCK / 2)
    return np.stack((x, y, half, half, heights), 1)


def _add_box(spec: mujoco.MjSpec, box: Array, look: dict[str, object]) -> None:
    x, y, half_x, half_y, height = box
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, pos=[x, y, height / 2], size=[half_x, half_y, height / 2], **look
    )


def _add_frustum(spec: mujoco.MjSpec, x: float, y: float, level: int, look: dict[str, object]) -> None:
    top = (HALF - TOP) * SLOPE[level]
    corners = [(a, b) for a in (-1, 1) for b in (-1, 1)]
    points = [(a * r, b * r, z) for r, z in ((HALF, 0.0), (TOP, top), (HALF, -0.1)) for a, b in corners]
    mesh = spec.add_mesh(name=f"slopes{level}", uservert=np.ravel(points).tolist())
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh.name, pos=[x, y, 0], **look)


class HeightMap:
    """Height of the ground at any place: the nearest cell of a map of the whole field."""

    def __init__(self) -> None:
        per_tile = round(TILE / CELL)
        at = (np.arange(per_tile) + 0.5) * CELL - TILE / 2
        x, y = np.meshgrid(at, at, indexing="ij")
        tiles = [[_height(name, level, x, y) for name in KINDS] for level in range(LEVELS)]
        field = np.pad(np.block(tiles), 1)  # flat around
        self._cells = torch.from_numpy(field.ravel()).float()
        self._columns = field.shape[1]
        self._last = tuple(n - 1 for n in field.shape)
        # Of the padded field's corner: a place's cell is its distance from there over the size of a cell.
        self._corner = (-TILE / 2 - CELL, -len(KINDS) * TILE / 2 - CELL)

    def at(self, x: Tensor, y: Tensor) -> Tensor:
        """Places in the world's frame, [...] m each -> [...] m."""
        # Limited as whole numbers: a place that is no number has a cell, too.
        row = ((x - self._corner[0]) / CELL).long().clip_(0, self._last[0])
        column = ((y - self._corner[1]) / CELL).long().clip_(0, self._last[1])
        return self._cells.take(row.mul_(self._columns).add_(column))


def _height(kind: str, level: int, x: Array, y: Array) -> Array:
    """Height of a tile at places measured from its middle: m."""
    inside = HALF - np.maximum(np.abs(x), np.abs(y))
    if kind == "slopes":
        return np.clip(inside, 0.0, HALF - TOP) * SLOPE[level]
    height = np.zeros_like(x)
    for cx, cy, half_x, half_y, top in _stairs(level) if kind == "stairs" else _blocks(level):
        height = np.where((np.abs(x - cx) < half_x) & (np.abs(y - cy) < half_y), np.maximum(height, top), height)
    return height

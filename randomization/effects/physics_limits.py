"""What entries may not make of a model, over the whole of their bounds: negative masses, crossing limits, nothing at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from ashore.configs.entries.field import NOT_NEGATIVE, POSITIVE
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import SpaceError, WorldFields

# Pairs of values, the lower one first, and what says whether an object has them.
RANGES = {
    "jnt_range": "jnt_limited",
    "jnt_actfrcrange": "jnt_actfrclimited",
    "tendon_range": "tendon_limited",
    "tendon_actfrcrange": "tendon_actfrclimited",
    "actuator_forcerange": "actuator_forcelimited",
    "actuator_ctrlrange": "actuator_ctrllimited",
}


@dataclass
class Writer:
    """One field: which of its values to write, from which dimensions, with which coefficients."""

    values: Tensor  # live [N, size]
    cells: list[int]
    sources: list[tuple[int, bool]]  # dimension, and whether its inverse
    offsets: list[float]
    slopes: list[float]
    factors: list[tuple[int, tuple[int, bool]]]  # further sources of its i-th cell, all above 0, which multiply it

    def said(self) -> list[set[int]]:
        """The dimensions that speak in each cell."""
        said = [{dimension} for dimension, _ in self.sources]
        for i, (dimension, _) in self.factors:
            said[i].add(dimension)
        return said

    def at(self, i: int, x: float) -> float:
        """What its i-th cell holds where the dimension is x."""
        return self.offsets[i] + self.slopes[i] * (1.0 / x if self.sources[i][1] else x)


def refuse_unsound(dimensions: tuple[Dimension, ...], writers: dict[str, Writer], world: WorldFields) -> None:
    """SpaceError where some value within the bounds makes no model."""
    for field, writer in writers.items():
        names = world.row_names(field)
        width = writer.values.shape[1] // max(len(names), 1)
        if field in NOT_NEGATIVE:
            _refuse_negative(field, writer, dimensions, names, width)
        if field in RANGES:
            _refuse_crossing(field, writer, dimensions, names, world)
        if field in ("body_ipos", "body_iquat"):
            _refuse_massless(field, writer, dimensions, names, width, writers.get("body_mass"), world)


def _refuse_negative(
    field: str, writer: Writer, dimensions: tuple[Dimension, ...], names: list[str], width: int
) -> None:
    for i, cell in enumerate(writer.cells):
        d, nominal = dimensions[writer.sources[i][0]], float(writer.values[0, cell])
        least = min(writer.at(i, x) for x in d.widest)
        positive = field in POSITIVE and nominal > 0
        if least < 0 or (positive and least == 0):
            raise SpaceError(
                f"{d.name} within [{d.widest[0]:g}, {d.widest[1]:g}] {d.unit} makes {field} of "
                f"{names[cell // width]!r} {least:g} where it is {nominal:g}; "
                f"allowed: {'above' if positive else 'at least'} 0"
            )


def _refuse_crossing(
    field: str, writer: Writer, dimensions: tuple[Dimension, ...], names: list[str], world: WorldFields
) -> None:
    limited = getattr(world.model, RANGES[field])
    rows = {cell // 2 for cell in writer.cells}
    for d in {dimensions[s].name: dimensions[s] for s, _ in writer.sources}.values():
        own = {c // 2 for c, (s, _) in zip(writer.cells, writer.sources, strict=True) if dimensions[s] is d}
        if not any(limited[row] for row in own):
            raise SpaceError(f"{d.name} writes {field} of {[names[r] for r in sorted(own)]}, which have no such limit")
    for row in rows:
        for low, high, said in _corners(writer, dimensions, row):
            if limited[row] and low >= high:
                raise SpaceError(
                    f"{said} makes {field} of {names[row]!r} [{low:g}, {high:g}]; allowed: the lower end below the upper"
                )


def _corners(writer: Writer, dimensions: tuple[Dimension, ...], row: int) -> Iterator[tuple[float, float, str]]:
    """Both ends of a range where the dimensions that move them lie at their bounds, and what was said so."""
    index = {cell % 2: i for i, cell in enumerate(writer.cells) if cell // 2 == row}
    moved = sorted({writer.sources[i][0] for i in index.values()})
    for values in itertools.product(*(dimensions[s].widest for s in moved)):
        at = dict(zip(moved, values, strict=True))
        low, high = (
            writer.at(index[k], at[writer.sources[index[k]][0]]) if k in index else float(writer.values[0, 2 * row + k])
            for k in (0, 1)
        )
        yield low, high, " and ".join(f"{dimensions[s].name} = {x:g} {dimensions[s].unit}" for s, x in at.items())


def _refuse_massless(
    field: str,
    writer: Writer,
    dimensions: tuple[Dimension, ...],
    names: list[str],
    width: int,
    mass: Writer | None,
    world: WorldFields,
) -> None:
    """Moving the centre of nothing would be a parameter that does nothing."""
    heavy = {i for i, m in enumerate(world.model.body_mass) if m > 0} | set(mass.cells if mass else ())
    for s in {source for source, _ in writer.sources}:
        own = {c // width for c, (d, _) in zip(writer.cells, writer.sources, strict=True) if d == s}
        if not own & heavy:
            raise SpaceError(
                f"{dimensions[s].name} writes {field} of {[names[r] for r in sorted(own)]}, which have no mass; "
                "allowed: beside an entry that gives them one"
            )

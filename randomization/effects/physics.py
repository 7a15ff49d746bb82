"""Model fields: masses, inertias, friction, damping, gains, delays - whatever the engine lets differ between worlds.

A field's new values are affine in lambda, a + b * lambda, whatever the entry's `op`; so all entries that write one field
share one gather and one write.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from configs.space import Dimension, FieldParameter
from randomization.effects.base import SpaceError, WorldFields, matching, strided, write

# s. A command is in force from the first physics step that is `actuator_delay` after it. The engine finds that step by sums
# of time steps, whose rounding, from 4 s on, makes a delay of whole steps lose or repeat one; so it is asked a moment early.
EARLY = 1e-7


@dataclass
class _Writer:
    """One field: which of its values to write, from which dimensions, with which coefficients."""

    values: Tensor  # live [N, size]
    cells: list[int]
    sources: list[int]
    offsets: list[float]
    slopes: list[float]


class FieldEffect:
    """All entries with `effect: field`. Writes the fields they name and has constants recomputed where any feeds them."""

    def __init__(self, entries: dict[str, FieldParameter], world: WorldFields) -> None:
        self.world = world
        dimensions: list[Dimension] = []
        writers: dict[str, _Writer] = {}
        written: dict[tuple[str, int], str] = {}
        for name, entry in entries.items():
            _check_delay(name, entry, world)
            first = len(dimensions)
            members = _members(name, entry, world)
            dimensions += [Dimension.of(name, entry, m) for m in members] if entry.each else [Dimension.of(name, entry)]
            for field in entry.field:
                field_name, column = _split(field)
                writer = writers.setdefault(field_name, _writer(name, field_name, world))
                for source, cell in _cells(name, entry, field_name, column, writer, world):
                    if (field_name, cell) in written:
                        raise SpaceError(
                            f"{name} and {written[field_name, cell]} both write {field} of the same object"
                        )
                    written[field_name, cell] = name
                    nominal = float(writer.values[0, cell])
                    writer.cells.append(cell)
                    writer.sources.append(first + (source if entry.each else 0))
                    writer.offsets.append(nominal if entry.op == "add" else 0.0)
                    writer.slopes.append(nominal if entry.op == "scale" else 1.0)
        self.dimensions = tuple(dimensions)
        self._recompute = any(world.feeds_constants(f) for f in writers)
        everything = writers.values()
        self._sources = torch.tensor([s for w in everything for s in w.sources])
        self._offsets = torch.tensor([o for w in everything for o in w.offsets], dtype=torch.float64)
        self._slopes = torch.tensor([s for w in everything for s in w.slopes], dtype=torch.float64)
        self._targets = [
            (w.values, strided(w.cells), len(w.cells), EARLY if name == "actuator_delay" else 0.0)
            for name, w in writers.items()
        ]

    def apply(self, ids: Tensor, values: Tensor) -> None:
        written = torch.addcmul(self._offsets, values[:, self._sources].double(), self._slopes)
        start = 0
        for field, cells, count, early in self._targets:
            new = written[:, start : start + count]
            write(field, ids, cells, (new - early).clip(min=0.0).to(field.dtype) if early else new.to(field.dtype))
            start += count
        if self._recompute:
            self.world.set_const(ids)


def _check_delay(entry_name: str, entry: FieldParameter, world: WorldFields) -> None:
    """The engine drops what its delay buffers cannot hold, without a word."""
    if "actuator_delay" in entry.field and entry.widest[1] > world.longest_delay + 1e-9:
        raise SpaceError(
            f"{entry_name} reaches {entry.widest[1]} s; allowed: at most {world.longest_delay:.6g} s, "
            "for which the delay buffers were built"
        )


def _split(field: str) -> tuple[str, int | None]:
    """'actuator_gainprm.0' -> ('actuator_gainprm', 0); 'opt.gravity' and 'body_mass' have no column."""
    name, _, column = field.rpartition(".")
    return (name, int(column)) if column.isdigit() else (field, None)


def _members(entry_name: str, entry: FieldParameter, world: WorldFields) -> list[str]:
    """Names of the objects an entry matches, in the order of its first field's rows, each once."""
    names = world.row_names(_split(entry.field[0])[0])
    if not names:
        return [""]
    return list(dict.fromkeys(names[i] for i in matching(entry.match, names, entry_name, "match")))


def _writer(entry_name: str, field: str, world: WorldFields) -> _Writer:
    try:
        live = world.field(field)
    except ValueError as error:
        raise SpaceError(f"{entry_name}.field: {error}") from None
    return _Writer(live.view(live.shape[0], -1), [], [], [], [])


def _cells(
    entry_name: str, entry: FieldParameter, field: str, column: int | None, writer: _Writer, world: WorldFields
) -> list[tuple[int, int]]:
    """(which of the entry's members, which flat value of the field) for everything the entry writes in this field."""
    names = world.row_names(field)
    members = _members(entry_name, entry, world)
    rows = matching(entry.match, names, entry_name, "match") if names else range(len(members))
    width = writer.values.shape[1] // max(len(names), 1)
    if column is not None and column >= width:
        raise SpaceError(f"{entry_name}.field = {field}.{column}; allowed: columns 0 to {width - 1}")
    columns = range(width) if column is None else (column,)
    position = {member: i for i, member in enumerate(members)}
    strangers = sorted({names[r] for r in rows} - set(members)) if entry.each and names else []
    if strangers:
        raise SpaceError(
            f"{entry_name}: {field} has rows of {strangers}, which {entry.field[0]} has not; allowed: each: false"
        )
    return [(position.get(names[r], 0) if names else 0, r * width + c) for r in rows for c in columns]

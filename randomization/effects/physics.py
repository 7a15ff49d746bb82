"""Model fields: masses, inertias, friction, damping, gains, delays - whatever the engine lets differ between worlds.

A field's new values are affine in lambda, a + b * lambda, or in its inverse, whatever the entry's `op`; so all entries that
write one field share one gather and one write. Where several entries scale one value, their factors multiply.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from ashore.configs.entries.field import FieldParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import Cells, SpaceError, WorldFields, matching
from ashore.randomization.effects.physics_limits import RANGES, Writer, refuse_unsound

# s. A command is in force from the first physics step that is `actuator_delay` after it. The engine finds that step by sums
# of time steps, whose rounding, from 4 s on, makes a delay of whole steps lose or repeat one; so it is asked a moment early.
EARLY = 1e-7


class FieldEffect:
    """All entries with `effect: field`: writes the fields that they name."""

    def __init__(self, entries: dict[str, FieldParameter], world: WorldFields) -> None:
        self.world = world
        dimensions: list[Dimension] = []
        writers: dict[str, Writer] = {}
        self.claims: dict[tuple[str, int], str] = {}
        for name, entry in entries.items():
            _check_delay(name, entry, world)
            first = len(dimensions)
            members = _members(name, entry, world)
            dimensions += [Dimension.of(name, entry, m) for m in members] if entry.each else [Dimension.of(name, entry)]
            for field in entry.field:
                field_name, column, inverse = split_field(field)
                writer = writers.setdefault(field_name, _writer(name, field_name, world))
                cells = _cells(name, entry, field_name, column, writer, world)
                if entry.op == "scale" and not writer.values[0, [cell for _, cell in cells]].any():
                    raise SpaceError(f"{name} scales {field}, which is 0 there; allowed: op add or set")
                for member, cell in cells:
                    source = (first + (member if entry.each else 0), inverse)
                    if other := self.claims.get((field_name, cell)):
                        _refuse_shared({name: entry, other: entries[other]}, field)
                        writer.factors.append((writer.cells.index(cell), source))
                        continue
                    self.claims[field_name, cell] = name
                    nominal = float(writer.values[0, cell])
                    writer.cells.append(cell)
                    writer.sources.append(source)
                    writer.offsets.append(nominal if entry.op in ("add", "widen") else 0.0)
                    outward = 1.0 if cell % 2 else -1.0  # low ends of ranges stand first
                    writer.slopes.append({"scale": nominal, "widen": outward}.get(entry.op, 1.0))
        self.dimensions = tuple(dimensions)
        refuse_unsound(self.dimensions, writers, world)
        everything = writers.values()
        count = len(dimensions)
        ends = list(itertools.accumulate((len(w.cells) for w in everything), initial=0))
        factors = [(start + i, s) for w, start in zip(everything, ends, strict=False) for i, s in w.factors]
        self._inverse = any(inverse for w in everything for _, inverse in w.sources + [s for _, s in w.factors])
        self._sources = torch.tensor([s + inverse * count for w in everything for s, inverse in w.sources])
        self._factors = _layers([(cell, s + inverse * count) for cell, (s, inverse) in factors])
        self._offsets = torch.tensor([o for w in everything for o in w.offsets], dtype=torch.float64)
        self._slopes = torch.tensor([s for w in everything for s in w.slopes], dtype=torch.float64)
        delays = torch.tensor([name == "actuator_delay" for name, w in writers.items() for _ in w.cells])
        self._offsets[delays] -= EARLY
        self._lowest = torch.where(delays, 0.0, -torch.inf).double()
        said = {d for w in everything for who, slope in zip(w.said(), w.slopes, strict=True) if slope for d in who}
        if idle := [d.name for i, d in enumerate(dimensions) if i not in said]:
            raise SpaceError(f"{idle} scale what is 0; allowed: objects that have it, or op add or set")
        self._targets = [Cells(w.values, w.cells) for w in everything]
        # In numpy, which writes a few values of a few worlds several times faster than torch.
        self._tables = [
            (w.values.numpy(), np.array(w.cells), slice(*part))
            for w, part in zip(everything, itertools.pairwise(ends), strict=True)
        ]
        self._refuse_overwritten(list(writers))

    def apply(self, ids: Tensor, values: Tensor) -> None:
        if self._inverse:
            values = torch.cat((values, 1.0 / values), 1)
        values = values.double()
        new = torch.addcmul(self._offsets, values.index_select(1, self._sources), self._slopes)
        for cells, sources in self._factors:
            new[:, cells] *= values.index_select(1, sources)
        rows, written = ids.numpy()[:, None], torch.maximum(new, self._lowest).numpy()
        for table, columns, part in self._tables:
            table[rows, columns] = written[:, part]

    def read(self, ids: Tensor) -> Tensor:
        held = (
            torch.cat([cells.read(ids).double() for cells in self._targets], 1).sub_(self._offsets).div_(self._slopes)
        )
        count = len(self.dimensions)
        values = held.new_zeros(len(ids), 2 * count)  # and their inverses
        for source, cell, others in self._order_of_reading():
            values[:, source] = held[:, cell] / values[:, others].prod(1)
            values[:, (source + count) % (2 * count)] = 1.0 / values[:, source]
        return values[:, :count]

    def _order_of_reading(self) -> list[tuple[int, int, list[int]]]:
        """From which value to read each dimension, and whose factors to take out of it first: (source, cell, others)."""
        count, shares = len(self.dimensions), [[s] for s in self._sources.tolist()]
        for cells, sources in self._factors:
            for cell, source in zip(cells.tolist(), sources.tolist(), strict=True):
                shares[cell].append(source)
        said = [(cell, s) for cell, s in enumerate(shares) if self._slopes[cell]]
        order: list[tuple[int, int, list[int]]] = []
        known: set[int] = set()
        while len(order) < count:
            open_cells = [(cell, s, [x for x in s if x % count not in known]) for cell, s in said]
            found = next(((cell, s, new) for cell, s, new in open_cells if len(new) == 1), None)
            if found is None:
                names = [d.name for i, d in enumerate(self.dimensions) if i not in known]
                raise SpaceError(f"{names} scale the same values and nothing else: only their product stands there")
            cell, s, (source,) = found
            order.append((source, cell, [x for x in s if x != source]))
            known.add(source % count)
        return order

    def _refuse_overwritten(self, names: list[str]) -> None:
        """Some fields are what `set_const` itself computes: a value written there would be gone at once. Tried on one world."""
        one, before = torch.zeros(1, dtype=torch.int64), [t.values[0].clone() for t in self._targets]
        self.apply(one, torch.tensor([[d.widest[1] for d in self.dimensions]], dtype=torch.float64))
        asked = [t.values[0].clone() for t in self._targets]
        try:
            self.world.set_const(one)
        except RuntimeError as error:
            raise SpaceError(f"{sorted(set(self.claims.values()))}: {error}") from None
        lost = [n for n, t, v in zip(names, self._targets, asked, strict=True) if not torch.equal(t.values[0], v)]
        for target, values in zip(self._targets, before, strict=True):
            target.values[0] = values
        self.world.set_const(one)
        if lost:
            raise SpaceError(
                f"{lost} are computed by the engine from other fields; allowed: the fields they derive from"
            )


def _layers(factors: list[tuple[int, int]]) -> list[tuple[Tensor, Tensor]]:
    """(cell, source) in layers that have each cell once: cells and sources of each, [m] and [m]."""
    layers: list[dict[int, int]] = []
    for cell, source in factors:
        layer = next((x for x in layers if cell not in x), None)
        if layer is None:
            layers.append(layer := {})
        layer[cell] = source
    return [(torch.tensor(list(x)), torch.tensor(list(x.values()))) for x in layers]


def _refuse_shared(entries: dict[str, FieldParameter], field: str) -> None:
    """Entries on one value: their factors multiply, if there are two, both scale it, whole and never to nothing."""
    ends = {f"{name}.{k}" for name in RANGES for k in (0, 1)}
    half = any(ends & {f.removeprefix("1/") for f in e.field} for e in entries.values())
    if len(entries) < 2 or half or any(e.op != "scale" or e.widest[0] <= 0 for e in entries.values()):
        names = " and ".join(entries) if len(entries) > 1 else f"{next(iter(entries))} and itself"
        raise SpaceError(
            f"{names} both write {field} of the same object; allowed: both with op scale, above 0, "
            "and of a range both ends"
        )


def _check_delay(entry_name: str, entry: FieldParameter, world: WorldFields) -> None:
    """The engine drops what its delay buffers cannot hold, without a word."""
    if "actuator_delay" in entry.field and entry.widest[1] > world.longest_delay + 1e-9:
        raise SpaceError(
            f"{entry_name} reaches {entry.widest[1]} s; allowed: at most {world.longest_delay:.6g} s, "
            "for which the delay buffers were built"
        )


def split_field(field: str) -> tuple[str, int | None, bool]:
    """'actuator_gainprm.0' -> ('actuator_gainprm', 0, False); '1/body_gravcomp' -> ('body_gravcomp', None, True)."""
    inverse, field = field.startswith("1/"), field.removeprefix("1/")
    name, _, column = field.rpartition(".")
    return (name, int(column), inverse) if column.isdigit() else (field, None, inverse)


def _members(entry_name: str, entry: FieldParameter, world: WorldFields) -> list[str]:
    """Names of the objects an entry matches, in the order of its first field's rows, each once."""
    names = world.row_names(split_field(entry.field[0])[0])
    if not names:
        return [""]
    return list(dict.fromkeys(names[i] for i in matching(entry.match, names, entry_name, "match")))


def _writer(entry_name: str, field: str, world: WorldFields) -> Writer:
    try:
        live = world.field(field)
    except ValueError as error:
        raise SpaceError(f"{entry_name}.field: {error}") from None
    if not live.numel():
        raise SpaceError(f"{entry_name}.field = {field}; allowed: what this model has any of")
    return Writer(live.view(live.shape[0], -1), [], [], [], [], [])


def _cells(
    entry_name: str, entry: FieldParameter, field: str, column: int | None, writer: Writer, world: WorldFields
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

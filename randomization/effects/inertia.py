"""Mass, centre and inertia of bodies changed together, so that they stay what a body can have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
import torch
from torch import Tensor

from ashore.configs.entries.physics import InertiaParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import SpaceError, WorldFields, matching

PARTS = tuple(InertiaParameter.kinds)  # of theta, in this order
FIELDS = {"body_mass": 1, "body_ipos": 3, "body_iquat": 4, "body_inertia": 3}  # values a body
_UPPER = ((0, 1), (0, 2), (1, 2))  # s12, s13, s23


class InertiaEffect:
    """All entries with `effect: inertia`: theta [k, bodies, 10] -> body_mass, body_ipos, body_iquat, body_inertia.

    With S = tr(I)/2 1 - I, the second moments about the centre of mass in the body's axes, and s = e^(2 alpha), the body
    becomes: mass s m, centre c + t, moments s A S A'. That is the pseudo-inertia U J U' with J at the centre of mass and
    U = e^alpha [A t; 0 1], so that whatever theta is, the result is realisable when the nominal one is.
    """

    def __init__(self, entries: dict[str, InertiaParameter], world: WorldFields) -> None:
        self.world = world
        names = world.row_names("body_mass")
        dimensions: list[Dimension] = []
        sources: list[tuple[int, int, int]] = []  # dimension, body, part of theta
        self.claims: dict[tuple[str, int], str] = {}
        for name, entry in entries.items():
            bodies = [b for b in matching(entry.match, names, name, "match") if self._has_inertia(b)]
            if not bodies:
                raise SpaceError(f"{name}.match = {entry.match!r} matches no body that has a mass and an inertia")
            part, first = PARTS.index(entry.kind), len(dimensions)
            for i, body in enumerate(bodies):
                sources.append((first + i * entry.each, body, part))
                if (other := self.claims.setdefault((entry.kind, body), name)) != name:
                    raise SpaceError(f"{name} and {other} both set the {entry.kind} of {names[body]}")
            dimensions += (
                [Dimension.of(name, entry, names[b]) for b in bodies] if entry.each else [Dimension.of(name, entry)]
            )
        self.dimensions = tuple(dimensions)
        rows = sorted({body for _, body, _ in sources})
        for body in rows:
            owner = next(name for (_, b), name in self.claims.items() if b == body)
            self.claims |= {(f, body * size + i): owner for f, size in FIELDS.items() for i in range(size)}
        self._rows = torch.tensor(rows)
        self._sources = torch.tensor([s for s, _, _ in sources])
        self._places = torch.tensor([rows.index(body) * len(PARTS) + part for _, body, part in sources])
        self._live = [world.field(f) for f in FIELDS]
        self._mass, self._center, self._quat, self._inertia = (f[0, self._rows].clone() for f in self._live)
        self._turn = _matrices(self._quat)
        moments = self._inertia.sum(-1, keepdim=True) / 2 - self._inertia
        self._moments = self._turn @ torch.diag_embed(moments) @ self._turn.mT  # [bodies, 3, 3] kg*m^2

    def _has_inertia(self, body: int) -> bool:
        mass, inertia = (self.world.field(f)[0, body] for f in ("body_mass", "body_inertia"))
        return bool(mass > 0) and bool((inertia > 0).all())

    def apply(self, ids: Tensor, values: Tensor) -> None:
        theta = torch.zeros(len(ids), len(self._rows) * len(PARTS), dtype=torch.float64)
        theta = theta.index_copy_(1, self._places, values.double().index_select(1, self._sources))
        theta = theta.view(len(ids), len(self._rows), len(PARTS))
        density, deform, shift = (2 * theta[..., 0]).exp(), theta[..., 1:7], theta[..., 7:]
        moments = _upper(deform) @ self._moments @ _upper(deform).mT
        inertia, axes = torch.linalg.eigh(torch.diag_embed(_trace(moments).expand(-1, -1, 3)) - moments)
        # As it was to the bit where nothing is deformed; there the axes might come in another order.
        same = ~deform.any(-1, keepdim=True)
        inertia = torch.where(same, self._inertia, inertia) * density[..., None]
        quat = torch.where(same, self._quat, _quaternions(axes))
        worlds, bodies = ids.numpy()[:, None], self._rows.numpy()
        # In numpy, which writes a few rows of a few worlds several times faster than torch.
        for live, new in zip(self._live, (self._mass * density, self._center + shift, quat, inertia), strict=True):
            live.numpy()[worlds, bodies] = new.numpy()

    def read(self, ids: Tensor) -> Tensor:
        mass, center, quat, inertia = (f[ids[:, None], self._rows] for f in self._live)
        turn, density = _matrices(quat), mass / self._mass
        moments = turn @ torch.diag_embed(inertia.sum(-1, keepdim=True) / 2 - inertia) @ turn.mT
        # A S A' = moments / density with A upper triangular: both sides' "UU'" factors, from Cholesky of the flipped matrix.
        a = _upper_factor(moments / density[..., None, None]) @ torch.linalg.inv(_upper_factor(self._moments))
        parts = [density.log() / 2, *(a[..., i, i].log() for i in range(3)), *(a[..., i, j] for i, j in _UPPER)]
        theta = torch.cat((torch.stack(parts, -1), center - self._center), -1).flatten(1)
        source = self._sources.tolist()
        return theta[:, self._places[[source.index(i) for i in range(len(self.dimensions))]]]


def _upper(deform: Tensor) -> Tensor:
    """d1, d2, d3, s12, s13, s23 [..., 6] -> A [..., 3, 3]."""
    a = torch.diag_embed(deform[..., :3].exp())
    for k, (i, j) in enumerate(_UPPER):
        a[..., i, j] = deform[..., 3 + k]
    return a


def _upper_factor(moments: Tensor) -> Tensor:
    """Upper triangular U with U U' = moments."""
    return torch.linalg.cholesky(moments.flip(-1, -2)).flip(-1, -2)


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)


def _matrices(quat: Tensor) -> Tensor:
    """wxyz [..., 4] -> [..., 3, 3]."""
    return _each(mujoco.mju_quat2Mat, quat.reshape(-1, 4), 9).view(*quat.shape[:-1], 3, 3)


def _quaternions(axes: Tensor) -> Tensor:
    """Orthonormal columns [..., 3, 3], of either hand -> wxyz [..., 4]; an axis says the same turned round."""
    x, y, _ = axes.unbind(-1)
    right = torch.stack((x, y, torch.linalg.cross(x, y)), -1)
    return _each(mujoco.mju_mat2Quat, right.reshape(-1, 9), 4).view(*axes.shape[:-2], 4)


def _each(function: Callable[[Any, Any], None], rows: Tensor, size: int) -> Tensor:
    """The engine's function of each row: [n, m] -> [n, size]."""
    out = np.empty((len(rows), size))
    for result, row in zip(out, rows.numpy(), strict=True):
        function(result, row)
    return torch.from_numpy(out)

"""Rotations as unit quaternions wxyz, for whole batches: [..., 4]."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """The rotation b, then a."""
    a, b = torch.broadcast_tensors(a, b)
    w, v = a[..., :1], a[..., 1:]
    s, u = b[..., :1], b[..., 1:]
    return torch.cat((w * s - (v * u).sum(-1, keepdim=True), w * u + s * v + torch.linalg.cross(v, u)), -1)


def about(axis: Tensor, angle: Tensor) -> Tensor:
    """A turn by angle [...] rad about a unit axis [..., 3]."""
    half = 0.5 * angle.unsqueeze(-1)
    return torch.cat((half.cos(), half.sin() * axis), -1)


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Smallest turn from one to the other: [...] rad in [0, pi]. a and -a are one rotation."""
    return 2.0 * (a * b).sum(-1).abs().clip(max=1.0).acos()


def canonical(q: Tensor) -> Tensor:
    """Of q and -q, which are one rotation, the one with w >= 0."""
    return torch.where(q[..., :1] < 0, -q, q)


def uniform(u: Tensor) -> Tensor:
    """Quaternions spread evenly over all rotations, from three uniform numbers each: [..., 3] -> [..., 4].

    Shoemake, "Uniform random rotations", Graphics Gems III, 1992.
    """
    a, b, c = u.unbind(-1)
    r, s = (1 - a).sqrt(), a.sqrt()
    b, c = 2 * math.pi * b, 2 * math.pi * c
    return torch.stack((s * c.cos(), r * b.sin(), r * b.cos(), s * c.sin()), -1)


def upright(direction: Tensor) -> Tensor:
    """The quaternion of the shortest turn that brings z to a unit direction [3] other than -z: [4]."""
    x, y, z = direction.unbind()
    q = torch.stack((1 + z, -y, x, torch.zeros_like(z)))
    return q / q.norm()


def cube_symmetries() -> Tensor:
    """The 24 rotations after which a cube looks the same, as quaternions wxyz: [24, 4] float64."""
    # Normalized quaternions with components from {0, +-1}: one, two of equal size, or all four; of q and -q the first.
    found: dict[tuple[float, ...], None] = {}
    grid = torch.cartesian_prod(*[torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)] * 4)
    for q in grid[torch.isin(grid.abs().sum(1), torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64))]:
        key = tuple((q / q.norm()).tolist())
        if tuple(-x for x in key) not in found:
            found[key] = None
    return torch.tensor(list(found), dtype=torch.float64)

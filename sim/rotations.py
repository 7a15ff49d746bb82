"""Rotations as unit quaternions wxyz, for whole batches: [..., 4]."""

from __future__ import annotations

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

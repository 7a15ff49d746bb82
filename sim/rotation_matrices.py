"""Rotations as the columns of their matrices, one after the other, for whole batches: [..., 9].

Continuous, where a quaternion has two signs: two of them are what a network should see (Zhou et al., arXiv 1812.07035).
"""

from __future__ import annotations

import torch
from torch import Tensor


def from_quaternion(q: Tensor) -> Tensor:
    """Unit quaternions wxyz [..., 4] -> [..., 9]."""
    w, x, y, z = q.unbind(-1)
    first = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
    second = (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x))
    third = (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y))
    return torch.stack((*first, *second, *third), -1)


def compose(second: Tensor, first: Tensor) -> Tensor:
    """The rotation that turns by `first`, then by `second`: [..., 9] each."""
    # Column k of the product is the matrix `second` times column k of `first`.
    return (_columns(first) @ _columns(second)).flatten(-2)


def between(start: Tensor, end: Tensor) -> Tensor:
    """The rotation that still leads from `start` to `end`, seen from outside: [N, 9] each -> [N, 9]."""
    return (_columns(start).transpose(-1, -2) @ _columns(end)).flatten(-2)


def angle(start: Tensor, end: Tensor) -> Tensor:
    """The angle of `between`: [N, 9] each -> [N] rad, 0 to pi. The trace of the product is the sum of all products."""
    return (((start * end).sum(-1) - 1) / 2).clip(-1.0, 1.0).acos()


def _columns(rotation: Tensor) -> Tensor:
    """[..., 9] -> [..., 3, 3], one column a row."""
    return rotation.unflatten(-1, (3, 3))

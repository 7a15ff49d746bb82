"""What an actor sees besides its signals, and the frame that its actions are counted in: both follow from the signals alone,
by one law for the trained environment and the exported graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from configs.contract import Interface

NEAR = 0.01  # m, of a way so short that it no longer says where it leads


class Derived:
    """The differences of an interface, in the frame that its heading gives.

    That frame turns about the vertical as the task does, its x axis from what is moved to where it shall be (a task frame:
    M. T. Mason, "Compliance and force control for computer controlled manipulators", 1981): pushing to the left and pushing
    away from the robot are then one skill. Short ways give a short x axis, so that what has arrived is not turned about.
    """

    def __init__(self, interface: Interface) -> None:
        self._parts = interface.parts
        self._turned = interface.turned
        self._heading = interface.differences.index(interface.heading) if interface.heading else None

    def __call__(self, signals: Sequence[Tensor]) -> list[Tensor]:
        """Signals [..., size], in the interface's order -> the differences, [..., size of `Interface.sizes_of_differences`]."""
        ways = [self._way(signals, part) for part in range(len(self._parts))]
        if self._heading is not None:
            heading = heading_of(ways[self._heading])
            ways = [turned(w, heading, back=True) if turns else w for w, turns in zip(ways, self._turned, strict=True)]
            ways[self._heading] = ways[self._heading][..., :1]  # across its own way there is nothing
        return ways

    def heading(self, signals: Sequence[Tensor]) -> Tensor | None:
        """Where the frame of actions points now, [..., 2]; None where that is the base's."""
        return None if self._heading is None else heading_of(self._way(signals, self._heading))

    def _way(self, signals: Sequence[Tensor], part: int) -> Tensor:
        first, second, size = self._parts[part]
        return signals[first][..., :size] - signals[second][..., :size]


def heading_of(way: Tensor) -> Tensor:
    """Direction [..., 2] of ways [..., 2 or more] m in the plane: of length 1 for long ones, 0 for none."""
    plane = way[..., :2]
    return plane / (plane.square().sum(-1, keepdim=True) + NEAR**2).sqrt()


def turned(way: Tensor, heading: Tensor, *, back: bool = False) -> Tensor:
    """x and y, the first two of [..., 2 or more], turned so that what was (1, 0) is `heading` [..., 2], or back from there."""
    x, y, rest = way[..., :1], way[..., 1:2], way[..., 2:]
    cos, sin = heading[..., :1], heading[..., 1:]
    if back:
        return torch.cat((cos * x + sin * y, cos * y - sin * x, rest), -1)
    return torch.cat((cos * x - sin * y, cos * y + sin * x, rest), -1)

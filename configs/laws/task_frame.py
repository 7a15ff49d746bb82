"""What an actor sees besides its signals, and the frame that its actions are counted in: both follow from the signals alone,
by one law for the trained environment and the exported graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ashore.configs.contract import Interface

NEAR = 0.01  # m, of a way so short that it hardly says where it leads


class Derived:
    """The differences of an interface, in the task frame that its heading gives.

    That frame turns about the vertical as the task does, its x axis from what is moved to where it shall be (M. T. Mason,
    "Compliance and force control for computer controlled manipulators", 1981): pushing to the left and pushing away from the
    robot are then one skill. The shorter the way, the shorter are the frame's axes, `heading_of`: 0.95 at 3 cm, 0.7 at 1 cm, 0
    at 0. So what has arrived is not turned about by noise, and the tool, whose actions are counted in it, slows down there.
    """

    def __init__(self, interface: Interface) -> None:
        self._sizes = [s.size for s in interface.signals]
        self._parts = interface.parts
        self._turns = interface.turns
        self._heading = interface.differences.index(interface.heading) if interface.heading else None

    def __call__(self, seen: Tensor | Sequence[Tensor]) -> list[Tensor]:
        """What an actor sees: the signals side by side in front, [..., n], or one by one, [..., size] each -> the
        differences, [..., size of `Interface.sizes_of_differences`]."""
        signals = self._signals(seen)
        ways = [self._way(signals, part) for part in range(len(self._parts))]
        if self._heading is not None:
            heading = heading_of(ways[self._heading])
            ways = [
                turn(way, heading, back=True) if turns else way for way, turns in zip(ways, self._turns, strict=True)
            ]
            along = ways[self._heading]
            ways[self._heading] = torch.cat((along[..., :1], along[..., 2:]), -1)  # across its own way there is nothing
        return ways

    def heading(self, seen: Tensor | Sequence[Tensor]) -> Tensor | None:
        """Where x of the task frame points now, [..., 2]; None where actions are counted in the base's."""
        return None if self._heading is None else heading_of(self._way(self._signals(seen), self._heading))

    def _signals(self, seen: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
        return seen[..., : sum(self._sizes)].split(self._sizes, -1) if isinstance(seen, Tensor) else seen

    def _way(self, signals: Sequence[Tensor], part: int) -> Tensor:
        first, second, size = self._parts[part]
        return signals[first][..., :size] - signals[second][..., :size]


def heading_of(way: Tensor) -> Tensor:
    """Direction [..., 2] of ways [..., 2 or more] m in the plane; short ones are shorter: d / sqrt(d^2 + NEAR^2)."""
    plane = way[..., :2]
    return plane / (plane.square().sum(-1, keepdim=True) + NEAR**2).sqrt()


def turn(way: Tensor, heading: Tensor, *, back: bool = False) -> Tensor:
    """x and y, the first two of [..., 2 or more], turned so that what was (1, 0) is `heading` [..., 2], or back from there."""
    x, y, rest = way[..., :1], way[..., 1:2], way[..., 2:]
    cos, sin = heading[..., :1], heading[..., 1:]
    if back:
        return torch.cat((cos * x + sin * y, cos * y - sin * x, rest), -1)
    return torch.cat((cos * x - sin * y, cos * y + sin * x, rest), -1)

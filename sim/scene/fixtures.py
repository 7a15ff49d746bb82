"""Things on the table that stand elsewhere each episode and that no force moves: a block with a hole, a cabinet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import torch
from torch import Tensor

from ashore.configs.base import NonNegative, Positive, Settings
from ashore.sim.engine.world import World
from ashore.sim.rotations import about
from ashore.sim.scene.table import TABLE_BITS

# Stiff enough that 50 N press a tenth of a millimetre into a wall: a millimetre of clearance must stay one.
STIFF = {"solref": [0.008, 1.0], "solimp": [0.95, 0.99, 0.0005, 0.5, 2.0]}


class FixtureOptions(Settings):
    """What every task with a fixture lets its user choose."""

    hold_seconds: Positive = 0.2
    turn: NonNegative = 0.4  # rad, of the fixture about the vertical, to either side


class Fixture:
    """A mocap body of the model that stands on the table; its pose is part of each world's state."""

    num_uniforms = 3

    def __init__(self, world: World, name: str, low: Sequence[float], high: Sequence[float], turn: float) -> None:
        """low, high: m, corners x, y of where its origin may be; turn: rad about the vertical, to either side."""
        body = world.model.body(name)
        self._pos, self._quat = (values[:, int(body.mocapid[0])] for values in (world.mocap_pos, world.mocap_quat))
        z = float(body.pos[2])
        self._low = torch.tensor([*low, z, -turn], dtype=torch.float64)
        self._span = torch.tensor([*high, z, turn], dtype=torch.float64) - self._low

    def place(self, ids: Tensor, u: Tensor) -> None:
        """Stand somewhere else in these worlds: u [k, 3] uniform."""
        drawn = torch.addcmul(self._low, u[:, [0, 1, 2, 2]].double(), self._span)
        self._pos.index_copy_(0, ids, drawn[:, :3])
        self._quat.index_copy_(0, ids, about(torch.tensor([0.0, 0.0, 1.0]), drawn[:, 3]))

    @property
    def position(self) -> Tensor:
        """Of its origin: float32 [N, 3] m."""
        return self._pos.float()

    @property
    def yaw(self) -> Tensor:
        """About the vertical: float32 [N, 1] rad."""
        return 2.0 * torch.atan2(self._quat[:, 3:], self._quat[:, :1]).float()


def add_box(body: Any, name: str, pos: Sequence[float], size: Sequence[float], **more: Any) -> None:
    """A box fixed to a body; size: half of its edges, m. Arms meet it, and randomized friction reaches it by its name."""
    add_geom(body, name, mujoco.mjtGeom.mjGEOM_BOX, pos=list(pos), size=list(size), **more)


def add_geom(body: Any, name: str, kind: mujoco.mjtGeom, **more: Any) -> None:
    """As `add_box`, of any shape."""
    body.add_geom(**({"name": f"{name}_collision", "type": kind, "group": 1} | TABLE_BITS | STIFF | more))


def over(error: Tensor, near: float, height: float) -> Tensor:
    """From a tool to where it shall go from above, as a path that first leads over it: error [N, 3] m is the straight one.

    Within `near` m of the vertical it is the straight one; from 1 cm more it ends `height` m higher.
    """
    aside = torch.linalg.vector_norm(error[:, :2], dim=1, keepdim=True)
    raised = ((aside - near) * (height / 0.01)).clip(0.0, height)
    return torch.cat((error[:, :2], error[:, 2:] + raised), 1)

"""Imperfect drives: backlash, dead zone, action noise, friction that depends on the direction."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ashore.configs.entries.actuation import ActuationParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import Cells, Effect, SpaceError, Target
from ashore.randomization.effects.joints import in_unit, joint_dofs


class DriveEffect:
    """Sets one imperfection of the matched joints in the way from setpoints to drives."""

    def __init__(self, name: str, entry: ActuationParameter, target: Target) -> None:
        joints: dict[str, str] = target.actuation.joints
        if not joints:
            raise SpaceError(
                f"{name} ({entry.kind}) changes joint targets; allowed: tasks whose actions are joint targets, which those "
                "that mirror gymnasium's are not"
            )
        members = in_unit(joints, "" if entry.unit == "1" else entry.unit, name, entry)
        columns = [list(joints).index(member) for member in members]
        self.claims = tuple((entry.kind, column) for column in columns)
        self.dimensions = _dimensions(name, entry, members)
        self._width = len(columns)
        self._cells = Cells(getattr(target.actuation, entry.kind), columns)
        target.actuation.driven.add(entry.kind)

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._cells.write(ids, values.float().expand(-1, self._width))

    def read(self, ids: Tensor) -> Tensor:
        return self._cells.read(ids).double()[:, : len(self.dimensions)]


class FrictionEffect:
    """Coulomb friction that is F (1 + k) against positive motion and F (1 - k) against negative, F being `dof_frictionloss`.

    The engine has one F for both directions, and takes torques beside it. With a constant torque -k F the joint breaks away
    upwards at a drive of F + k F, and downwards at -F + k F = -F (1 - k); moving, it feels -F - k F = -F (1 + k) and
    F - k F = F (1 - k). So the two together are the asymmetric law, exactly, at rest and in motion. |k| <= 1 keeps both
    of them frictions: with more, the joint would start by itself. F is that of the world at hand, as fields have set it. The
    engine's friction is soft, so that a limp joint creeps under any torque: the offset makes one, by millirad a second.
    """

    def __init__(self, name: str, entry: ActuationParameter, target: Target) -> None:
        world = target.world
        rubbing = {j: dof for j, (_, dof) in joint_dofs(world.model).items() if world.model.dof_frictionloss[dof] > 0}
        if not rubbing:
            raise SpaceError(
                f"{name}: no joint of this model has friction (dof_frictionloss), so none has an asymmetric one"
            )
        members = in_unit(dict.fromkeys(rubbing, ""), "", name, entry)
        self._dofs = torch.tensor([rubbing[m] for m in members])
        self.claims = tuple((entry.kind, rubbing[m]) for m in members)
        self.dimensions = _dimensions(name, entry, members)
        self._torques = Cells(world.qfrc_applied, self._dofs.tolist())
        self._frictions = Cells(world.field("dof_frictionloss"), self._dofs.tolist())

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._torques.write(ids, -values.double() * self._frictions.read(ids))

    def read(self, ids: Tensor) -> Tensor:
        share = -self._torques.read(ids) / self._frictions.read(ids)
        return share[:, : len(self.dimensions)]


def actuation_effect(name: str, entry: ActuationParameter, target: Target) -> Effect:
    kind: Callable[[str, ActuationParameter, Target], Effect]
    kind = FrictionEffect if entry.kind == "friction_asymmetry" else DriveEffect
    return kind(name, entry, target)


def _dimensions(name: str, entry: ActuationParameter, members: list[str]) -> tuple[Dimension, ...]:
    return tuple(Dimension.of(name, entry, m) for m in members) if entry.each else (Dimension.of(name, entry),)

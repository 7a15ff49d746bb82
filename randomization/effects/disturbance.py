"""Disturbances: velocity kicks, pulses of force and torque, a random network adversary."""

from __future__ import annotations

from torch import Tensor

from ashore.configs.entries.disturbance import AdversaryParameter, KickParameter, PulseParameter
from ashore.configs.space import Dimension
from ashore.randomization.effects.base import Cells, SpaceError, Target, matching
from ashore.randomization.effects.joints import bodies, floating_bodies, in_unit, joint_dofs

PARTS = {"force": slice(0, 3), "torque": slice(3, 6)}  # of a wrench


class _Magnitude:
    """Sets one number a world."""

    claims: tuple[tuple[str, int], ...] = ()  # several entries may disturb the same

    def __init__(self, name: str, entry: KickParameter | PulseParameter, magnitude: Tensor) -> None:
        self.dimensions = (Dimension.of(name, entry),)
        self._magnitude = magnitude

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._magnitude.index_copy_(0, ids, values[:, 0].to(self._magnitude.dtype))

    def read(self, ids: Tensor) -> Tensor:
        return self._magnitude.index_select(0, ids).double().unsqueeze(1)


class KickEffect(_Magnitude):
    """Sets how much faster a kick makes things in each world."""

    def __init__(self, name: str, entry: KickParameter, target: Target) -> None:
        model = target.world.model
        dofs: list[int] | list[list[int]]
        if entry.kind == "joint":
            joints = joint_dofs(model)
            units = {joint: unit for joint, (unit, _) in joints.items()}
            dofs = [joints[j][1] for j in in_unit(units, entry.unit.removesuffix("/s"), name, entry)]
        else:
            floating = floating_bodies(model)
            if not floating:
                raise SpaceError(
                    f"{name} kicks floating bodies, and this model has none; allowed: kind joint, effect pulse"
                )
            places = list(floating.values())
            dofs = [[places[i], places[i] + 1] for i in matching(entry.match, floating, name, "match")]
        super().__init__(name, entry, target.disturbance.kick(dofs, entry.interval))


class PulseEffect(_Magnitude):
    """Sets how strong pulses are in each world."""

    def __init__(self, name: str, entry: PulseParameter, target: Target) -> None:
        chosen = [1 + i for i in matching(entry.match, bodies(target.world.model), name, "match")]
        magnitude = target.disturbance.pulse(chosen, PARTS[entry.kind], entry.interval, entry.duration)
        super().__init__(name, entry, magnitude)


class AdversaryEffect:
    """Sets how far the adversary's action goes, or how hard it pushes."""

    def __init__(self, name: str, entry: AdversaryParameter, target: Target) -> None:
        adversary = target.disturbance.adversary
        self.dimensions = (Dimension.of(name, entry),)
        if entry.kind == "action":
            columns = matching(entry.match, target.settings.robot.joints, name, "match")
            table, adversary.acts = adversary.share, True
        else:
            chosen = [1 + i for i in matching(entry.match, bodies(target.world.model), name, "match")]
            adversary.pushed = sorted({*adversary.pushed, *chosen})
            part = PARTS[entry.kind]
            columns = [6 * body + i for body in chosen for i in range(part.start, part.stop)]
            table = adversary.wrench.flatten(1)  # a view
        self._cells, self._width = Cells(table, columns), len(columns)
        self.claims = tuple((f"adversary's {entry.kind}", column) for column in columns)

    def apply(self, ids: Tensor, values: Tensor) -> None:
        self._cells.write(ids, values.to(self._cells.values.dtype).expand(-1, self._width))

    def read(self, ids: Tensor) -> Tensor:
        return self._cells.read(ids).double()[:, :1]

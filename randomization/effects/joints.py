"""Which joints and bodies an entry means: by regular expression, and by the unit it counts in."""

from __future__ import annotations

from typing import Any

import mujoco

from ashore.randomization.effects.base import SpaceError, matching

_FREE, _SLIDE, _HINGE = (
    int(t) for t in (mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE)
)


def joint_dofs(model: mujoco.MjModel) -> dict[str, tuple[str, int]]:
    """Joints of one degree of freedom: the unit of their position and where their velocity stands."""
    units = {_SLIDE: "m", _HINGE: "rad"}
    joints = [model.joint(i) for i in range(model.njnt)]
    return {j.name: (units[int(j.type[0])], int(j.dofadr[0])) for j in joints if int(j.type[0]) in units}


def floating_bodies(model: mujoco.MjModel) -> dict[str, int]:
    """Bodies that float freely, and where their velocity, x y z first, stands."""
    joints = [model.joint(i) for i in range(model.njnt)]
    return {model.body(int(j.bodyid[0])).name: int(j.dofadr[0]) for j in joints if int(j.type[0]) == _FREE}


def bodies(model: mujoco.MjModel) -> list[str]:
    """All bodies but the world, in order from number 1."""
    return [model.body(i).name for i in range(1, model.nbody)]


def in_unit(units: dict[str, str], unit: str, name: str, entry: Any) -> list[str]:
    """Of the joints that the entry matches, those whose positions have this unit; any, where it is empty."""
    fitting = [joint for joint, has in units.items() if unit in ("", has)]
    if not fitting:
        raise SpaceError(f"{name}.unit = {entry.unit!r}; there is no such joint: {units}")
    return [fitting[i] for i in matching(entry.match, fitting, name, "match")]

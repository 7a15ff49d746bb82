"""The engine interface: N worlds of one model that advance by one call. `cpu.py` implements it on `mujoco.batch`,
`gpu.py` on MuJoCo Warp."""

from __future__ import annotations

from typing import Any, Protocol

import mujoco
from torch import Tensor

# What the rows of a model field belong to, by the field's prefix; `dof` rows carry their joint's name.
_OWNERS = {
    "body": mujoco.mjtObj.mjOBJ_BODY,
    "jnt": mujoco.mjtObj.mjOBJ_JOINT,
    "geom": mujoco.mjtObj.mjOBJ_GEOM,
    "site": mujoco.mjtObj.mjOBJ_SITE,
    "cam": mujoco.mjtObj.mjOBJ_CAMERA,
    "light": mujoco.mjtObj.mjOBJ_LIGHT,
    "mat": mujoco.mjtObj.mjOBJ_MATERIAL,
    "tendon": mujoco.mjtObj.mjOBJ_TENDON,
    "actuator": mujoco.mjtObj.mjOBJ_ACTUATOR,
    "sensor": mujoco.mjtObj.mjOBJ_SENSOR,
    "eq": mujoco.mjtObj.mjOBJ_EQUALITY,
    "pair": mujoco.mjtObj.mjOBJ_PAIR,
}


class World(Protocol):
    """State views are live: writing them sets the state. Derived values are those after the last step, not before it,
    unless the task is `raw_actuators`: a mirror sees what its original sees."""

    model: mujoco.MjModel
    num_worlds: int
    engine: str  # as `task.engine` names it
    longest_delay: float  # s that the actuators' delay buffers can hold
    qpos: Tensor  # [N, nq] float64
    qvel: Tensor  # [N, nv]
    act: Tensor  # [N, na]
    ctrl: Tensor  # [N, nu]
    qfrc_applied: Tensor  # [N, nv] N*m, N on every degree of freedom, as long as it stands there
    xfrc_applied: Tensor  # [N, bodies, 6] N, N*m on every body at its centre of mass, as long as it stands there
    mocap_pos: Tensor  # [N, nmocap, 3] m, where bodies stand that no force moves
    mocap_quat: Tensor  # [N, nmocap, 4]
    sensordata: Tensor  # [N, nsensordata]
    readings: Tensor  # [N, nsensordata] float32, as `sensordata` was after the last step or `forward`

    def varies(self, name: str) -> bool:
        """Whether a model field can differ between worlds."""
        ...

    def field(self, name: str) -> Tensor:
        """Per-world values of a model field: live [N, ...]. ValueError for a field that cannot differ between worlds."""
        ...

    @property
    def fields(self) -> dict[str, Tensor]:
        """All that was asked for as `field` so far, by name."""
        ...

    def output(self, name: str) -> Tensor:
        """A derived field of MjData, [N, ...] float64, live: as the last call left it."""
        ...

    def external_forces(self) -> Tensor:
        """Torque and force on every body from outside, about its tree's centre of mass: [N, bodies, 6] N*m, N.

        Evaluated at the present state under the present controls, like every other output after this call. The model needs
        an acceleration sensor: without one the engine leaves these forces out.
        """
        ...

    def row_names(self, name: str) -> list[str]:
        """Names of the objects that own a field's rows, in order; empty where rows have no names, as `opt.gravity`."""
        ...

    def feeds_constants(self, name: str) -> bool:
        """Whether `set_const` must follow a write to this field."""
        ...

    def step(self, count: int) -> None:
        """Advance every world by `count` physics steps."""
        ...

    def reset(self, ids: Tensor) -> None:
        """Set these worlds to the model's defaults, their warnings to zero; follow with writes and `forward`."""
        ...

    def forward(self, ids: Tensor) -> None:
        """Compute what derives from the written states of these worlds."""
        ...

    def set_const(self, ids: Tensor) -> None:
        """Recompute the constants that derive from written model fields of these worlds."""
        ...

    def diverged(self) -> Tensor | None:
        """Mask [N] of worlds whose state is not finite or huge; None where there is none, or a mask without any."""
        ...

    def overflows(self) -> dict[str, int]:
        """In how many steps of worlds a buffer of the engine was too small for what happened there, by the buffer's name."""
        ...

    def nbytes(self) -> int:
        """What the engine holds for its worlds."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def free_joint_start(model: mujoco.MjModel, body: str) -> int:
    """Where position and orientation of a free body begin in qpos.

    Found by the body: MuJoCo takes a free joint's name away without a word where another joint, a robot's say, has it.
    """
    return int(model.jnt_qposadr[int(model.body(body).jntadr[0])])


def row_names(model: mujoco.MjModel, field: str) -> list[str]:
    """The names that own the rows of a model field, in row order; empty for fields without owners, as `opt.gravity`."""
    prefix = field.split("_", 1)[0]
    if prefix == "dof":
        return [model.joint(int(j)).name for j in model.dof_jntid]
    owner = _OWNERS.get(prefix)
    if owner is None:
        return []
    count = len(getattr(model, field, ()))  # `World.field` refuses what does not exist
    return [mujoco.mj_id2name(model, owner, i) or "" for i in range(count)]

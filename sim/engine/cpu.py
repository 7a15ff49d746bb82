"""The CPU engine: `mujoco.batch.Batch`, one C++ call a control step, bit-identical at any thread count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mujoco
import numpy as np
import torch
from mujoco.batch import MODEL_FIELDS, Batch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.cores import usable_cores
from ashore.configs.malloc import keep_freed_memory
from ashore.sim.engine.world import row_names

_NOTHING = int(mujoco.mjtStage.mjSTAGE_NONE)
_FRESH = int(mujoco.mjtStage.mjSTAGE_VEL)  # positions, velocities and their sensors as after the step
_EVERYTHING = int(mujoco.mjtStage.mjSTAGE_ACC)
_COUNT = 1  # of the pair (last info, count) that each warning has
_BAD = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADCTRL) + 1)  # qpos, qvel, qacc, ctrl
FEW = 4  # worlds


class CpuWorld:
    """Implements `ashore.sim.engine.world.World`. num_threads = 0 takes every core that the process may use.

    fresh: derived values are those after the last step; without it, those that `mj_step` leaves, which are of its last
    evaluation of the dynamics, and a step is spared one pass over positions and velocities.
    """

    engine = "cpu"

    def __init__(self, model: mujoco.MjModel, num_worlds: int, num_threads: int = 0, *, fresh: bool = True) -> None:
        if not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_AUTORESET:
            raise ValueError("the model must disable the engine's autoreset: it would hide divergence")
        # The engine's log file would appear in the working folder; divergence is read from the counters instead.
        mujoco.set_mju_user_warning(lambda message: None)
        keep_freed_memory()
        self.model = model
        self.num_worlds = num_worlds
        self.fresh = fresh
        self._after_step, self._after_reset = (_FRESH, _FRESH) if fresh else (_NOTHING, _EVERYTHING)
        self.batch = Batch(model, num_worlds, num_threads or usable_cores())
        self.qpos, self.qvel, self.act, self.ctrl, self.sensordata = (
            _tensor(self.batch.bind(name)) for name in ("qpos", "qvel", "act", "ctrl", "sensordata")
        )
        self.qfrc_applied, self.xfrc_applied = (
            _tensor(self.batch.bind(name)) for name in ("qfrc_applied", "xfrc_applied")
        )
        self.mocap_pos, self.mocap_quat = (_tensor(self.batch.bind(name)) for name in ("mocap_pos", "mocap_quat"))
        self.readings = self.sensordata.float()
        samples = [int(n) for n, _ in model.actuator_history if n > 0]
        self.longest_delay = (min(samples, default=1) - 1) * float(model.opt.timestep)
        self._fields: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {"sensordata": self.sensordata}

    def varies(self, name: str) -> bool:
        return name in MODEL_FIELDS

    def field(self, name: str) -> Tensor:
        if name not in self._fields:
            try:
                self._fields[name] = torch.from_numpy(self.batch.expand(name))
            except (ValueError, AttributeError, KeyError) as error:
                raise ValueError(f"model field {name!r} cannot differ between worlds: {error}") from None
        return self._fields[name]

    @property
    def fields(self) -> dict[str, Tensor]:
        return self._fields

    def output(self, name: str) -> Tensor:
        if name not in self._outputs:
            self._outputs[name] = _tensor(self.batch.bind(name))
        return self._outputs[name]

    def overflows(self) -> dict[str, int]:
        return {}  # its buffers grow

    def nbytes(self) -> int:
        """What the engine holds for its worlds: states, outputs and model fields of their own."""
        fields = (self.batch.expanded(name) for name in MODEL_FIELDS)
        held = [self.batch.state, self.batch.warning, *self._outputs.values(), *(f for f in fields if f is not None)]
        return sum(int(array.nbytes) for array in held)

    def external_forces(self) -> Tensor:
        warmstart = self.batch.bind("qacc_warmstart")
        kept = warmstart.copy()  # so that the next step begins as if nothing had been asked
        self.batch.forward(None, _EVERYTHING)
        warmstart[:] = kept
        return self.output("cfrc_ext")

    def row_names(self, name: str) -> list[str]:
        return row_names(self.model, name)

    def feeds_constants(self, name: str) -> bool:
        return name in mujoco.MjModel._setconst_inputs or name.startswith("opt.")

    def step(self, count: int) -> None:
        self.batch.step(None, count, self._after_step)
        self.readings.copy_(self.sensordata)

    def reset(self, ids: Tensor) -> None:
        for some in _shares(ids):
            self.batch.reset(some, stage=_NOTHING)
        self.batch.warning[ids.numpy()] = 0

    def forward(self, ids: Tensor) -> None:
        for some in _shares(ids):
            self.batch.forward(some, self._after_reset)
        self.readings.copy_(self.sensordata)

    def set_const(self, ids: Tensor) -> None:
        for some in _shares(ids):
            self.batch.set_const(some)

    def diverged(self) -> Tensor | None:
        bad = self.batch.warning[:, _BAD, _COUNT].any(axis=1)
        if not self.fresh:  # the engine looks at a state when it goes on from it, which it has not done yet
            bad |= ~(np.abs(self.qvel.numpy()).max(axis=1) < mujoco.mjMAXVAL)
        return torch.from_numpy(bad) if bad.any() else None

    def state_dict(self) -> dict[str, Any]:
        fields = {name: tensor.clone() for name, tensor in self._fields.items()}
        return {
            "state": self.batch.state.copy(),
            "warning": self.batch.warning.copy(),
            "fields": fields,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore to the bit: fields and the constants that derive from them, then the states themselves."""
        for name, values in state["fields"].items():
            self.field(name).copy_(values)
        everyone = torch.arange(self.num_worlds)
        if state["fields"]:
            self.set_const(everyone)
        self.batch.state[:] = state["state"]
        self.forward(everyone)
        self.batch.state[:] = state["state"]
        self.batch.warning[:] = state["warning"]


def _shares(ids: Tensor) -> Iterable[NDArray[np.int64]]:
    """A call's worlds, one by one where they are few: the engine gives a lone world to the calling thread, and waking its
    other threads takes longer than resetting a few worlds (measured: 80 us against 10 us a world)."""
    index = ids.numpy()
    return index[:, None] if len(index) <= FEW else (index,)


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor over the array's memory, also where numpy forbids writing it: outputs are read only by convention here."""
    if array.flags.writeable:
        return torch.from_numpy(array)
    pointer, _ = array.__array_interface__["data"]
    writable = np.asarray(_Memory(array, {**array.__array_interface__, "data": (pointer, False)}))
    return torch.from_numpy(writable)


class _Memory:
    """Hands an array's memory on as writable, and keeps the array alive."""

    def __init__(self, owner: np.ndarray[Any, Any], interface: dict[str, Any]) -> None:
        self.owner = owner
        self.__array_interface__ = interface

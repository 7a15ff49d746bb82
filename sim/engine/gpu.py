"""The GPU engine: MuJoCo Warp. On Warp's CPU device it does the same far more slowly, which is enough for tests."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import mujoco
import mujoco_warp as mjw
import torch
import warp as wp
from torch import Tensor

from ashore.sim.engine.capacity import EngineError, capacity_of, out_of_memory
from ashore.sim.engine.warp_arrays import Pair, allocate, nbytes
from ashore.sim.engine.world import row_names

STATE = ("qpos", "qvel", "act", "ctrl", "qfrc_applied", "xfrc_applied", "mocap_pos", "mocap_quat")
_UNSEEN = ("time", "history", "qacc_warmstart", "sensordata")  # what else the next step depends on
# What `set_const` computes from other model fields: per world as soon as any of those is.
_DERIVED = (
    "body_subtreemass", "body_invweight0", "dof_invweight0", "tendon_invweight0", "tendon_length0", "actuator_acc0",
    "geom_rbound", "geom_aabb", "eq_data",
)  # fmt: skip
_TOO_SMALL = {kind.name: int(kind) for kind in mjw.OverflowType if kind.name and "ITERATIONS" not in kind.name}
_TOO_SMALL = {name: bit for name, bit in _TOO_SMALL.items() if bit and name != "ALL"}  # buffers, each its bit


class WarpWorld:
    """Implements `ashore.sim.engine.world.World`.

    The engine computes in float32. What it holds is written back after each call, so that views are live both ways, but what is
    written to fields counts from the next `set_const` or `forward` of those worlds on.
    Commands are late by whole physics steps, as on the CPU: the first step that begins `actuator_delay` after one takes it.
    views: the device of what the world shows; where it is the engine's, nothing goes to the host and back in a step.
    """

    engine = "warp"

    def __init__(self, model: mujoco.MjModel, num_worlds: int, device: str = "cpu", views: str | None = None) -> None:
        self.model, self.num_worlds, self.device = model, num_worlds, torch.device(device)
        self._views = torch.device(views or device)
        self.capacity = capacity_of(model)
        own = copy.copy(model)
        own.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)  # Warp has none to disable
        wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)  # a line for each of its kernels, otherwise
        self._where = wp.get_device(device)
        with wp.ScopedDevice(self._where), out_of_memory(num_worlds):
            try:
                self._m, self._d = mjw.put_model(own), allocate(own, num_worlds, self.capacity, self._where)
            except (NotImplementedError, ValueError) as error:
                raise EngineError(
                    f"engine warp does not simulate this model: {error}; allowed: task.engine=cpu"
                ) from None
        self._m.opt.warn_overflow = 0  # counted instead
        self._state = {name: Pair(getattr(self._d, name), self._views) for name in STATE}
        self.qpos, self.qvel, self.act, self.ctrl, self.qfrc_applied, self.xfrc_applied, self.mocap_pos, self.mocap_quat = (
            self._state[name].shown for name in STATE
        )  # fmt: skip
        self._outputs = {"sensordata": Pair(self._d.sensordata, self._views)}
        self.sensordata = self._outputs["sensordata"].shown
        self.readings = self.sensordata.float()
        self._fields: dict[str, Pair] = {}
        self._unseen = {name: wp.to_torch(getattr(self._d, name), requires_grad=False) for name in _UNSEEN}
        self._reset = torch.zeros(num_worlds, dtype=torch.bool, device=self.device)
        self._overflow = wp.to_torch(self._d.overflow)
        self._bits = torch.tensor(list(_TOO_SMALL.values()), dtype=torch.int32, device=self.device)
        self._overflows = torch.zeros(len(_TOO_SMALL), dtype=torch.int64, device=self.device)
        self._defaults = {name: pair.shown[:1].clone() for name, pair in self._state.items()}
        self._dt = float(model.opt.timestep)
        samples = [int(n) for n, _ in model.actuator_history if n > 0]
        self.longest_delay = (min(samples, default=1) - 1) * self._dt
        self._graphs: dict[str, Any] = {}  # the engine's calls as recorded

    def varies(self, name: str) -> bool:
        owner, key = (mjw.Option, name[4:]) if name.startswith("opt.") else (mjw.Model, name)
        kind = next((f.type for f in dataclasses.fields(owner) if f.name == key), None)
        return tuple(getattr(kind, "shape", ()))[:1] == ("*",)

    def field(self, name: str) -> Tensor:
        if name not in self._fields:
            if not self.varies(name):
                raise ValueError(f"model field {name!r} cannot differ between worlds on engine warp")
            self._expand(name)
            if self.feeds_constants(name):
                for derived in _DERIVED:
                    self._expand(derived)
        return self._fields[name].shown

    def _expand(self, name: str) -> None:
        """Give the engine a row of this field for each world."""
        if name in self._fields:
            return
        owner, key = (self._m.opt, name[4:]) if name.startswith("opt.") else (self._m, name)
        nominal = getattr(owner, key)
        rows = wp.to_torch(nominal, requires_grad=False)
        rows = rows[:1].expand(self.num_worlds, *rows.shape[1:]).contiguous()
        setattr(owner, key, wp.from_torch(rows, dtype=nominal.dtype, requires_grad=False))
        shape = getattr(self.model.opt if owner is self._m.opt else self.model, key).shape
        self._fields[name] = Pair(getattr(owner, key), self._views, shape)
        self._graphs.clear()  # they hold the addresses of before

    @property
    def fields(self) -> dict[str, Tensor]:
        return {name: pair.shown for name, pair in self._fields.items()}

    def output(self, name: str) -> Tensor:
        if name not in self._outputs:
            self._outputs[name] = Pair(getattr(self._d, name), self._views)
        return self._outputs[name].shown

    def external_forces(self) -> Tensor:
        raise EngineError("engine warp gives no external forces; allowed: task.engine=cpu")

    def row_names(self, name: str) -> list[str]:
        return row_names(self.model, name)

    def feeds_constants(self, name: str) -> bool:
        return name in mujoco.MjModel._setconst_inputs

    def nbytes(self) -> int:
        """What the engine holds for its worlds: states, outputs, contacts and constraints, model fields of their own."""
        shown = [*self._state.values(), *self._outputs.values(), *self._fields.values()]
        return sum(pair.shown.nbytes + pair.held.nbytes for pair in shown) + nbytes(self._d)

    def step(self, count: int) -> None:
        def steps() -> None:
            for _ in range(count):
                mjw.step(self._m, self._d)
            self._derive()

        self._push_state()
        self._run(f"step {count}", steps)
        self._count_overflows()
        self._pull()

    def _run(self, name: str, calls: Callable[[], None]) -> None:
        """The engine's calls: made the first time, which loads their kernels, recorded the second, replayed from then on."""
        with wp.ScopedDevice(self._where), out_of_memory(self.num_worlds):
            if name not in self._graphs:
                self._graphs[name] = None
                return calls()
            if self._graphs[name] is None:
                with wp.ScopedCapture() as capture:
                    calls()
                self._graphs[name] = capture.graph
            return wp.capture_launch(self._graphs[name])

    def _derive(self) -> None:
        """Positions, velocities and their sensors, of the present state; other sensors stay as they are."""
        mjw.fwd_position(self._m, self._d)
        mjw.sensor_pos(self._m, self._d)
        mjw.fwd_velocity(self._m, self._d)
        mjw.sensor_vel(self._m, self._d)

    def _count_overflows(self) -> None:
        self._overflows += ((self._overflow[:, None] & self._bits) != 0).sum(0)
        self._overflow.zero_()

    def overflows(self) -> dict[str, int]:
        """In how many steps of worlds a buffer was too small, by its name. Waits for the device."""
        counts = zip(_TOO_SMALL, self._overflows.tolist(), strict=True)
        return {name.lower(): count for name, count in counts if count}

    def reset(self, ids: Tensor) -> None:
        for name, default in self._defaults.items():
            shown = self._state[name].shown
            shown.index_copy_(0, ids, default.expand(len(ids), *shown.shape[1:]))
        there = ids.to(self.device)
        for name in ("time", "qacc_warmstart", "sensordata"):
            self._unseen[name].index_fill_(0, there, 0.0)
        self._reset.zero_().index_fill_(0, there, True)
        with wp.ScopedDevice(self._where):
            if self.model.nhistory:
                mjw.reset_history(self._m, self._d, reset=wp.from_torch(self._reset))

    def forward(self, ids: Tensor) -> None:
        """Of all worlds: the others' values come out as they were."""
        self._push_state()
        self._push_fields(ids)
        self._run("forward", self._derive)
        self._pull()

    def set_const(self, ids: Tensor) -> None:
        """Of all worlds, as `forward`."""
        self._push_state()
        self._push_fields(ids)
        self._run("set_const", lambda: mjw.set_const(self._m, self._d))
        for name in _DERIVED:
            if name in self._fields:
                self._fields[name].pull()

    def diverged(self) -> Tensor | None:
        """A mask in any case: whether there is one, only the host could ask."""
        seen = torch.cat((self.qpos, self.qvel, self.act), 1)
        return ~(seen.abs().amax(1) < mujoco.mjMAXVAL)  # of NaN the largest is NaN

    def _push_state(self) -> None:
        for pair in self._state.values():
            pair.push()

    def _push_fields(self, ids: Tensor) -> None:
        """Those of these worlds: the others' stand as they were last written."""
        there = ids.to(self.device)
        for name, pair in self._fields.items():
            rows = pair.shown.index_select(0, ids)
            if name == "actuator_delay":
                # Half a step early: there no rounding of float32 times makes it another step. Commands change at steps only.
                steps = (rows / self._dt).ceil()
                rows = torch.where(steps > 0, (steps - 0.5) * self._dt, 0.0)
            pair.held.index_copy_(0, there, rows.to(pair.held))

    def _pull(self) -> None:
        for pairs in (self._state, self._outputs):
            for pair in pairs.values():
                pair.pull()
        self.readings.copy_(self.sensordata)

    def state_dict(self) -> dict[str, Any]:
        self._push_state()
        held = {name: pair.held for name, pair in self._state.items()} | self._unseen
        return {
            "state": {name: values.clone() for name, values in held.items()},
            "fields": {name: values.clone() for name, values in self.fields.items()},
            "overflows": self._overflows.clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, values in state["fields"].items():
            self.field(name).copy_(values)
        everyone = torch.arange(self.num_worlds)
        for name, pair in self._state.items():
            pair.shown.copy_(state["state"][name])
        if state["fields"]:
            self.set_const(everyone)
        self.forward(everyone)
        for name, values in self._unseen.items():
            values.copy_(state["state"][name])
        self._overflows.copy_(state["overflows"])
        self._pull()

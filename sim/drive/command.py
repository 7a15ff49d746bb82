"""From an action to the actuators: target, joint limits, delivery, the trajectory controller's interpolation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Protocol

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import Interface
from ashore.configs.laws.kinematics import ToolMotion
from ashore.configs.laws.limits import JointLimits, limit_target, within_positions
from ashore.configs.laws.task_frame import turn
from ashore.sim.channel.timing import Clock, Outage

_STATE = ("target", "target_velocity", "setpoint", "setpoint_velocity", "end", "end_velocity")


class ActionPath(Protocol):
    """How actions reach the actuators of N worlds."""

    requested_velocity: Tensor  # [N, a] what the last action asked for; of raw actuators, the action itself
    previous_velocity: Tensor  # [N, a] what was in force before it
    num_uniforms: int  # uniform numbers that each delivery takes

    @property
    def clock(self) -> Clock | None:
        """The policy's; None where commands are neither late nor lost."""
        ...

    def act(self, action: Tensor, draws: Tensor | None) -> Tensor:
        """action [N, a], clipped to [-1, 1]; draws [N, num_uniforms] uniform, None where that is 0 -> ctrl [N, nu]."""
        ...

    def follow(self, desired: Tensor, draws: Tensor | None) -> Tensor:
        """As `act`, from joint targets [N, a] rad."""
        ...

    def answer(self, action: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What an action, [N, a] in [-1, 1], asks for where the target is `target`, with neither limits nor delivery: ctrl
        [N, nu], and the target it leads to."""
        ...

    def memory(self) -> tuple[Tensor, ...]:
        """What the actor sees of its own past: [N, ...] each."""
        ...

    def finite(self) -> Tensor | None:
        """Mask [N] of worlds whose command is finite; None where all are."""
        ...

    def restart(self, ids: Tensor, measured: Tensor) -> tuple[Tensor, ...]:
        """Begin anew in these worlds; gives their rows of `memory`."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class CommandPath:
    """What happens between the policy's action and the servos' setpoint, for all worlds.

    A target p with velocity v, meant for the end of this period T, is sent as the trajectory point (p + v T, v) two
    periods ahead, p + v T within the position limits. The controller replaces its running trajectory by the cubic from its
    present setpoint to that point and follows it for one period (joint_trajectory_controller). A message that is late by a
    fraction f of the period leaves the trajectory before in force for that fraction; a lost one leaves it in force for all
    of it, and what has run out holds its last point.

    A command is late by up to `jitter`, after what the policy's clock makes of it; it is lost by itself, with probability
    `drop`, or with all others while the connection is broken, see `Outage`.
    """

    def __init__(self, interface: Interface, num_worlds: int) -> None:
        def every(values: Iterable[float]) -> Tensor:
            """[N, joints]: an operation on equal shapes is several times faster than one that broadcasts a few columns."""
            return torch.tensor(tuple(values)).repeat(num_worlds, 1)

        self.dt = interface.control_dt
        names = ("low", "high", "velocity", "acceleration")
        self.limits = JointLimits(*(every(getattr(j, name) for j in interface.joints) for name in names))
        self.tool = ToolMotion(interface, torch.float32) if interface.action == "tool" else None
        # [N, 2] the direction that x of the tool's actions points in, by what the actor saw last; None: that of the base.
        self.heading = torch.zeros(num_worlds, 2) if interface.heading else None
        scale = every(interface.action_scale)
        self.home = every(j.home for j in interface.joints) if interface.action == "position" else None
        self.reach = scale * self.dt if self.home is None else scale  # rad at action 1
        joints = len(interface.joints)
        self.target = torch.zeros(num_worlds, joints)  # rad, as the encoders count
        self.target_velocity = torch.zeros(num_worlds, joints)
        self.requested_velocity = torch.zeros(num_worlds, joints)  # rad/s, before the limits
        self.previous_velocity = self.requested_velocity
        self.setpoint = torch.zeros(num_worlds, joints)
        self.setpoint_velocity = torch.zeros(num_worlds, joints)
        self.end = torch.zeros(num_worlds, joints)  # where the running trajectory ends
        self.end_velocity = torch.zeros(num_worlds, joints)
        self.jitter = torch.zeros(num_worlds, 1)  # s, latest arrival after the nominal one
        self.drop = torch.zeros(num_worlds, 1)  # probability
        self.hold = Outage(num_worlds, 1, self.dt)  # of the connection
        self.clock = Clock(num_worlds, self.dt)  # of the policy
        self.num_uniforms = 0  # 2 once an effect drives jitter or drop, 3 once one drives hold

    def act(self, action: Tensor, draws: Tensor | None) -> Tensor:
        """action [N, a] in [-1, 1] -> mean setpoint velocity over the period, [N, joints] rad/s."""
        return self.follow(self._desired(action.clip(-1.0, 1.0), self.target), draws)

    def _desired(self, action: Tensor, target: Tensor) -> Tensor:
        if self.tool is not None:
            action = action if self.heading is None else turn(action, self.heading)
            return torch.add(target, self.tool(action, target), alpha=self.dt)
        return torch.addcmul(target if self.home is None else self.home, action, self.reach)

    def answer(self, action: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        desired = self._desired(action, target)
        return (desired - target).div_(self.dt), desired

    def follow(self, desired: Tensor, draws: Tensor | None) -> Tensor:
        """desired [N, joints] rad; draws [N, num_uniforms] for delivery, None where there are none -> as `act`."""
        self.requested_velocity, self.previous_velocity = (desired - self.target).div_(self.dt), self.target_velocity
        self.target, self.target_velocity = limit_target(
            desired, self.target, self.target_velocity, self.limits, self.dt
        )
        v, dt = self.target_velocity, self.dt
        end = within_positions(torch.add(self.target, v, alpha=dt), self.limits)
        # The cubic from (s, s') over 2T to (end, v), at its middle.
        setpoint = torch.lerp(self.setpoint, end, 0.5).add_(self.setpoint_velocity - v, alpha=dt / 4)
        velocity = (end - self.setpoint).mul_(0.75 / dt).sub_(self.setpoint_velocity + v, alpha=0.25)
        late = self._late(draws)
        if late is not None:
            setpoint = torch.lerp(setpoint, self.end, late)
            velocity = torch.lerp(velocity, self.end_velocity, late)
            missed = late >= 1.0
            end = torch.where(missed, self.end, end)
            v = v.masked_fill(missed, 0.0)
        moved = (setpoint - self.setpoint).div_(dt)
        self.setpoint, self.setpoint_velocity, self.end, self.end_velocity = setpoint, velocity, end, v
        return moved

    def _late(self, draws: Tensor | None) -> Tensor | None:
        """How late the present command is, as a fraction of the period, 1 where it is lost: [N, 1]; None where none ever is."""
        late = None
        if draws is not None:
            late = torch.maximum(draws[:, :1] * self.jitter / self.dt, (draws[:, 1:2] < self.drop).float())
            if self.num_uniforms > 2:
                late = torch.maximum(late, self.hold.step(draws[:, 2:]).float())
        if self.clock.used:
            late = self.clock.lateness() if late is None else late.add_(self.clock.lateness())
        return None if late is None else late.clip_(max=1.0)

    def table(self, kind: str) -> Tensor:
        """What an effect of this kind writes, live [N, 1]; it calls `refresh` then."""
        return {"jitter": self.jitter, "drop": self.drop, "hold": self.hold.rate, "period": self.clock.spread}[kind]

    def enable(self, kind: str, seconds: float) -> None:
        """An effect will write this kind's table. seconds: mean length of a break in the connection."""
        if kind == "period":
            self.clock.used = True
        elif kind == "hold":
            self.hold.mean.fill_(seconds)
        self.num_uniforms = max(self.num_uniforms, {"jitter": 2, "drop": 2, "hold": 3, "period": 0}[kind])

    def refresh(self, kind: str, ids: Tensor) -> None:
        """Follow what was written to this kind's table for these worlds."""
        if kind == "hold":
            self.hold.refresh(ids)

    def memory(self) -> tuple[Tensor, ...]:
        return self.target, self.target_velocity

    def finite(self) -> Tensor | None:
        return finite_rows(self.target)

    def restart(self, ids: Tensor, measured: Tensor) -> tuple[Tensor, ...]:
        """Begin anew from the first measured joint positions, [k, joints] rad, at rest."""
        for values in (self.target, self.setpoint, self.end):
            values.index_copy_(0, ids, measured)
        for values in (self.target_velocity, self.setpoint_velocity, self.end_velocity):
            values.index_fill_(0, ids, 0.0)
        if self.num_uniforms > 2:
            self.hold.restart(ids)
        return measured, torch.zeros_like(measured)

    def state_dict(self) -> dict[str, Any]:
        delivery = {"down": self.hold.down.clone(), "early": self.clock.early.clone()}
        heading = {} if self.heading is None else {"heading": self.heading.clone()}
        return {k: getattr(self, k).clone() for k in _STATE} | delivery | heading

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.hold.down, self.clock.early = state["down"].clone(), state["early"].clone()
        for name in (*_STATE, *(() if self.heading is None else ("heading",))):
            setattr(self, name, state[name].clone())


def finite_rows(values: Tensor) -> Tensor | None:
    """Mask [N] of the rows that are all finite; None where all rows are."""
    if math.isfinite(values.sum()):  # any infinity or nan would be in the sum
        return None
    finite = values.isfinite().all(1)
    return None if finite.all() else finite


class RawActuatorPath:
    """Actions span the control ranges of the model's own actuators; nothing lies between."""

    def __init__(self, model: mujoco.MjModel, num_worlds: int) -> None:
        if not model.actuator_ctrllimited.all():
            raise ValueError("every actuator needs a control range")
        low, high = torch.from_numpy(model.actuator_ctrlrange.T.copy()).float()
        self.middle, self.reach = (low + high) / 2, (high - low) / 2
        self.requested_velocity = torch.zeros(num_worlds, model.nu)  # action
        self.previous_velocity = self.requested_velocity
        self.num_uniforms = 0
        self.clock = None

    def act(self, action: Tensor, draws: Tensor | None) -> Tensor:
        self.previous_velocity, self.requested_velocity = self.requested_velocity, action.clip(-1.0, 1.0)
        return torch.addcmul(self.middle, self.requested_velocity, self.reach)

    def answer(self, action: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return torch.addcmul(self.middle, action, self.reach), target

    def follow(self, desired: Tensor, draws: Tensor | None) -> Tensor:
        raise NotImplementedError("such a task takes actions, not joint targets")

    def memory(self) -> tuple[Tensor, ...]:
        return ()

    def finite(self) -> Tensor | None:
        return finite_rows(self.requested_velocity)

    def restart(self, ids: Tensor, measured: Tensor) -> tuple[Tensor, ...]:
        self.requested_velocity = self.requested_velocity.index_fill(0, ids, 0.0)
        return ()

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.requested_velocity.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.requested_velocity = state["asked"].clone()

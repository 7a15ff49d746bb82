"""From an action to the actuators: target, joint limits, delivery, the trajectory controller's interpolation."""

from __future__ import annotations

from typing import Any, Protocol

import mujoco
import torch
from torch import Tensor

from configs.contract import Interface
from configs.limits import JointLimits, limit_target

_STATE = ("target", "target_velocity", "setpoint", "setpoint_velocity", "end", "end_velocity", "jitter", "drop")


class Command(Protocol):
    """How actions reach the actuators of N worlds."""

    asked: Tensor  # [N, a] what the last action asked for
    before: Tensor  # [N, a] what was in force before it

    def act(self, action: Tensor, chance: Tensor) -> Tensor:
        """action [N, a], clipped to [-1, 1]; chance [N, 2] uniform -> ctrl [N, nu]."""
        ...

    def follow(self, desired: Tensor, chance: Tensor) -> Tensor:
        """As `act`, from joint targets [N, a] rad."""
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


def joint_limits(interface: Interface) -> JointLimits:
    """The interface's limits as float32 tensors, [joints] each."""
    return JointLimits(
        *(torch.tensor([getattr(j, k) for j in interface.joints]) for k in ("low", "high", "velocity", "acceleration"))
    )


class CommandPath:
    """What happens between the policy's action and the servos' setpoint, for all worlds.

    A target p with velocity v, meant for the end of this period T, is sent as the trajectory point (p + v T, v) two
    periods ahead. The controller replaces its running trajectory by the cubic from its present setpoint to that point
    and follows it for one period (joint_trajectory_controller). A message that is late by a fraction f of the period
    leaves the trajectory before in force for that fraction; a lost one leaves it in force for all of it, and what has
    run out holds its last point.
    """

    def __init__(self, interface: Interface, num_worlds: int) -> None:
        self.dt = interface.control_dt
        self.limits = joint_limits(interface)
        scale = torch.tensor(interface.action_scale)
        self.home = torch.tensor([j.home for j in interface.joints]) if interface.action == "position" else None
        self.reach = scale * self.dt if self.home is None else scale  # rad at action 1
        joints = len(interface.joints)
        self.target = torch.zeros(num_worlds, joints)  # rad, as the encoders count
        self.target_velocity = torch.zeros(num_worlds, joints)
        self.asked = torch.zeros(num_worlds, joints)  # rad/s, before the limits
        self.before = self.asked
        self.setpoint = torch.zeros(num_worlds, joints)
        self.setpoint_velocity = torch.zeros(num_worlds, joints)
        self.end = torch.zeros(num_worlds, joints)  # where the running trajectory ends
        self.end_velocity = torch.zeros(num_worlds, joints)
        self.jitter = torch.zeros(num_worlds, 1)  # s, latest arrival after the nominal one
        self.drop = torch.zeros(num_worlds, 1)  # probability
        self.imperfect = False  # set once an effect drives jitter or drop

    def act(self, action: Tensor, chance: Tensor) -> Tensor:
        """action [N, joints] in [-1, 1] -> mean setpoint velocity over the period, [N, joints] rad/s."""
        start = self.target if self.home is None else self.home
        return self.follow(torch.addcmul(start, action.clip(-1.0, 1.0), self.reach), chance)

    def follow(self, desired: Tensor, chance: Tensor) -> Tensor:
        """desired [N, joints] rad; chance [N, 2] uniform numbers for delivery -> as `act`."""
        self.asked, self.before = (desired - self.target).div_(self.dt), self.target_velocity
        self.target, self.target_velocity = limit_target(
            desired, self.target, self.target_velocity, self.limits, self.dt
        )
        v, dt = self.target_velocity, self.dt
        end = torch.add(self.target, v, alpha=dt)
        # The cubic from (s, s') over 2T to (end, v), at its middle.
        setpoint = torch.lerp(self.setpoint, end, 0.5).add_(self.setpoint_velocity - v, alpha=dt / 4)
        velocity = (end - self.setpoint).mul_(0.75 / dt).sub_(self.setpoint_velocity + v, alpha=0.25)
        if self.imperfect:
            late = torch.maximum(chance[:, :1] * self.jitter / dt, (chance[:, 1:] < self.drop).float()).clip_(max=1.0)
            setpoint = torch.lerp(setpoint, self.end, late)
            velocity = torch.lerp(velocity, self.end_velocity, late)
            missed = late >= 1.0
            end = torch.where(missed, self.end, end)
            v = v.masked_fill(missed, 0.0)
        moved = (setpoint - self.setpoint).div_(dt)
        self.setpoint, self.setpoint_velocity, self.end, self.end_velocity = setpoint, velocity, end, v
        return moved

    def memory(self) -> tuple[Tensor, ...]:
        return self.target, self.target_velocity

    def finite(self) -> Tensor | None:
        finite = self.target.isfinite()
        return None if finite.all() else finite.all(1)

    def restart(self, ids: Tensor, measured: Tensor) -> tuple[Tensor, ...]:
        """Begin anew from the first measured joint positions, [k, joints] rad, at rest."""
        for values in (self.target, self.setpoint, self.end):
            values.index_copy_(0, ids, measured)
        for values in (self.target_velocity, self.setpoint_velocity, self.end_velocity):
            values.index_fill_(0, ids, 0.0)
        return measured, torch.zeros_like(measured)

    def state_dict(self) -> dict[str, Any]:
        return {k: getattr(self, k).clone() for k in _STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value.clone())


class DirectPath:
    """Actions span the control ranges of the model's own actuators; nothing lies between."""

    def __init__(self, model: mujoco.MjModel, num_worlds: int) -> None:
        if not model.actuator_ctrllimited.all():
            raise ValueError("every actuator needs a control range")
        low, high = torch.from_numpy(model.actuator_ctrlrange.T.copy()).float()
        self.middle, self.reach = (low + high) / 2, (high - low) / 2
        self.asked = torch.zeros(num_worlds, model.nu)  # action
        self.before = self.asked

    def act(self, action: Tensor, chance: Tensor) -> Tensor:
        self.before, self.asked = self.asked, action.clip(-1.0, 1.0)
        return torch.addcmul(self.middle, self.asked, self.reach)

    def follow(self, desired: Tensor, chance: Tensor) -> Tensor:
        raise NotImplementedError("such a task takes actions, not joint targets")

    def memory(self) -> tuple[Tensor, ...]:
        return ()

    def finite(self) -> Tensor | None:
        finite = self.asked.isfinite()
        return None if finite.all() else finite.all(1)

    def restart(self, ids: Tensor, measured: Tensor) -> tuple[Tensor, ...]:
        self.asked = self.asked.index_fill(0, ids, 0.0)
        return ()

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.asked.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.asked = state["asked"].clone()

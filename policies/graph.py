"""What a policy file computes: from named signals and memory to joint targets that keep the limits."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from ashore.configs.contract import TARGET, TARGET_VELOCITY, Interface
from ashore.configs.laws.kinematics import ToolMotion
from ashore.configs.laws.limits import JointLimits, limit_target
from ashore.configs.laws.task_frame import Derived, turn
from ashore.policies.graph_memory import GraphHistory, graph_memory
from ashore.policies.networks import Actor
from ashore.policies.normalize import Normalizer


class PolicyGraph(nn.Module):
    """(signals..., memories...) -> (position target, velocity target, next memories...), each [n, size] float32.

    Inputs in the interface's order. The first memories are the target before and the velocity that led to it, from which
    the limits start; any others are the actor's own. In between everything is float64: two machines sum float32 in
    different orders, which the memory would carry on and the short control_dt blow up; so they agree to the rounding of the
    outputs, and golden vectors are sharp.
    """

    low: Tensor
    high: Tensor
    velocity: Tensor
    acceleration: Tensor
    reach: Tensor
    home: Tensor
    control_dt: Tensor

    def __init__(self, actor: Actor, normalizer: Normalizer, interface: Interface) -> None:
        super().__init__()
        joints, targets = len(interface.joints), interface.memory[:2]
        if [m.name for m in targets] != [TARGET, TARGET_VELOCITY] or any(m.size != joints for m in targets):
            names = [m.name for m in interface.memory]
            raise ValueError(
                f"memory = {names}; allowed: first {TARGET} and {TARGET_VELOCITY}, of {joints} values each"
            )
        if (own := interface.memory[2:]) != actor.memory.specs(interface):
            raise ValueError(f"memory = {[m.name for m in own]} beside the targets; allowed: the actor's own")
        seen, acts = len(normalizer.mean), actor.action_size
        wanted = (interface.actor_size, len(interface.action_scale))
        if (seen, acts) != wanted:
            raise ValueError(f"the policy takes {seen} values and gives {acts}; allowed: {wanted[0]} and {wanted[1]}")
        layers = [_Elu() if isinstance(layer, nn.ELU) else copy.deepcopy(layer) for layer in actor.layers()]
        self.remember = graph_memory(actor, normalizer, interface)
        if isinstance(self.remember, GraphHistory):
            first = layers[0].weight
            assert isinstance(first, Tensor)
            first.data = first.data[:, self.remember.order]
        self.policy = nn.Sequential(*layers)
        self.cpu().double().eval().requires_grad_(False)
        self.num_signals = len(interface.signals)
        # A tensor, for the exporter makes numbers float32.
        self.register_buffer("control_dt", torch.tensor(interface.control_dt, dtype=torch.float64))
        # Rounded inwards to float32, so that the rounding of the targets cannot break a limit either.
        limits = interface.joints
        self.register_buffer("low", -_down([-j.low for j in limits]))
        self.register_buffer("high", _down([j.high for j in limits]))
        self.register_buffer("velocity", _down([j.velocity for j in limits]))
        self.register_buffer("acceleration", _down([j.acceleration for j in limits]))
        self.tool = ToolMotion(interface, torch.float64) if interface.action == "tool" else None
        self.derived = Derived(interface)
        # What the action is added to, and how far it reaches.
        scale = torch.tensor(interface.action_scale, dtype=torch.float64)
        self.from_home = interface.action == "position"
        self.register_buffer("reach", scale if self.from_home else scale * interface.control_dt)
        self.register_buffer("home", torch.tensor([j.home for j in limits], dtype=torch.float64))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        exact = [x.double() for x in inputs]
        seen, own = exact[: self.num_signals + 2], exact[self.num_signals + 2 :]
        position, velocity = seen[-2:]
        features, following = self.remember(seen, own)
        action = self.policy(features).clip(-1, 1)
        limits = JointLimits(self.low, self.high, self.velocity, self.acceleration)
        if self.tool is None:
            desired = (self.home if self.from_home else position) + action * self.reach
        else:
            heading = self.derived.heading(seen)
            if heading is not None:
                action = turn(action, heading)
            desired = position + self.tool(action, position) * self.control_dt
        moved, moves = limit_target(desired, position, velocity, limits, self.control_dt)
        targets = (moved.float(), moves.float())
        # Fresh tensors, since a graph gives each of its outputs one name.
        return *targets, *(x.clone() for x in targets), *(x.float() for x in following)


class _Elu(nn.Module):
    """ELU of operators that onnxruntime has in float64."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clip(min=0) + x.clip(max=0).exp() - 1


def _down(values: list[float]) -> Tensor:
    """The largest float32 at most each value, as float64."""
    exact = np.array(values, dtype=np.float64)
    near = exact.astype(np.float32)
    return torch.from_numpy(np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float64))

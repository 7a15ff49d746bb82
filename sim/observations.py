"""What actor and critic see of every world, as one row each."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.configs.contract import Interface
from ashore.configs.laws.task_frame import Derived
from ashore.sim.drive.command import ActionPath, CommandPath
from ashore.sim.randomizer_interface import Randomizer
from ashore.sim.tasks.task import Task

Obs = dict[str, Tensor]


class Observations:
    """`actor`, signals as measured and the command memory; `critic`, the same and what only a simulator knows."""

    def __init__(self, task: Task, interface: Interface, command: ActionPath, known: Randomizer | None) -> None:
        """known: whose parameters the critic sees, too."""
        self._task, self._command, self._known = task, command, known
        self._derived = Derived(interface)
        self._has_differences = bool(interface.differences)
        privileged = task.privileged_size + (known.values.shape[1] if known else 0)
        privileged += 0 if task.raw_actuators else 2 * len(interface.joints)
        self.sizes = {"actor": interface.actor_size, "critic": interface.actor_size + privileged}

    def actor(self, signals: Tensor, command: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """[k, actor_size], from what passed the channel and what did not, [k, ...] each."""
        seen = torch.cat((signals, command, *memory), 1)
        return torch.cat((seen, *self._derived(seen)), 1) if self._has_differences else seen

    def both(self, actor: Tensor) -> Obs:
        """Of all worlds, from what their actors see: [N, actor_size]."""
        parts = [actor, self._task.privileged()]
        if isinstance(self._command, CommandPath):
            world = self._task.world
            lag = (world.act - world.qpos[:, self._task.qpos_of]).float()
            parts += [lag, self._command.setpoint_velocity]
        if self._known is not None:
            parts.append(self._known.values)
        return {"actor": actor, "critic": torch.cat(parts, 1)}

    def heading(self, actor: Tensor) -> Tensor | None:
        """Of the task frame, [N, 2], where actions are counted in one."""
        return self._derived.heading(actor)

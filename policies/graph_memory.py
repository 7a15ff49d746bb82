"""An actor's memory as a part of the exported graph: plain operators, in float64, between columns that have names."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ashore.configs.contract import Interface
from ashore.configs.laws.task_frame import Derived
from ashore.policies.memory import History, Recurrent
from ashore.policies.networks import Actor
from ashore.policies.normalize import Normalizer


class GraphMemory(nn.Module):
    """None: what is seen, [n, size] each, and memory, [n, size] each -> features [n, f] and the next memory."""

    def __init__(self, normalizer: Normalizer, interface: Interface) -> None:
        super().__init__()
        self.normalizer = copy.deepcopy(normalizer)
        self.derived = Derived(interface)

    def forward(self, seen: Sequence[Tensor], state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        return self._normal(seen), []

    def _normal(self, seen: Sequence[Tensor]) -> Tensor:
        """All that the actor sees, side by side, normalized."""
        return self.normalizer(torch.cat([*seen, *self.derived(seen)], -1))


class GraphHistory(GraphMemory):
    """Features signal by signal, all steps of each, while the actor's layers were trained on them step by step: `order`."""

    def __init__(self, normalizer: Normalizer, steps: int, interface: Interface) -> None:
        super().__init__(normalizer, interface)
        self.steps = steps
        sizes = [*(size for _, size in interface.seen), *interface.sizes_of_differences]
        columns = torch.arange(steps * sum(sizes)).view(steps, -1).split(sizes, 1)
        self.order: Tensor = torch.cat([x.flatten() for x in columns])  # place of each feature in the trained order
        for name in ("shift", "scale"):
            setattr(self.normalizer, name, getattr(self.normalizer, name).repeat(steps)[self.order])

    def forward(self, seen: Sequence[Tensor], state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        windows = [torch.cat((before, now), -1) for before, now in zip(state, seen, strict=True)]
        following = [window[:, now.shape[-1] :] for window, now in zip(windows, seen, strict=True)]
        frames = [window.unflatten(-1, (self.steps, -1)) for window in windows]
        derived = [x.flatten(-2) for x in self.derived(frames)]
        return self.normalizer(torch.cat([*windows, *derived], -1)), following


class GraphRecurrent(GraphMemory):
    """The cell's equations, as torch.nn.GRUCell and torch.nn.LSTMCell state them."""

    def __init__(self, normalizer: Normalizer, memory: Recurrent, interface: Interface) -> None:
        super().__init__(normalizer, interface)
        self.lstm, self.width = memory.lstm, memory.width
        cell = memory.cell
        self.of_input = nn.Linear(cell.input_size, len(cell.bias_ih))
        self.of_state = nn.Linear(cell.hidden_size, len(cell.bias_hh))
        for linear, weight, bias in (
            (self.of_input, cell.weight_ih, cell.bias_ih),
            (self.of_state, cell.weight_hh, cell.bias_hh),
        ):
            linear.weight, linear.bias = copy.deepcopy(weight), copy.deepcopy(bias)

    def forward(self, seen: Sequence[Tensor], state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x = self._normal(seen)
        h = state[0]
        a, b = self.of_input(x).split(self.width, -1), self.of_state(h).split(self.width, -1)
        if self.lstm:
            keep, forget, new, out = (p + q for p, q in zip(a, b, strict=True))
            c = forget.sigmoid() * state[1] + keep.sigmoid() * new.tanh()
            h = out.sigmoid() * c.tanh()
            return torch.cat((x, h), -1), [h, c]
        reset, update = (a[0] + b[0]).sigmoid(), (a[1] + b[1]).sigmoid()
        new = (a[2] + reset * b[2]).tanh()
        h = (1 - update) * new + update * h
        return torch.cat((x, h), -1), [h]


def graph_memory(actor: Actor, normalizer: Normalizer, interface: Interface) -> GraphMemory:
    """The memory of an actor whose observation has the interface's columns."""
    memory = actor.memory
    if isinstance(memory, History):
        return GraphHistory(normalizer, memory.steps, interface)
    if isinstance(memory, Recurrent):
        return GraphRecurrent(normalizer, memory, interface)
    return GraphMemory(normalizer, interface)

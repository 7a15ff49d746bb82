"""What an actor knows of the steps before: the last observations, or a recurrent state, as one flat row a world."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.contract import Interface, MemorySpec
from ashore.policies.normalize import Normalizer


class Memory(nn.Module):
    """None. What the actor's layers take is the normalized observation.

    An observation is what the environment shows, raw: [..., n]. A state is [..., size]; features are [..., features].
    """

    recurrent = False
    size = 0  # values of the state

    def __init__(self, observation_size: int) -> None:
        super().__init__()
        self.features = observation_size

    def begin(self, seen: Tensor) -> Tensor:
        """States in which episodes begin that show `seen` [k, n] first: [k, size]."""
        return seen.new_zeros(len(seen), self.size)

    def forward(self, normalizer: Normalizer, seen: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features, and the state for the next step."""
        return normalizer(seen), state

    def specs(self, interface: Interface) -> tuple[MemorySpec, ...]:
        """The state as a policy file has it: inputs and outputs of the graph, in the order of its columns."""
        return ()


class History(Memory):
    """The last observations side by side, oldest first. An episode begins as if its first had been seen ever before."""

    def __init__(self, observation_size: int, steps: int) -> None:
        super().__init__(observation_size)
        self.steps = steps
        self.size, self.features = (steps - 1) * observation_size, steps * observation_size

    def begin(self, seen: Tensor) -> Tensor:
        return seen.repeat(1, self.steps - 1)

    def forward(self, normalizer: Normalizer, seen: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        window = torch.cat((state, seen), -1)
        frames = normalizer(window.unflatten(-1, (self.steps, -1)))
        return frames.flatten(-2), window[..., seen.shape[-1] :]

    def specs(self, interface: Interface) -> tuple[MemorySpec, ...]:
        """One a signal, so that each is in one unit and begins with what its signal shows first."""
        units = {s.name: s.unit for s in interface.signals} | {m.name: m.unit for m in interface.memory}
        starts = {s.name: s.name for s in interface.signals} | {m.name: m.starts_as for m in interface.memory}
        return tuple(
            MemorySpec(name=f"history.{name}", size=(self.steps - 1) * size, unit=units[name], starts_as=starts[name])
            for name, size in interface.seen
        )


class Recurrent(Memory):
    """A gated cell beside the observation: features are the normalized observation and the cell's output.

    GRU: Cho et al., arXiv 1406.1078, as torch has it. LSTM: Hochreiter and Schmidhuber 1997; state = output, cell.
    """

    recurrent = True
    cell: nn.GRUCell | nn.LSTMCell

    def __init__(self, observation_size: int, settings: MemorySettings, generator: torch.Generator | None) -> None:
        super().__init__(observation_size)
        self.lstm = settings.kind == "lstm"
        self.width = settings.size
        self.cell = (nn.LSTMCell if self.lstm else nn.GRUCell)(observation_size, self.width)
        for weight in (self.cell.weight_ih, self.cell.weight_hh):
            for gate in weight.split(self.width):
                nn.init.orthogonal_(gate, generator=generator)
        for bias in (self.cell.bias_ih, self.cell.bias_hh):
            nn.init.zeros_(bias)
        if self.lstm:  # begins by keeping what it holds: Jozefowicz et al. 2015, section 2.2
            nn.init.ones_(self.cell.bias_ih[self.width : 2 * self.width])
        self.size = self.width * (2 if self.lstm else 1)
        self.features = observation_size + self.width

    def forward(self, normalizer: Normalizer, seen: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = normalizer(seen)
        state = self._advance(x, state)
        return torch.cat((x, state[..., : self.width]), -1), state

    def replay(self, seen: Tensor, begins: Tensor, state: Tensor, burn_in: int = 0) -> Tensor:
        """Features [S, L, features] of S sequences, with gradients back to the first of the L steps.

        seen: [S, burn_in + L, n], normalized; state: [S, size] that the first step was entered with. Where an episode
        `begins` [S, burn_in + L], the state begins anew. A loop over a fused cell: torch's own loop over whole sequences
        takes as long, knows no resets, and would need them cut apart and padded.
        """
        keep = (~begins).unsqueeze(-1).to(seen.dtype).unbind(1)
        steps = seen.unbind(1)
        with torch.no_grad():
            for x, kept in zip(steps[:burn_in], keep, strict=False):
                state = self._advance(x, state * kept)
        outputs = []
        for x, kept in zip(steps[burn_in:], keep[burn_in:], strict=True):
            state = self._advance(x, state * kept)
            outputs.append(state[:, : self.width])
        return torch.cat((seen[:, burn_in:], torch.stack(outputs, 1)), -1)

    def _advance(self, x: Tensor, state: Tensor) -> Tensor:
        if not self.lstm:
            return self.cell(x, state)
        h, c = state.split(self.width, -1)
        return torch.cat(self.cell(x, (h, c)), -1)

    def specs(self, interface: Interface) -> tuple[MemorySpec, ...]:
        names = ("recurrent.output", "recurrent.cell") if self.lstm else ("recurrent.output",)
        return tuple(MemorySpec(name=name, size=self.width, unit="1", starts_as=None) for name in names)


def make_memory(observation_size: int, settings: MemorySettings, generator: torch.Generator | None = None) -> Memory:
    if settings.kind == "none":
        return Memory(observation_size)
    if settings.kind == "history":
        return History(observation_size, settings.steps)
    return Recurrent(observation_size, settings, generator)

"""Commanded velocities that change within an episode, on a timetable drawn when the episode begins."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SEGMENTS = 5  # commands an episode; the first and the last one are cut short by the same draw


class Timetable:
    """Each world's present command [N, 3]: forward and leftward velocity in m/s, yaw rate in rad/s, frame b.

    An episode of T steps is cut at (i + u) T / 4 for i = 0..3, u its own; each piece has its own command, uniform in the
    box, or zero with probability `stand`: stand still.
    """

    num_uniforms = 1 + 4 * SEGMENTS

    def __init__(self, low: Tensor, high: Tensor, stand: float, episode_steps: int, num_worlds: int) -> None:
        self._low, self._span, self._stand = low, high - low, stand
        self._segment = episode_steps / (SEGMENTS - 1)
        self._rows = torch.arange(num_worlds) * SEGMENTS
        self.commands = torch.zeros(num_worlds * SEGMENTS, 4)  # the fourth: whether it is a command to move
        self.step = torch.zeros(num_worlds)  # control steps into the episode, less the length of the first command
        self.present = torch.zeros(num_worlds, 3)
        self.moving = torch.zeros(num_worlds)  # 1 where the present command is not to stand still

    def begin(self, ids: Tensor, u: Tensor) -> None:
        """Draw new timetables. u: [k, num_uniforms]."""
        cells = u[:, 1:].reshape(-1, SEGMENTS, 4)
        moving = cells[..., 3:] >= self._stand
        drawn = torch.cat(((self._low + cells[..., :3] * self._span) * moving, moving), 2)
        self.commands.view(-1, SEGMENTS, 4).index_copy_(0, ids, drawn.float())
        self.step.index_copy_(0, ids, ((1.0 - u[:, 0]) * self._segment).float())
        self._look_up()

    def advance(self) -> None:
        """One control step has passed."""
        self.step += 1.0
        self._look_up()

    def _look_up(self) -> None:
        segment = (self.step / self._segment).long().clip_(max=SEGMENTS - 1)
        row = self.commands.index_select(0, self._rows + segment)
        self.present, self.moving = row[:, :3], row[:, 3]

    def state_dict(self) -> dict[str, Any]:
        return {"commands": self.commands.clone(), "step": self.step.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.commands.copy_(state["commands"])
        self.step.copy_(state["step"])
        self._look_up()

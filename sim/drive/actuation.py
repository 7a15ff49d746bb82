"""What a robot's drives make of the setpoints they are given: action noise, dead zone, backlash."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.laws import rng

STATE = ("offset", "error", "ignored", "slack")


class Actuation:
    """The way from the controller's setpoints to those that the joints' springs pull towards, for all worlds.

    It lies behind the command path, so that the target a policy remembers is the one it asked for. Setpoints come and go as
    velocities: v is how fast the setpoint moves over the next dt seconds. In this order:

    - Noise. The setpoint errs by e = n1 + n2 + n0 v dt, with n1 of the episode and n0, n2 of the step, the three parts of
      arXiv 1808.00177. As an error it does not add up, as it would not on a robot told targets: v += (e - e_before) / dt.
    - Dead zone. Motion is ignored until all that was ignored is more than the zone is wide, and then made up for at once:
      at rest a joint stays wrong by up to the zone, and drifts no further.
    - Backlash. The published rule, with what it takes from its surroundings made explicit: slack s' = clip(s + v d dt, -1, 1),
      and the share 1 - clip(|sgn(v) - s| / |v d dt|, 0, 1) of the motion passes. Here d = 2 / width, so that s = -1 to 1 is
      the play, `slack` = s * width / 2 is in rad, and what passes is v dt less what slack takes up. Both directions have one d:
      with two, as tendons have in the paper, a play would open wider than it closes and the joint would wander off.
      An episode begins in the middle of the play.
    """

    def __init__(self, joints: dict[str, str], num_worlds: int, dt: float) -> None:
        """joints: the unit of each driven joint's position, rad or m; none where nothing but actuators is driven.
        dt: s, a control period."""
        self.joints, self.dt, self._shape = joints, dt, (num_worlds, len(joints))
        self.backlash, self.dead_zone = self._table(), self._table()  # rad or m, [N, joints] as all of these
        self.noise_scale, self.noise_episode, self.noise_step = self._table(), self._table(), self._table()
        self.driven: set[str] = set()  # the tables that an effect writes
        self.offset, self.error = self._table(), self._table()  # n1; how far the last setpoint was off
        self.ignored = self._table()  # motion that the dead zone kept back
        self.slack = self._table()  # where in its play the motor stands, from the middle

    def _table(self) -> Tensor:
        return torch.zeros(self._shape)

    @property
    def used(self) -> bool:
        return bool(self.driven)

    @property
    def num_uniforms(self) -> int:
        """Random words that a world's step takes: an even number, for Box and Muller's pairs."""
        return _even(self._shape[1] * len(self.driven & {"noise_scale", "noise_step"}))

    @property
    def num_episode_uniforms(self) -> int:
        """Random words that a world's episode takes."""
        return _even(self._shape[1] * ("noise_episode" in self.driven))

    def restart(self, ids: Tensor, bits: NDArray[np.uint32]) -> None:
        """Begin anew in these worlds: their drives are at rest. bits: random words [k, num_episode_uniforms]."""
        if not self.driven:
            return
        for values in (self.error, self.ignored, self.slack):
            values.index_fill_(0, ids, 0.0)
        if "noise_episode" in self.driven:
            normals = torch.from_numpy(rng.normal(bits)[:, : self._shape[1]])
            self.offset.index_copy_(0, ids, normals.mul_(self.noise_episode.index_select(0, ids)))

    def pass_on(self, velocity: Tensor, bits: NDArray[np.uint32]) -> Tensor:
        """The setpoints' velocities [N, joints] over a control period, as the drives take them. bits: [N, num_uniforms]."""
        if self.driven & {"noise_scale", "noise_episode", "noise_step"}:
            velocity = self._noisy(velocity, bits)
        return self.transmit(velocity, self.dt)

    def _noisy(self, velocity: Tensor, bits: NDArray[np.uint32]) -> Tensor:
        error, count = self.offset, self._shape[1]
        if bits.shape[1]:
            normals = torch.from_numpy(rng.normal(bits))
            if "noise_step" in self.driven:
                error = torch.addcmul(error, normals[:, :count], self.noise_step)
                normals = normals[:, count:]
            if "noise_scale" in self.driven:
                error = torch.addcmul(error, (velocity * self.noise_scale).mul_(self.dt), normals[:, :count])
        velocity = torch.add(velocity, error - self.error, alpha=1.0 / self.dt)
        self.error = error.clone() if error is self.offset else error
        return velocity

    def transmit(self, velocity: Tensor, dt: float) -> Tensor:
        """Through dead zone and backlash: [N, joints] velocities held for dt seconds, any time step."""
        if "dead_zone" in self.driven:
            pending = torch.add(self.ignored, velocity, alpha=dt)
            moves = pending.abs() > self.dead_zone
            velocity = torch.add(velocity, self.ignored, alpha=1.0 / dt).mul_(moves)
            self.ignored = pending.mul_(~moves)
        if "backlash" in self.driven:
            half = self.backlash * 0.5
            slack = torch.add(self.slack, velocity, alpha=dt).clip_(-half, half)
            velocity = torch.add(velocity, slack - self.slack, alpha=-1.0 / dt)
            self.slack = slack
        return velocity

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name).clone() for name in STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value.clone())


def _even(count: int) -> int:
    return count + count % 2

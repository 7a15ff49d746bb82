"""gymnasium's Hopper-v5: a planar one-legged jumper. Hop forward without falling."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.sim.tasks.gymnasium_task import GymnasiumTask

LOWEST, LARGEST_PITCH, LARGEST = 0.7, 0.2, 100.0  # m, rad, any other position or velocity


class Hopper(GymnasiumTask):
    """Success: as far forward as `success_speed` leads in a full episode, and healthy.

    Healthy: the torso above 0.7 m and within 0.2 rad of upright, every other position and velocity below 100. Hopper-v5 to the
    bit, but for float32 observations and rewards.

    forward: speed of the torso, m/s
    ctrl: sum of the squared controls, which costs 0.001 of it
    survive: 1 while healthy
    """

    ctrl_weight = 1e-3
    reset_noise = 5e-3
    fastest_seen = 10.0

    def healthy(self) -> Tensor:
        z, pitch = self.world.qpos[:, 1], self.world.qpos[:, 2]
        largest = torch.cat((self.world.qpos[:, 2:], self.world.qvel), 1).abs().amax(1)
        return (z > LOWEST) & (pitch.abs() < LARGEST_PITCH) & (largest < LARGEST)

"""gymnasium's Hopper-v5: a planar one-legged jumper. Hop forward without falling."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.sim.tasks.gymnasium_task import GymnasiumTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward

LOWEST, LARGEST_PITCH, LARGEST = 0.7, 0.2, 100.0  # m, rad, any other position or velocity


class HopperRewards(RewardWeights):
    """As in Hopper-v5."""

    forward: float = reward(1.0, "speed of the torso, m/s")
    ctrl: float = cost(-1e-3, "sum of the squared controls")
    survive: float = reward(1.0, "1 while healthy")


class Hopper(GymnasiumTask):
    """Success: as far forward as `success_speed` leads in a full episode, and healthy.

    Healthy: the torso above 0.7 m and within 0.2 rad of upright, every other position and velocity below 100. Hopper-v5 to the
    bit, but for float32 observations and rewards.
    """

    Rewards = HopperRewards
    reset_noise = 5e-3
    fastest_seen = 10.0

    def healthy(self) -> Tensor:
        z, pitch = self.world.qpos[:, 1], self.world.qpos[:, 2]
        largest = torch.cat((self.world.qpos[:, 2:], self.world.qvel), 1).abs().amax(1)
        return (z > LOWEST) & (pitch.abs() < LARGEST_PITCH) & (largest < LARGEST)

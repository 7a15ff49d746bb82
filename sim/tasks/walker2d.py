"""gymnasium's Walker2d-v5: a planar biped. Walk forward without falling."""

from __future__ import annotations

from torch import Tensor

from ashore.sim.tasks.gymnasium_task import GymnasiumTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward

LOWEST, HIGHEST, LARGEST_PITCH = 0.8, 2.0, 1.0  # m, m, rad


class Walker2dRewards(RewardWeights):
    """As in Walker2d-v5."""

    forward: float = reward(1.0, "speed of the torso, m/s")
    ctrl: float = cost(-1e-3, "sum of the squared controls")
    survive: float = reward(1.0, "1 while healthy")


class Walker2d(GymnasiumTask):
    """Success: as far forward as `success_speed` leads in a full episode, and healthy.

    Healthy: the torso between 0.8 m and 2 m and within 1 rad of upright. Walker2d-v5 to the bit, but for float32 observations
    and rewards.
    """

    Rewards = Walker2dRewards
    reset_noise = 5e-3
    fastest_seen = 10.0

    def healthy(self) -> Tensor:
        z, pitch = self.world.qpos[:, 1], self.world.qpos[:, 2]
        return (z > LOWEST) & (z < HIGHEST) & (pitch.abs() < LARGEST_PITCH)

"""gymnasium's HalfCheetah-v5: a planar two-legged runner. Run forward; nothing ends the episode but its time."""

from __future__ import annotations

from ashore.sim.tasks.gymnasium_task import GymnasiumTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward


class HalfCheetahRewards(RewardWeights):
    """As in HalfCheetah-v5."""

    forward: float = reward(1.0, "speed of the torso, m/s")
    ctrl: float = cost(-0.1, "sum of the squared controls")


class HalfCheetah(GymnasiumTask):
    """Success: as far forward as `success_speed` leads in a full episode.

    HalfCheetah-v5 to the bit, but for float32 observations and rewards.
    """

    Rewards = HalfCheetahRewards
    reset_noise = 0.1
    normal_speeds = True

    def healthy(self) -> None:
        return None

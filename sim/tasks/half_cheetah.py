"""gymnasium's HalfCheetah-v5: a planar two-legged runner. Run forward; nothing ends the episode but its time."""

from __future__ import annotations

from ashore.sim.tasks.gymnasium_task import GymnasiumTask


class HalfCheetah(GymnasiumTask):
    """Success: as far forward as `success_speed` leads in a full episode.

    HalfCheetah-v5 to the bit, but for float32 observations and rewards.

    forward: speed of the torso, m/s
    ctrl: sum of the squared controls, which costs 0.1 of it
    """

    reward_terms = ("forward", "ctrl")
    ctrl_weight = 0.1
    reset_noise = 0.1
    normal_speeds = True

    def healthy(self) -> None:
        return None

"""The cubic between two states of joints, as trajectory controllers interpolate."""

from __future__ import annotations

import numpy as np


def cubic(
    p0: np.ndarray, v0: np.ndarray, p1: np.ndarray, v1: np.ndarray, duration: float, t: float
) -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity at t of the cubic from (p0, v0) at 0 to (p1, v1) at `duration`: [n] rad, rad/s; times in s.

    Hermite's basis, as in ros2_control's `Trajectory::interpolate_between_points`.
    """
    c2 = (3 * (p1 - p0) / duration - 2 * v0 - v1) / duration
    c3 = (2 * (p0 - p1) / duration + v0 + v1) / duration**2
    return p0 + t * (v0 + t * (c2 + t * c3)), v0 + t * (2 * c2 + 3 * t * c3)

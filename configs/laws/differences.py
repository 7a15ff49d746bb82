"""Velocity from positions, for robots that tell none: differences, smoothed. One law for training and for the robot."""

from __future__ import annotations

import math

import numpy as np


def filtered(velocity: np.ndarray, difference: np.ndarray, elapsed: float, filter_time: float) -> np.ndarray:
    """The next velocity, [n] rad/s, of a first-order low pass with the time constant `filter_time` s (0: none).

    velocity: [n] the one before; difference: [n] rad/s, how far the joints went in `elapsed` s over that time.
    v' = v + (1 - exp(-elapsed / filter_time)) (difference - v), exact for a difference that is constant over `elapsed`.
    """
    share = 1.0 if filter_time <= 0.0 else -math.expm1(-elapsed / filter_time)
    return np.asarray(velocity + share * (difference - velocity))

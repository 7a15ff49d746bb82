"""A policy that fails in one small region alone, known beforehand, and whose return says where that lies."""

from __future__ import annotations

import numpy as np

from ashore.configs.space import Dimension
from ashore.randomization.robustness.normalized import Floats, Normalized
from ashore.randomization.robustness.trials import Ints, Trials

SHARE = 0.001  # of the space's volume
PARAMETERS, INVOLVED = 10, 5  # those involved must all be in the last `SIDE` of their range, towards one end
SIDE = SHARE ** (1 / INVOLVED)
NEAREST = (1 - 2 * SIDE) * INVOLVED**0.5  # from nominal, the middle of every range


class Planted:
    """Ten parameters from -1 to 1. The return slopes towards the region, under noise of standard deviation 1."""

    def __init__(self, seed: int) -> None:
        chance = np.random.Generator(np.random.Philox([seed, 1]))
        self.involved = chance.permutation(PARAMETERS)[:INVOLVED]
        self._side = chance.choice([-1.0, 1.0], INVOLVED)
        self._seed = seed
        name = "p{}".format
        self.space = Normalized(
            [
                Dimension(
                    name=name(i),
                    group=name(i),
                    unit="1",
                    nominal=0.0,
                    low=-1.0,
                    high=1.0,
                    distribution="linear",
                    widest=(-1.0, 1.0),
                )
                for i in range(PARAMETERS)
            ]
        )

    def trials(self) -> Trials:
        return Trials(self.space, self.play)

    def inside(self, lambdas: Floats) -> Floats:
        return (self._missing(lambdas) == 0).all(1)

    def play(self, lambdas: Floats, numbers: Ints) -> tuple[Floats, Floats]:
        """One episode in each; success 95 % outside of the region, 5 % inside."""
        noise = np.random.Generator(np.random.Philox([self._seed, int(numbers[0])]))
        fails = noise.uniform(size=len(lambdas)) < np.where(self.inside(lambdas), 0.95, 0.05)
        slope = 4.0 * self._missing(lambdas).mean(1) / (2 - 2 * SIDE)
        return (~fails).astype(np.float64), slope + noise.normal(size=len(lambdas))

    def _missing(self, lambdas: Floats) -> Floats:
        """How far each involved parameter is from the region, [n, INVOLVED]."""
        return np.maximum(0.0, (1 - 2 * SIDE) - lambdas[:, self.involved] * self._side)

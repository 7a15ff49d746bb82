"""Episodes in points of the normalised space: what came of them, counted against a budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ashore.randomization.robustness.curve import clopper_pearson
from ashore.randomization.robustness.normalized import Floats, Normalized

Ints = NDArray[np.int64]
# lambdas [n, d] and the numbers [n] by which chance knows the episodes -> success [n] in {0, 1}, return [n]
Play = Callable[[Floats, Ints], tuple[Floats, Floats]]


class Confirmed(NamedTuple):
    """A point in fresh episodes that chose nothing."""

    point: Floats  # [d]
    failures: int
    episodes: int
    number: int  # by which chance knows one that failed; of the first episode where none did

    @property
    def interval(self) -> tuple[float, float]:
        """Of the rate of failure."""
        return clopper_pearson(self.failures, self.episodes)


class Trials:
    """Plays episodes in points, every point of a batch under the same chances, which no other batch meets."""

    def __init__(self, space: Normalized, play: Play, *, below: float = 0.5, fresh: int = 64) -> None:
        """below: the success rate under which a policy fails; fresh: episodes that confirm it."""
        self.space, self.below, self._play, self.fresh = space, below, play, fresh
        self.spent = 0  # episodes
        self._next = 0
        self._level, self._spread = 0.0, 1.0  # of returns at nominal
        self.nominal_score = 1.0

    def nominal(self) -> Confirmed:
        """How the policy does in the nominal world; sets the scale of returns."""
        success, returns, numbers = self._episodes(np.zeros((1, len(self.space.low))), self.fresh)
        self._level, self._spread = float(returns.mean()), float(returns.std()) or 1.0
        self.nominal_score = float(success.mean())
        return self._confirmed(np.zeros(len(self.space.low)), success[0], numbers)

    def rate_and_score(self, points: Floats, episodes: int) -> tuple[Floats, Floats]:
        """Success rate [n] and score [n] of points [n, d], over so many episodes in each.

        The score is what a search follows where nothing fails yet: the success rate, which says what counts but is flat where
        all episodes succeed, and a quarter of the mean return in standard deviations of nominal episodes, which is not.
        """
        success, returns, _ = self._episodes(points, episodes)
        rate = success.mean(1)
        return rate, rate + 0.25 * (returns.mean(1) - self._level) / self._spread

    def confirm(self, point: Floats) -> Confirmed:
        """The point in fresh episodes."""
        success, _, numbers = self._episodes(point[None], self.fresh)
        return self._confirmed(point, success[0], numbers)

    def fails(self, confirmed: Confirmed) -> bool:
        """Whether even the upper bound of its success is below."""
        return 1 - confirmed.interval[0] < self.below

    def _confirmed(self, point: Floats, success: Floats, numbers: Ints) -> Confirmed:
        failed = np.flatnonzero(success < 0.5)
        number = int(numbers[failed[0]] if len(failed) else numbers[0])
        return Confirmed(point, len(failed), len(success), number)

    def _episodes(self, points: Floats, episodes: int) -> tuple[Floats, Floats, Ints]:
        """success and return [n, episodes], and the numbers of chance [episodes]."""
        numbers = self._next + np.arange(episodes)
        self._next += episodes
        lambdas = np.repeat(self.space.lambdas(points), episodes, axis=0)
        success, returns = self._play(lambdas, np.tile(numbers, len(points)))
        self.spent += len(lambdas)
        shape = (len(points), episodes)
        return success.reshape(shape), returns.reshape(shape), numbers

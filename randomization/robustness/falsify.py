"""Search for the failing world that is nearest to nominal.

First each group of parameters goes to its ends, the others nominal: many policies fail there, and where none does, the
losses of score say where to go. Then a generation of points is one batch of episodes. Points that fail are ranked by their
distance from nominal, before all that do not, which are ranked by their score: so a search first finds where a policy fails,
then comes nearer. CMA-ES (Hansen, "The CMA evolution strategy: a tutorial", arXiv 1604.00772) needs ranks alone. What counts
as found has failed in fresh episodes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ashore.randomization.robustness.normalized import Floats, Normalized
from ashore.randomization.robustness.trials import Confirmed, Trials

Method = Literal["cma", "random"]
NEARER = 0.98  # of the best distance: what is worth fresh episodes
DIAGONAL_FROM = 20  # dimensions from which a full covariance has too few points to learn from
FIRST_STEP = 1.0  # of the search, in trained widths; at most half the box
FIRST_DISTANCE = 2.0  # from nominal at most, of where it starts
CLEAR = 1.2  # loss of score that is no chance, times the root of the episodes: three standard errors at 90 % success


class Look(NamedTuple):
    """What the ends of single parameters say about where to search."""

    downhill: Floats  # [d] the ends where the score falls, weighted by how much
    matters: Floats  # [d] to 1, from a third where neither end changes the score and others do


class Strategy(Protocol):
    """Proposes points and hears how they rank."""

    def ask(self, reach: float) -> Floats: ...  # [n, d] within this distance of nominal

    def tell(self, ranks: Floats) -> None: ...  # [n], lower is better


class RandomSearch:
    """Points uniform over the box; those beyond `reach`, at a distance uniform below it."""

    def __init__(self, space: Normalized, population: int, seed: int, _look: Look) -> None:
        self._space, self._population = space, population
        self._rng = np.random.Generator(np.random.Philox(seed))

    def ask(self, reach: float) -> Floats:
        z = self._rng.uniform(self._space.low, self._space.high, (self._population, len(self._space.low)))
        if math.isfinite(reach):
            lengths = np.linalg.norm(z, axis=1, keepdims=True)
            inward = reach * self._rng.uniform(size=(self._population, 1)) / np.maximum(lengths, 1e-300)
            z = np.where(lengths > reach, z * inward, z)
        return z

    def tell(self, ranks: Floats) -> None:
        """Nothing to learn."""


class CmaSearch:
    """CMA-ES; where it has converged it begins again, at a random point within what was trained."""

    def __init__(self, space: Normalized, population: int, seed: int, look: Look) -> None:
        self._space, self._population, self._seed, self._look = space, population, seed, look
        self._rng = np.random.Generator(np.random.Philox(seed))
        self._free = np.flatnonzero(space.free)
        self._begin(space.clip(look.downhill, FIRST_DISTANCE))

    def _begin(self, start: Floats) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no matplotlib, which draws nothing here
            import cma

        steps = np.minimum(FIRST_STEP, 0.5 * (self._space.high - self._space.low)) * self._look.matters
        self._seed += 1
        options = {"popsize": self._population, "seed": self._seed, "verbose": -9, "CMA_stds": steps[self._free]}
        options |= {"CMA_diagonal": len(self._free) > DIAGONAL_FROM}
        self._es = cma.CMAEvolutionStrategy(start[self._free], 1.0, options)

    def ask(self, reach: float) -> Floats:
        self._asked = np.array(self._es.ask())
        z = np.zeros((len(self._asked), len(self._space.low)))
        z[:, self._free] = self._asked
        self._points = self._space.clip(z, reach)
        return self._points

    def tell(self, ranks: Floats) -> None:
        """What lies outside ranks behind what lies at the border, by how far it is out."""
        out = np.linalg.norm(self._asked - self._points[:, self._free], axis=1)
        self._es.tell(list(self._asked), list(ranks + 1e-3 * out**2))
        if self._es.stop():
            self._begin(self._space.clip(self._rng.uniform(self._space.low, self._space.high), 1.0))


STRATEGIES: dict[Method, Callable[[Normalized, int, int, Look], Strategy]] = {"cma": CmaSearch, "random": RandomSearch}


class Search:
    """One search. `best` is the nearest world known to fail, also where it is interrupted."""

    def __init__(
        self,
        trials: Trials,
        method: Method = "cma",
        *,
        episodes: int = 4,
        population: int | None = None,
        radius: float = math.inf,
        seed: int = 0,
    ) -> None:
        """episodes: in each point; population: points of a generation; radius: farther worlds are of no interest."""
        self._trials, self._method, self._seed = trials, method, seed
        self._episodes, self._radius = episodes, radius
        dimensions = int(trials.space.free.sum())
        self._population = population or 4 + int(3 * math.log(max(dimensions, 2)))
        self.best: Confirmed | None = None
        self.found_after: int | None = None  # episodes until the first

    @property
    def distance(self) -> float:
        """Of the best; infinite where none is."""
        return math.inf if self.best is None else float(np.linalg.norm(self.best.point))

    def run(self, budget: int, *, first_only: bool = False, progress: Callable[[], None] | None = None) -> None:
        """Search until so many episodes are spent in all, or with `first_only` until a failing world is found."""
        nominal = self._trials.nominal()
        if self._trials.fails(nominal):
            self._keep(nominal)
            return
        strategy = STRATEGIES[self._method](self._trials.space, self._population, self._seed, self._look())
        cost = self._population * self._episodes + self._trials.fresh  # of a generation, and to confirm one of it
        while self._trials.spent + cost <= budget and not (first_only and self.best):
            if progress:
                progress()
            points = strategy.ask(min(self._radius, self.distance))
            strategy.tell(self._ranks(points, *self._try(points)))
        if progress:
            progress()

    def _look(self) -> Look:
        """Try the ends of every group of parameters, its members together."""
        space = self._trials.space
        ends = space.clip(space.ends(), self._radius)
        _, score = self._try(ends)
        loss = self._trials.nominal_score - score
        weight = np.where(loss > CLEAR / math.sqrt(self._episodes), loss, 0.0)[:, None]
        downhill = (weight * ends).sum(0) / max(float(weight.sum()), 1e-9)
        if not weight.any():
            return Look(downhill, np.ones_like(downhill))
        matters = np.where(ends != 0, weight / weight.max(), 0.0).max(0)
        return Look(downhill, 1 / 3 + 2 / 3 * matters)

    def _try(self, points: Floats) -> tuple[NDArray[np.bool_], Floats]:
        """Whether points [n, d] fail, and their scores; the nearest one that does is confirmed and kept."""
        rate, score = self._trials.rate_and_score(points, self._episodes)
        failing = rate < self._trials.below
        nearest = np.where(failing, np.linalg.norm(points, axis=1), math.inf)
        chosen = int(nearest.argmin())
        if nearest[chosen] < NEARER * self.distance:
            confirmed = self._trials.confirm(points[chosen])
            if self._trials.fails(confirmed):
                self._keep(confirmed)
            else:
                failing[chosen] = False
        return failing, score

    def _ranks(self, points: Floats, failing: NDArray[np.bool_], score: Floats) -> Floats:
        """Distances as fractions of the farthest corner's where points fail, in [0, 1]; above 2 where they do not."""
        space = self._trials.space
        farthest = float(np.linalg.norm(np.maximum(-space.low, space.high)))
        return np.where(failing, np.linalg.norm(points, axis=1) / farthest, 2.0 + score - min(0.0, float(score.min())))

    def _keep(self, confirmed: Confirmed) -> None:
        self.best = confirmed
        self.found_after = self.found_after or self._trials.spent

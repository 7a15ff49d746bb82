"""Bring a failing world back to nominal, parameter by parameter, while it still fails; then what is left as far as it goes.

Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", TSE 2002): half of the parameters
at a time first, then smaller parts, each round one batch of episodes. Every step is confirmed in fresh episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ashore.randomization.robustness.normalized import Floats
from ashore.randomization.robustness.trials import Confirmed, Ints, Trials

NEARER = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # fractions of the way from nominal


def minimise(
    trials: Trials,
    found: Confirmed,
    budget: int,
    *,
    episodes: int = 16,
    keep: Callable[[Confirmed], None] | None = None,
) -> Confirmed:
    """The world after as many steps as `budget` more episodes allow. keep: told of each step, for where it is interrupted."""
    if not found.point.any():  # nominal itself, which is as small as a world gets
        return found
    until = trials.spent + budget
    for step in (_to_nominal, _inward):
        for smaller in step(trials, found, until, episodes):
            found = smaller
            if keep:
                keep(found)
    return found


def _to_nominal(trials: Trials, found: Confirmed, until: int, episodes: int) -> Iterator[Confirmed]:
    """Worlds with fewer and fewer parameters off nominal."""
    size = max(1, int(np.count_nonzero(found.point)) // 2)
    while size:
        moved = np.flatnonzero(found.point)
        moved = moved[np.argsort(np.abs(found.point[moved]), kind="stable")]  # the least moved together
        parts = [moved[i : i + size] for i in range(0, len(moved), size)]
        if trials.spent + len(parts) * episodes + trials.fresh > until:
            return
        candidates = np.stack([_without(found.point, part) for part in parts])
        rate, score = trials.rate_and_score(candidates, episodes)
        spared = [parts[i] for i in np.argsort(score, kind="stable") if rate[i] < trials.below]
        smaller = _first_failing(trials, found.point, spared, until)
        if smaller is None:
            size //= 2
        else:
            found = smaller
            yield found


def _first_failing(trials: Trials, point: Floats, spared: list[Ints], until: int) -> Confirmed | None:
    """The point without all parts that could be spared one at a time, else without half of them, ...; None where none holds."""
    count = len(spared)
    while count and trials.spent + trials.fresh <= until:
        candidate = _without(point, np.concatenate(spared[:count]))
        if candidate.any():
            confirmed = trials.confirm(candidate)
            if trials.fails(confirmed):
                return confirmed
        count //= 2
    return None


def _inward(trials: Trials, found: Confirmed, until: int, episodes: int) -> Iterator[Confirmed]:
    """Worlds nearer to nominal on straight ways: each parameter alone, and all together."""
    moved = np.flatnonzero(found.point)
    for part in [moved, *(moved[:, None] if len(moved) > 1 else ())]:
        if trials.spent + len(NEARER) * episodes + trials.fresh > until:
            return
        candidates = np.tile(found.point, (len(NEARER), 1))
        candidates[:, part] *= np.array(NEARER)[:, None]
        rate, _ = trials.rate_and_score(candidates, episodes)
        for k in np.flatnonzero(rate < trials.below)[:2]:
            if trials.spent + trials.fresh > until:
                return
            confirmed = trials.confirm(candidates[k])
            if trials.fails(confirmed):
                found = confirmed
                yield found
                break


def _without(point: Floats, part: Ints) -> Floats:
    nearer = point.copy()
    nearer[part] = 0.0
    return nearer

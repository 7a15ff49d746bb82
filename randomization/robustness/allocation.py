"""Which episodes a sweep plays next: first so many at every point, then more where success cannot be told from the target."""

from __future__ import annotations

import numpy as np

from ashore.configs.sweep_plan import SweepPlan
from ashore.randomization.robustness.curve import CONFIDENCE, limits
from ashore.randomization.robustness.grid import grid
from ashore.randomization.robustness.layout import Layout
from ashore.randomization.robustness.looking import looking_confidence
from ashore.randomization.robustness.outcomes import Outcomes, Requests

ROUND = 2048  # episodes that are asked for at once, at most


def first_requests(plan: SweepPlan, layout: Layout, start: int = 0) -> Requests:
    """What every point from row `start` on gets, in the order of the rows."""
    counts = np.full(len(layout.pins), plan.episodes)
    if layout.joint is not None:
        j = layout.joint
        counts[j.start : j.start + j.worlds] = j.repeats
    points = np.arange(start, len(layout.pins))
    return Requests.at(points, np.zeros_like(points), counts[start:])


def most_episodes(plan: SweepPlan, layout: Layout) -> int:
    """Episodes that a sweep takes: the first of every point, with the largest maps that the most fragile parameters may
    have, and what the budget adds. ValueError where that is more than the budget."""
    least = len(first_requests(plan, layout).points)
    if plan.maps is not None and plan.maps.fragile:
        sizes = sorted((len(grid(rows.members[0], plan.maps.points)) for rows in layout.curves), reverse=True)
        largest = sizes[: plan.maps.fragile]
        least += plan.episodes * sum(a * b for i, a in enumerate(largest) for b in largest[i + 1 :])
    if plan.budget is not None and plan.budget < least:
        raise ValueError(
            f"budget = {plan.budget}; allowed: at least {least}, which all points take at first, or fewer episodes or points"
        )
    return plan.budget or least


def further_requests(plan: SweepPlan, layout: Layout, outcomes: Outcomes) -> Requests | None:
    """The next round: the undecided points with the widest intervals have their episodes doubled. None: all is decided, or
    no more doublings are within the budget."""
    if plan.budget is None:
        return None
    points = layout.judged()
    successes, tried = (counts[points] for counts in outcomes.counts(len(layout.pins)))
    low, high = limits(successes, tried, confidence_of(plan))
    most = plan.episodes * 2 ** (plan.looks - 1)
    open_ = (low < plan.target) & (plan.target < high) & (2 * tried <= most)
    order = np.lexsort((points, low - high))  # the widest first
    order = order[open_[order]]
    room = min(ROUND, plan.budget - len(outcomes.points))
    chosen = order[np.cumsum(tried[order]) <= room]
    return Requests.at(points[chosen], tried[chosen], 2 * tried[chosen]) if len(chosen) else None


def confidence_of(plan: SweepPlan) -> float:
    """The nominal confidence of the intervals of curves and maps. Where points are judged several times, and get no more
    episodes once they are decided, it is as much above 95 % as it takes to cover at 95 % all the same."""
    return CONFIDENCE if plan.budget is None else looking_confidence(plan.episodes, plan.looks, plan.target)

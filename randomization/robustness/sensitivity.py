"""Which parameters a score depends on: first-order Sobol indices from given data.

S_i = Var(E[Y | X_i]) / Var(Y) is the share of the score's variance that parameter i explains alone (Sobol, Mathematics and
Computers in Simulation 55, 2001). It is read off the worlds that were played anyway, no further ones are needed: X_i is cut
into classes of equal count, and the variance of the classes' means is that of E[Y | X_i] (Plischke, Borgonovo and Smith,
European Journal of Operational Research 226, 2013). Chance alone makes those means differ; what it adds on average is taken
off (Kelley's epsilon squared, PNAS 21, 1935), and what it reaches in one of twenty shuffles is told beside each index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_CLASSES = 4  # of each parameter; about the cube root of the worlds: more would see chance, fewer no bend
SHUFFLES = 400
CONFIDENCE = 0.95  # with which an index above `chance` is no chance


class Sensitivity(NamedTuple):
    """Indices of some groups of parameters."""

    indices: Floats  # [groups] sum over a group's members, which are drawn independently
    chance: Floats  # [groups] what an index without any effect stays below, at 95 %


def sensitivity(x: Floats, y: Floats, groups: Sequence[Sequence[int]]) -> Sensitivity:
    """x [n, d]: the parameters, each on its own scale; y [n]: the score; groups: columns of x, whose indices are summed."""
    order = np.random.default_rng(0).permuted(np.tile(np.arange(len(y)), (SHUFFLES, 1)), axis=1)
    scores = np.concatenate((y[None], y[order]))  # [1 + shuffles, n]
    explained = np.stack([_epsilon_squared(x[:, k], scores) for k in range(x.shape[1])])
    sums = np.stack([explained[list(columns)].sum(0) for columns in groups])
    return Sensitivity(sums[:, 0], np.quantile(sums[:, 1:], CONFIDENCE, axis=1))


def _epsilon_squared(x: Floats, scores: Floats) -> Floats:
    """Share of the variance of each row of scores [k, n] that the class of x [n] explains, less what chance explains: [k]."""
    n, classes = len(x), max(FEWEST_CLASSES, round(len(x) ** (1 / 3)))
    bounds = np.linspace(0, n, classes + 1).astype(int)
    sorted_ = scores[:, np.argsort(x, kind="stable")]
    total = ((scores - scores.mean(1, keepdims=True)) ** 2).sum(1)
    sums = np.add.reduceat(sorted_, bounds[:-1], axis=1)
    between = (sums**2 / np.diff(bounds)).sum(1) - scores.sum(1) ** 2 / n
    within = (total - between) / (n - classes)
    return np.divide(between - (classes - 1) * within, total, out=np.zeros(len(scores)), where=total > 1e-12)

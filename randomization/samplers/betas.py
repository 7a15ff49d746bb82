"""Independent Beta distributions on [0, 1]: entropy, divergence and density, and success rates by importance sampling.

All in float64: in float32 the divergence of two Betas near a = b = 100 is noise.

Parameters are flat, [2m]: all a, then all b. Formulas of entropy and divergence of Betas: e.g. Rauber, Braun, Berns,
"Probabilistic distance measures of the Dirichlet and Beta distributions", Pattern Recognition 41 (2008).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln, logsumexp, polygamma, psi

Array = NDArray[np.float64]
EDGE = 1e-9  # x is kept this far from 0 and 1, where a logarithm has no value


class Local(NamedTuple):
    """A function of the parameters as the solver sees it: at one place."""

    value: float
    slope: Array  # [2m]
    curvature: Array  # [2m, 2m]


Function = Callable[[Array], Local]


def _curvature(aa: Array, ab: Array, bb: Array) -> Array:
    """Second derivatives where every dimension stands alone, [m] each -> [2m, 2m]."""
    whole: Array = np.block([[np.diag(aa), np.diag(ab)], [np.diag(ab), np.diag(bb)]])
    return whole


def entropies(p: Array) -> Array:
    """Nats of each Beta [m], over its interval."""
    a, b = np.split(p, 2)
    nats: Array = betaln(a, b) - (a - 1) * psi(a) - (b - 1) * psi(b) + (a + b - 2) * psi(a + b)
    return nats


def entropy(p: Array) -> Local:
    """Sum over the dimensions."""
    a, b = np.split(p, 2)
    both = (a + b - 2) * polygamma(1, a + b)
    slope = np.concatenate((both - (a - 1) * polygamma(1, a), both - (b - 1) * polygamma(1, b)))
    cross = polygamma(1, a + b) + (a + b - 2) * polygamma(2, a + b)
    aa, bb = (cross - polygamma(1, x) - (x - 1) * polygamma(2, x) for x in (a, b))
    return Local(float(entropies(p).sum()), slope, _curvature(aa, cross, bb))


def divergence(now: Array, p: Array) -> Local:
    """KL(now || p), nats, summed over the dimensions."""
    (a0, b0), (a, b) = np.split(now, 2), np.split(p, 2)
    nats = betaln(a, b) - betaln(a0, b0) + (a0 - a) * psi(a0) + (b0 - b) * psi(b0) + (a + b - a0 - b0) * psi(a0 + b0)
    rest = psi(a0 + b0) - psi(a + b)
    slope = np.concatenate((psi(a) - psi(a0) + rest, psi(b) - psi(b0) + rest))
    return Local(float(nats.sum()), slope, information(p))


def information(p: Array) -> Array:
    """Second derivatives of the sum of ln B(a, b): the Fisher information."""
    a, b = np.split(p, 2)
    cross = -polygamma(1, a + b)
    return _curvature(polygamma(1, a) + cross, cross, polygamma(1, b) + cross)


def narrow(mode: Array, std: Array) -> Array:
    """Parameters [2m] of Betas with this mode and standard deviation [m]; uniform where that is narrower."""

    def of(m: float, total: float) -> tuple[float, float]:
        return 1 + m * (total - 2), 1 + (1 - m) * (total - 2)

    def spread(m: float, total: float) -> float:
        a, b = of(m, total)
        return math.sqrt(a * b / (total + 1)) / total

    totals = [
        2.0 if spread(m, 2.0) <= s else brentq(lambda c, m=m, s=s: spread(m, c) - s, 2.0, 1e9)
        for m, s in zip(mode.tolist(), std.tolist(), strict=True)
    ]
    return np.array([of(m, c) for m, c in zip(mode.tolist(), totals, strict=True)]).reshape(-1, 2).T.ravel()


def features(x: Array) -> Array:
    """What the density of Betas is an exponential of: x [n, m] -> (ln x, ln(1 - x)) [n, 2m]."""
    x = np.clip(x, EDGE, 1 - EDGE)
    return np.concatenate((np.log(x), np.log1p(-x)), axis=1)


def log_density(logs: Array, p: Array) -> Array:
    """ln p(x) [n] of features [n, 2m]; p [2m]. einsum: its sum does not depend on BLAS threads."""
    density: Array = np.einsum("nm,m->n", logs, p - 1) - betaln(*np.split(p, 2)).sum()
    return density


def log_mixture(logs: Array, parts: Array, shares: Array) -> Array:
    """ln sum_k shares_k p_k(x) [n] of features [n, 2m], for parts [K, 2m] and their shares [K]."""
    return np.asarray(
        logsumexp([log_density(logs, p) + math.log(c) for p, c in zip(parts, shares, strict=True)], axis=0)
    )


class Episodes(NamedTuple):
    """What was seen: features [n, 2m], ln density that they were drawn with [n], score in [0, 1] [n].

    Where they were drawn from several distributions in turn, that is the density of the mixture of all, each with its share
    of the episodes: the balance heuristic (Veach and Guibas, "Optimally combining sampling techniques", SIGGRAPH 1995). With
    its own density alone, a far episode of an early, narrow one would outweigh all others.
    """

    logs: Array
    drawn: Array
    score: Array

    def weights(self, p: Array) -> Array:
        weights: Array = np.exp(log_density(self.logs, p) - self.drawn)
        return weights

    def success(self, p: Array) -> Local:
        """Importance-sampled success rate under p."""
        a, b = np.split(p, 2)
        scored = self.score * self.weights(p) / len(self.score)
        mean = float(scored.sum())
        # Of ln p(x), an episode a row.
        slopes = self.logs - np.concatenate((psi(a) - psi(a + b), psi(b) - psi(a + b)))
        slope = np.einsum("n,nm->m", scored, slopes)
        return Local(mean, slope, (slopes * scored[:, None]).T @ slopes - mean * information(p))

    def effective(self, p: Array) -> float:
        """Effective sample size of the weights: how many episodes the estimate under p rests on."""
        weights = self.weights(p)
        return float(weights.sum() ** 2 / (weights**2).sum())

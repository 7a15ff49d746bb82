"""One update of DORAEMON (arXiv 2311.01885, section 4): which independent Betas on [0, 1] come next.

    maximize H(phi)  subject to  J(phi) >= alpha  and  KL(phi_now || phi) <= eps,

where J(phi) = mean of score * p_phi(x) / p_drawn(x) over the episodes seen: importance sampling, so that no episode is
spent on evaluation. Where phi_now itself is not feasible, the inverse problem comes first: the highest J in the KL ball.
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
from scipy.optimize import NonlinearConstraint, brentq, minimize
from scipy.special import betaln, expit, logit, logsumexp, polygamma, psi

Array = NDArray[np.float64]
LEAST = 0.8  # of a and b, as in the released code: below 1, so that uniform lies within
SLACK = 1e-4  # of alpha, as in the released code: an optimum lies on the constraint, where rounding decides
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
    return Local(float(nats.sum()), slope, _information(p))


def _information(p: Array) -> Array:
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
        return Local(mean, slope, (slopes * scored[:, None]).T @ slopes - mean * _information(p))

    def effective(self, p: Array) -> float:
        """Effective sample size of the weights: how many episodes the estimate under p rests on."""
        weights = self.weights(p)
        return float(weights.sum() ** 2 / (weights**2).sum())


def update(now: Array, seen: Episodes, alpha: float, eps: float, most: Array) -> Array:
    """The next parameters [2m], each from LEAST to its `most`; `now` where nothing better is found."""
    frame = _Frame(now, eps, most)
    ball = _Limit(lambda p: divergence(now, p), -np.inf, eps, 1e-3 * eps, scale=1 / eps)
    kept = _Limit(seen.success, alpha - SLACK, np.inf, SLACK)
    start = now
    if seen.success(now).value < alpha:
        start = _best(seen.success, [ball], now, frame)
        if seen.success(start).value < alpha:
            return start
    return _best(entropy, [ball, kept], start, frame)


class _Limit(NamedTuple):
    """What must hold of a function, and by how much it may be missed."""

    function: Function
    low: float
    high: float
    tolerance: float
    scale: float = 1.0  # for the solver

    def holds(self, p: Array) -> bool:
        return self.low - self.tolerance <= self.function(p).value <= self.high + self.tolerance


class _Frame:
    """What the solver moves: y [2m], in which the ball KL(now || p) <= eps is nearly the unit ball around 0.

    p = LEAST + (most - LEAST) sigmoid(z), so that no bound needs watching, and z = z_now + M y, where M M^T is 2 eps times
    the inverse of the Fisher information in z. Without it the problem is too ill-conditioned where a Beta leans on an end.
    """

    def __init__(self, now: Array, eps: float, most: Array) -> None:
        self._width = most - LEAST
        self._center = self._logit(now)
        self._axes: Array = np.zeros((len(now), len(now)))
        _, first, _ = self._places(np.zeros_like(now))
        root = np.linalg.cholesky(_information(now) * np.outer(first, first))
        self._axes = np.sqrt(2 * eps) * np.linalg.inv(root).T

    def _logit(self, p: Array) -> Array:
        share = (p - LEAST) / self._width
        return np.asarray(logit(np.clip(share, 1e-9, 1 - 1e-9)))

    def _places(self, y: Array) -> tuple[Array, Array, Array]:
        """Parameters, and their first and second derivatives in z."""
        share = expit(self._center + self._axes @ y)
        first = self._width * share * (1 - share)
        return LEAST + self._width * share, first, first * (1 - 2 * share)

    def inverse(self, p: Array) -> Array:
        return np.asarray(np.linalg.solve(self._axes, self._logit(p) - self._center), dtype=np.float64)

    def parameters(self, y: Array) -> Array:
        return self._places(y)[0]

    def moved(self, function: Function, y: Array, scale: float) -> Local:
        """A function of the parameters as one of y."""
        p, first, second = self._places(y)
        value, slope, curvature = function(p)
        curvature = curvature * np.outer(first, first) + np.diag(slope * second)
        axes = self._axes
        return Local(scale * value, scale * (axes.T @ (slope * first)), scale * (axes.T @ curvature @ axes))


class _Moved:
    """As scipy wants it, each place worked out once."""

    def __init__(self, function: Function, frame: _Frame, scale: float) -> None:
        self._function, self._frame, self._scale = function, frame, scale
        self._at: tuple[Array, Local] | None = None

    def _local(self, y: Array) -> Local:
        if self._at is None or not np.array_equal(self._at[0], y):
            self._at = y.copy(), self._frame.moved(self._function, y, self._scale)
        return self._at[1]

    def value(self, y: Array) -> float:
        return self._local(y).value

    def slope(self, y: Array) -> Array:
        return self._local(y).slope

    def curvature(self, y: Array, multiplier: Array | None = None) -> Array:
        """Times the solver's multiplier [1], for a constraint."""
        return self._local(y).curvature * (1.0 if multiplier is None else multiplier[0])


def _best(goal: Function, limits: list[_Limit], start: Array, frame: _Frame) -> Array:
    """Maximize `goal` from `start`, which is within the limits."""
    begin = frame.inverse(start)
    steepness = float(np.linalg.norm(frame.moved(goal, begin, 1.0).slope))
    cost = _Moved(goal, frame, -1.0 / max(steepness, 1e-3))
    constraints = [
        NonlinearConstraint(f.value, limit.low * limit.scale, limit.high * limit.scale, jac=f.slope, hess=f.curvature)
        for limit in limits
        for f in (_Moved(limit.function, frame, limit.scale),)
    ]
    found = minimize(
        cost.value,
        begin,
        method="trust-constr",
        jac=cost.slope,
        hess=cost.curvature,
        constraints=constraints,
        options={"gtol": 1e-5, "xtol": 1e-7, "barrier_tol": 1e-6, "maxiter": 200},
    )
    end, least = frame.parameters(found.x), goal(start).value
    # What the solver ends at may lie a little outside; a part of the way there may not.
    for part in (1.0, 0.9, 0.7, 0.5, 0.25, 0.1):
        p: Array = start + part * (end - start)
        if np.isfinite(p).all() and goal(p).value >= least and all(limit.holds(p) for limit in limits):
            return p
    return start

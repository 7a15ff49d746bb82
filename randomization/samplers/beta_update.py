"""One update of DORAEMON (arXiv 2311.01885, section 4): which independent Betas on [0, 1] come next.

    maximize H(phi)  subject to  J(phi) >= alpha  and  KL(phi_now || phi) <= eps,

where J(phi) = mean of score * p_phi(x) / p_drawn(x) over the episodes seen: importance sampling, so that no episode is
spent on evaluation. Where phi_now itself is not feasible, the inverse problem comes first: the highest J in the KL ball.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import NonlinearConstraint, minimize
from scipy.special import expit, logit

from ashore.randomization.samplers.betas import Array, Episodes, Function, Local, divergence, entropy, information

LEAST = 0.8  # of a and b, as in the released code: below 1, so that uniform lies within
SLACK = 1e-4  # of alpha, as in the released code: an optimum lies on the constraint, where rounding decides


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
        root = np.linalg.cholesky(information(now) * np.outer(first, first))
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

"""The automatic samplers find what is known to be there: the limit of what is solvable, the optimum of the objective."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import gammaln

from ashore.configs.sampler import AdrSettings, DoraemonSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers.adr import AdrSampler
from ashore.randomization.samplers.doraemon import DoraemonSampler


def one(nominal: float, low: float, high: float, bounds: tuple[float, float], scale: str = "linear") -> Dimension:
    return Dimension.model_validate(
        {"name": "x", "group": "x", "unit": "1", "nominal": nominal, "low": low, "high": high}
        | {"distribution": scale, "widest": bounds}
    )


@pytest.mark.parametrize(("scale", "limits"), [("linear", (0.62, 1.87)), ("log", (0.31, 4.4))])
def test_the_bounds_of_adr_settle_within_five_percent_of_what_is_solvable(
    scale: str, limits: tuple[float, float]
) -> None:
    """A world is solved when x lies between the limits; both ends of the range are found, from zero width at 1."""
    adr = AdrSampler((one(1.0, 0.5, 2.0, (0.05, 20.0), scale),), AdrSettings(kind="adr", buffer=40, step=0.02))
    random = torch.Generator().manual_seed(1)
    for round_ in range(400):
        values, token = adr.sample(torch.rand(64, adr.num_uniforms, generator=random))
        solved = (values[:, 0] > limits[0]) & (values[:, 0] < limits[1])
        adr.observe(token, values, solved)
        if round_ >= 300:
            low, high = (float(end) for end in adr.ranges())
            assert low == pytest.approx(limits[0], rel=0.05)
            assert high == pytest.approx(limits[1], rel=0.05)


def test_where_success_fades_adr_settles_between_its_two_thresholds() -> None:
    """Success falls linearly from 1 at x = 1 to 0 at x = 3: it is 0.4 at 2.2 and 0.2 at 2.6."""
    settings = AdrSettings(kind="adr", buffer=240, step=0.02)
    adr = AdrSampler((one(1.0, 1.0, 2.0, (1.0, 20.0)),), settings)
    random = torch.Generator().manual_seed(2)
    for _ in range(1200):
        values, token = adr.sample(torch.rand(64, adr.num_uniforms, generator=random))
        solved = torch.rand(64, generator=random) < (3 - values[:, 0]) / 2
        adr.observe(token, values, solved)
    assert 2.2 * 0.95 < float(adr.ranges()[1]) < 2.6 * 1.05
    assert float(adr.ranges()[0]) == 1.0, "nominal is the least value allowed"


def success_at(x: np.ndarray | float) -> np.ndarray:
    """Certain for small x, impossible for large: half at 0.35 of the range."""
    return np.asarray(1 / (1 + np.exp((np.asarray(x) - 0.35) / 0.04)))


def density(x: float, a: float, b: float) -> float:
    return float(np.exp(gammaln(a + b) - gammaln(a) - gammaln(b) + (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)))


def optimum(alpha: float) -> tuple[float, float]:
    """a and b of the Beta with the highest entropy whose success rate is alpha, all by quadrature; a, b >= 0.8 as there."""

    def entropy(p: np.ndarray) -> float:
        def term(x: float) -> float:
            at = density(x, *p)
            return -at * float(np.log(at))

        return quad(term, 1e-12, 1 - 1e-12, limit=200)[0]

    def success(p: np.ndarray) -> float:
        return quad(lambda x: density(x, *p) * float(success_at(x)), 1e-12, 1 - 1e-12, limit=200, points=[0.35])[0]

    found = minimize(
        lambda p: -entropy(p),
        np.array([1.2, 2.0]),
        bounds=[(0.8, 50.0)] * 2,
        constraints=[{"type": "ineq", "fun": lambda p: success(p) - alpha}],
        method="SLSQP",
    )
    assert found.success
    return float(found.x[0]), float(found.x[1])


@pytest.mark.parametrize("alpha", [0.5, 0.8])
def test_doraemon_agrees_with_the_optimum_of_its_objective_within_two_percent(alpha: float) -> None:
    doraemon = DoraemonSampler(
        (one(2.2, 2.0, 4.0, (2.0, 4.0)),),
        DoraemonSettings(kind="doraemon", success=alpha, episodes=20_000, kl=0.05),
    )
    random = torch.Generator().manual_seed(3)
    for _ in range(30):
        values, token = doraemon.sample(torch.rand(20_000, doraemon.num_uniforms, generator=random))
        draws = torch.from_numpy(success_at((values[:, 0].numpy() - 2) / 2))
        doraemon.observe(token, values, torch.rand(20_000, generator=random) < draws)
    (a, b), (found_a, found_b) = optimum(alpha), doraemon.parameters.tolist()

    def moments(a: float, b: float) -> list[float]:
        return [a / (a + b), (a * b / (a + b + 1)) ** 0.5 / (a + b)]

    assert moments(found_a, found_b) == pytest.approx(moments(a, b), rel=0.02)
    x = np.linspace(0, 1, 2001)[1:-1]
    apart = np.mean([abs(density(v, a, b) - density(v, found_a, found_b)) for v in x]) / 2
    assert apart < 0.02, "total variation between the two distributions"
    assert doraemon.report()["expected_success"] == pytest.approx(alpha, abs=0.01)

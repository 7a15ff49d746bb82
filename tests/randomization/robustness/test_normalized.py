"""The space in which worlds are near or far."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ashore.randomization.robustness.normalized import Normalized
from tests.randomization.spaces import HELD, LINEAR, LOG, ONE_SIDED, SPACE

# LINEAR: nominal 1, trained 0.5 to 2, widest 0 to 5. LOG: nominal 0.3, trained 0.1 to 1. ONE_SIDED: nominal 0, trained to 0.2.


def test_one_is_the_end_of_what_was_trained_in_that_direction() -> None:
    space = Normalized((LINEAR, LOG, ONE_SIDED))
    np.testing.assert_allclose(space.lambdas(np.array([1.0, 1.0, 1.0])), [2.0, 1.0, 0.2])
    np.testing.assert_allclose(space.lambdas(np.array([-1.0, -1.0, 0.0])), [0.5, 0.1, 0.0])


def test_half_way_is_half_way_along_the_scale() -> None:
    values = Normalized((LINEAR, LOG)).lambdas(np.array([0.5, 0.5]))
    np.testing.assert_allclose(values, [1.5, math.sqrt(0.3 * 1.0)])


def test_the_box_ends_at_the_widest_bounds() -> None:
    space = Normalized((LINEAR, LOG, ONE_SIDED))
    np.testing.assert_allclose(space.low, [-2.0, -math.log(0.3 / 0.01) / math.log(3.0), 0.0])  # (1 - 0) / 0.5
    np.testing.assert_allclose(space.high, [4.0, math.log(10 / 0.3) / math.log(1 / 0.3), 2.5])  # (5 - 1) / 1, 0.5 / 0.2


def test_nominal_is_nominal_to_the_bit_and_nothing_leaves_the_bounds() -> None:
    space = Normalized(SPACE)
    assert space.lambdas(np.zeros(4)).tolist() == [d.nominal for d in SPACE]
    for z in (space.low, space.high, np.full(4, -99.0), np.full(4, 99.0)):
        assert all(d.widest[0] <= v <= d.widest[1] for d, v in zip(SPACE, space.lambdas(z), strict=True))


def test_what_training_held_is_measured_in_its_widest_range() -> None:
    """HELD was trained at 0.6 alone, nominal 0.7: the way down is 0.7 to 0.6; up, for want of a range, to the bound 2."""
    values = Normalized((HELD,)).lambdas(np.array([[-1.0], [1.0]]))
    np.testing.assert_allclose(values, [[0.6], [2.0]])


def test_points_are_drawn_into_the_radius_along_their_direction() -> None:
    space = Normalized((LINEAR, LOG))
    np.testing.assert_allclose(space.clip(np.array([1.5, 2.0]), 0.5), [0.3, 0.4])  # of length 2.5
    np.testing.assert_allclose(space.clip(np.array([0.3, 0.4]), 2.0), [0.3, 0.4])


def test_ends_move_a_group_at_a_time() -> None:
    pair = [LINEAR.model_copy(update={"name": f"linear[{i}]"}) for i in (1, 2)]
    ends = Normalized((*pair, ONE_SIDED)).ends()
    assert ends.tolist() == [[-2.0, -2.0, 0.0], [4.0, 4.0, 0.0], [0.0, 0.0, pytest.approx(2.5)]]

"""Rotations, as quaternions and as columns, against angles worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ashore.sim import rotation_matrices, rotations

Z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
X = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)


def turn(axis: torch.Tensor, angle: float) -> torch.Tensor:
    return rotation_matrices.from_quaternion(rotations.about(axis, torch.tensor(angle, dtype=torch.float64)))


def test_columns_say_where_the_axes_go() -> None:
    # A quarter turn about z: x goes to y, y to -x, z stays.
    expected = [0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert turn(Z, math.pi / 2).tolist() == pytest.approx(expected, abs=1e-12)


def test_composition_turns_by_the_second_argument_first() -> None:
    # x: the quarter turn about x leaves it, the one about z then takes it to y. y: to z, where it stays.
    both = rotation_matrices.compose(turn(Z, math.pi / 2), turn(X, math.pi / 2))
    assert both.tolist() == pytest.approx([0, 1, 0, 0, 0, 1, 1, 0, 0], abs=1e-12)
    quaternion = rotations.multiply(
        rotations.about(Z, torch.tensor(math.pi / 2).double()), rotations.about(X, torch.tensor(math.pi / 2).double())
    )
    torch.testing.assert_close(rotation_matrices.from_quaternion(quaternion), both)


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, 3.0, math.pi])
def test_what_lies_between_two_rotations_is_their_angle_and_leads_from_one_to_the_other(angle: float) -> None:
    start = rotation_matrices.from_quaternion(
        rotations.uniform(torch.rand(5, 3, generator=torch.Generator().manual_seed(1)).double())
    )
    axis = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64) / 3
    end = rotation_matrices.compose(turn(axis, angle).expand(5, 9), start)
    torch.testing.assert_close(
        rotation_matrices.angle(start, end), torch.full((5,), angle, dtype=torch.float64), atol=1e-7, rtol=0
    )
    torch.testing.assert_close(rotation_matrices.compose(rotation_matrices.between(start, end), start), end)


def test_uniform_rotations_are_as_far_apart_as_uniform_rotations_are() -> None:
    u = torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)).double()
    q = rotations.uniform(u)
    torch.testing.assert_close(q.norm(dim=1), torch.ones(len(q), dtype=torch.float64))
    # The angle from any fixed rotation has density (1 - cos t) / pi, hence the mean pi / 2 + 2 / pi.
    angle = rotation_matrices.angle(
        rotation_matrices.from_quaternion(q),
        rotation_matrices.from_quaternion(torch.eye(4)[0].double()).expand(len(q), 9),
    )
    assert angle.mean().item() == pytest.approx(math.pi / 2 + 2 / math.pi, abs=0.02)


def test_upright_brings_z_to_the_direction() -> None:
    direction = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64) / 3
    torch.testing.assert_close(rotation_matrices.from_quaternion(rotations.upright(direction))[6:], direction)


def test_a_cube_has_24_symmetries_each_of_which_permutes_its_axes() -> None:
    found = rotation_matrices.from_quaternion(rotations.cube_symmetries())
    assert len({tuple(row) for row in found.round().int().tolist()}) == 24
    torch.testing.assert_close(found, found.round(), atol=1e-12, rtol=0)
    matrices = found.unflatten(1, (3, 3))
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(24, dtype=torch.float64))

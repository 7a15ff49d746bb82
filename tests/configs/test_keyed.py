"""Random numbers are functions of their key: known answers, and independence of who else draws."""

import numpy as np
import pytest

from configs import keyed

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [  # kat_vectors of Random123 1.14, philox4x32 with 10 rounds
        ((0, 0), (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES, ONES), (ONES,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0xA4093822, 0x299F31D0),
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_known_answers(
    key: tuple[int, int], counter: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert tuple(keyed.philox(key, np.array([counter], np.uint64).T)[0].tolist()) == expected


def draw(worlds: list[int], *, seed: int = 1, stream: int = keyed.STEP, step: int = 4, count: int = 10) -> np.ndarray:
    world = np.array(worlds)
    return keyed.words(seed, stream, world, world * 0 + 2, world * 0 + step, count)


def test_a_world_draws_the_same_whoever_else_draws_and_in_whatever_order() -> None:
    together = draw([0, 1, 2, 3, 4, 5, 6])
    for world in range(7):
        assert (draw([world]) == together[world]).all()
    assert (draw([5, 0, 3]) == together[[5, 0, 3]]).all()


def test_the_first_words_are_the_same_however_many_are_drawn() -> None:
    assert (draw([3], count=5) == draw([3], count=64)[:, :5]).all()


@pytest.mark.parametrize("change", [{"seed": 2}, {"stream": keyed.EPISODE}, {"step": 5}])
def test_seeds_streams_and_steps_share_no_draw(change: dict[str, int]) -> None:
    assert not np.isin(draw([0, 1, 2], **change), draw([0, 1, 2])).any()


def test_uniform_runs_from_zero_to_just_below_one() -> None:
    assert keyed.uniform(np.array([[0, ONES]], np.uint32)).tolist() == [[0.0, 1.0 - 2.0**-24]]


def test_uniform_and_normal_have_their_moments() -> None:
    bits = draw(list(range(20_000)), count=10)
    u, z = keyed.uniform(bits).astype(float), keyed.normal(bits).astype(float)
    # 200,000 numbers: the standard error of the mean of z is 0.0022, of its variance 0.0032, of its fourth moment 0.022.
    assert abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.001
    assert abs(z.mean()) < 0.01 and abs(z.var() - 1) < 0.015 and abs((z**4).mean() - 3) < 0.1
    assert np.abs(np.corrcoef(z.T) - np.eye(10)).max() < 0.035


def test_normal_is_finite_at_the_ends_of_uniform() -> None:
    # u = 1 - 2^-24 is the largest: radius sqrt(2 * 24 ln 2) = 5.768.
    z = keyed.normal(np.array([[ONES, 0], [0, ONES]], np.uint32))
    np.testing.assert_allclose(z[0], [np.sqrt(48 * np.log(2)), 0.0], rtol=1e-6)
    np.testing.assert_allclose(z[1], [0.0, 0.0], atol=1e-6)

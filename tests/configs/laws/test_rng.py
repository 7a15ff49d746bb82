"""Random numbers are functions of their key: known answers, and independence of who else draws."""

import numpy as np
import pytest

from ashore.configs.laws import rng

ONES = 0xFFFFFFFF


def test_mixing_gives_the_known_answers() -> None:
    """The first five outputs of Vigna's splitmix64.c from the state 1234567, which steps by the golden gamma."""
    states = (1234567 + np.arange(1, 6, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    assert rng.mixed(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_a_key_starts_a_generator_whose_words_come_low_half_first() -> None:
    """The same in plain integers."""

    def mixed(z: int) -> int:
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    gamma = 0x9E3779B97F4A7C15
    start = mixed((7 + rng.STEP * gamma) % 2**64)
    key = mixed((mixed((start + 3) % 2**64) + (2 << 32) + 4) % 2**64)
    longs = [mixed((key + k * gamma) % 2**64) for k in (1, 2, 3)]
    expected = [half for long in longs for half in (long % 2**32, long >> 32)]
    assert draw([3], seed=7, count=5)[0].tolist() == expected[:5]


def draw(worlds: list[int], *, seed: int = 1, stream: int = rng.STEP, step: int = 4, count: int = 10) -> np.ndarray:
    world = np.array(worlds)
    return rng.words(seed, stream, world, world * 0 + 2, world * 0 + step, count)


def test_a_world_draws_the_same_whoever_else_draws_and_in_whatever_order() -> None:
    together = draw([0, 1, 2, 3, 4, 5, 6])
    for world in range(7):
        assert (draw([world]) == together[world]).all()
    assert (draw([5, 0, 3]) == together[[5, 0, 3]]).all()


def test_the_first_words_are_the_same_however_many_are_drawn() -> None:
    assert (draw([3], count=5) == draw([3], count=64)[:, :5]).all()


@pytest.mark.parametrize("change", [{"seed": 2}, {"stream": rng.EPISODE}, {"step": 5}])
def test_seeds_streams_and_steps_share_no_draw(change: dict[str, int]) -> None:
    assert not np.isin(draw([0, 1, 2], **change), draw([0, 1, 2])).any()


def test_uniform_runs_from_zero_to_just_below_one() -> None:
    assert rng.uniform(np.array([[0, ONES]], np.uint32)).tolist() == [[0.0, 1.0 - 2.0**-24]]


def test_uniform_and_normal_have_their_moments() -> None:
    bits = draw(list(range(20_000)), count=10)
    u, z = rng.uniform(bits).astype(float), rng.normal(bits).astype(float)
    # 200,000 numbers: the standard error of the mean of z is 0.0022, of its variance 0.0032, of its fourth moment 0.022.
    assert abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.001
    assert abs(z.mean()) < 0.01 and abs(z.var() - 1) < 0.015 and abs((z**4).mean() - 3) < 0.1
    assert np.abs(np.corrcoef(z.T) - np.eye(10)).max() < 0.035


def test_neighbouring_keys_are_not_correlated() -> None:
    z, far = (rng.normal(draw(list(range(20_000)), step=k)).astype(float).ravel() for k in (4, 5))
    # 200,000 pairs: the standard error of a correlation is 0.0022.
    assert abs(np.corrcoef(z, far)[0, 1]) < 0.01, "steps"
    assert abs(np.corrcoef(z[:-10], z[10:])[0, 1]) < 0.01, "worlds"


def test_normal_is_finite_at_the_ends_of_uniform() -> None:
    # u = 1 - 2^-24 is the largest: radius sqrt(2 * 24 ln 2) = 5.768.
    z = rng.normal(np.array([[ONES, 0], [0, ONES]], np.uint32))
    np.testing.assert_allclose(z[0], [np.sqrt(48 * np.log(2)), 0.0], rtol=1e-6)
    np.testing.assert_allclose(z[1], [0.0, 0.0], atol=1e-6)

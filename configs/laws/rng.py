"""Keyed randomness: every number is a function of (seed, stream, world, episode, step), never of what was drawn before.

Each key starts a SplitMix64 of its own (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014),
which is a mixed counter: all words of all keys come out of the same few array operations. The same worlds come out
whatever the number of worlds or threads, and an episode can be drawn again from its key.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Streams: one number a purpose, so that no two purposes share a draw.
EPISODE, STEP, EVENT, ADVERSARY = 1, 2, 3, 4
LOOK = 100  # what an episode looks like
PICTURE = 1000  # noise of a picture; a camera's number is added

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _32 = (np.uint64(n) for n in (30, 27, 31, 32))


def mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64, a bijection of 64-bit words (Stafford's variant 13); writes over its argument."""
    z ^= z >> _30
    z *= _FIRST
    z ^= z >> _27
    z *= _SECOND
    z ^= z >> _31
    return z


@functools.lru_cache(maxsize=64)
def _start(seed: int, stream: int) -> NDArray[np.uint64]:
    return mixed(np.array([seed], np.uint64) + _steps(stream)[-1])


@functools.lru_cache(maxsize=64)
def _steps(count: int) -> NDArray[np.uint64]:
    """How far each of `count` words lies from its key."""
    return np.arange(1, count + 1, dtype=np.uint64) * _GAMMA


def words(
    seed: int,
    stream: int,
    world: NDArray[np.int64],
    episode: NDArray[np.int64],
    step: NDArray[np.int64] | None,
    count: int,
) -> NDArray[np.uint32]:
    """`count` random 32-bit words for each of n (world, episode, step), below 2^32 each: [n, count]. No step is step 0."""
    key = mixed(_start(seed, stream) + world.view(np.uint64))
    key += episode.view(np.uint64) << _32
    if step is not None:
        key += step.view(np.uint64)
    return mixed(mixed(key)[:, None] + _steps(-(-count // 2))).view(np.uint32)[:, :count]


def parted(bits: NDArray[np.uint32], counts: Sequence[int]) -> list[NDArray[np.uint32]]:
    """The columns of [n, sum of counts] words, so many to each who takes some."""
    ends = itertools.accumulate(counts)
    return [bits[:, end - count : end] for count, end in zip(counts, ends, strict=True)]


def uniform(bits: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Words to numbers in [0, 1), 24 bits each."""
    return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def normal(bits: NDArray[np.uint32]) -> NDArray[np.float32]:
    """An even number of words a row to as many standard normal numbers, by Box and Muller: [n, k] -> [n, k]."""
    half = bits.shape[1] // 2
    u = uniform(bits)
    radius = np.sqrt(np.float32(-2) * np.log(np.float32(1) - u[:, :half]))
    angle = np.float32(2 * np.pi) * u[:, half:]
    return np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1)

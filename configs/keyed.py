"""Keyed randomness: every number is a function of (seed, stream, world, episode, step), never of what was drawn before.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), vectorised over counters:
key = (seed, stream), counter = (world, episode, step, block). The same worlds come out whatever the number of worlds
or threads, and an episode can be drawn again from its key.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

# Streams: one number a purpose, so that no two purposes share a draw.
EPISODE, STEP = 1, 2

_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], np.uint64)
_WEYL = np.array([[0x9E3779B9], [0xBB67AE85]], np.uint64)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def philox(key: tuple[int, int], counter: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Philox4x32: counter [4, n] of 32-bit words in uint64 -> [n, 4] random words."""
    # Rows (c0, c2) are multiplied, rows (c1, c3) mixed in; both pairs swap places in each round.
    multiplied, mixed = counter[0::2], counter[1::2]
    for round_key in _key_schedule(key):
        product = multiplied * _MULTIPLIERS
        multiplied = (product >> _SHIFT)[::-1] ^ (mixed ^ round_key)
        mixed = (product & _LOW)[::-1]
    out = np.empty((counter.shape[1], 4), np.uint32)
    out[:, 0::2] = multiplied.T
    out[:, 1::2] = mixed.T
    return out


@functools.lru_cache(maxsize=64)
def _key_schedule(key: tuple[int, int]) -> tuple[NDArray[np.uint64], ...]:
    """The keys of the ten rounds, [2, 1] each."""
    first = np.array([[key[0]], [key[1]]], np.uint64)
    return tuple((first + np.uint64(i) * _WEYL) & _LOW for i in range(10))


def words(
    seed: int, stream: int, world: NDArray[np.int64], episode: NDArray[np.int64], step: NDArray[np.int64], count: int
) -> NDArray[np.uint32]:
    """`count` random 32-bit words for each of n (world, episode, step): [n, count]."""
    n, blocks = len(world), -(-count // 4)
    counter = np.empty((4, n, blocks), np.uint64)
    counter[0], counter[1], counter[2] = world[:, None], episode[:, None], step[:, None]
    counter[3] = np.arange(blocks, dtype=np.uint64)
    return philox((seed, stream), counter.reshape(4, n * blocks)).reshape(n, blocks * 4)[:, :count]


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

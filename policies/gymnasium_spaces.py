"""What a gymnasium environment shows and takes, as rows of numbers: observations flattened, actions in its own range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ashore.configs.errors import UsageError
from ashore.policies.layout import Layout

LARGEST = float(np.finfo(np.float32).max)  # which stands for infinite bounds, for JSON knows none


def image_shape(space: spaces.Space[Any]) -> tuple[int, int, int] | None:
    """(height, width, channels) of a Box of bytes that is an image; None where it is none."""
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8 or len(space.shape) not in (2, 3):
        return None
    height, width, *channels = space.shape
    return height, width, channels[0] if channels else 1


class Observations:
    """A space of observations as rows [N, size]: an image as bytes, anything else as float32.

    Box: its values in order. Discrete, MultiDiscrete: 1 at the value, 0 elsewhere. Dict and Tuple: their parts, side by side.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.space = space
        self.image = image_shape(space)
        self.parts = list(_parts("observation", space))  # (name, size)
        self.size = sum(size for _, size in self.parts)
        self.layout = Layout(self.image, _choices(space), *_bounds(space))
        self.dtype = np.uint8 if self.image else np.float32

    def rows(self, batch: Any, count: int) -> NDArray[Any]:
        """A batch of `count` observations, as a vector environment gives it, as fresh rows [count, size]."""
        columns = list(_columns(self.space, batch, count))
        return np.concatenate(columns, 1).astype(self.dtype)

    def row(self, observation: Any) -> NDArray[Any]:
        """One observation of one world: [1, size]."""
        return self.rows(_batch_of_one(self.space, observation), 1)

    def name_of(self, column: int) -> str:
        """Which part a column belongs to, as `observation["speed"][2]`."""
        for name, size in self.parts:
            if column < size:
                return f"{name}[{column}]"
            column -= size
        raise IndexError(column)


def _parts(name: str, space: spaces.Space[Any]) -> Iterator[tuple[str, int]]:
    if isinstance(space, spaces.Dict):
        for key, inner in space.spaces.items():
            yield from _parts(f"{name}[{key!r}]", inner)
    elif isinstance(space, spaces.Tuple):
        for index, inner in enumerate(space.spaces):
            yield from _parts(f"{name}[{index}]", inner)
    elif isinstance(space, spaces.Box | spaces.MultiBinary):
        yield name, int(np.prod(space.shape))
    elif isinstance(space, spaces.Discrete):
        yield name, int(space.n)
    elif isinstance(space, spaces.MultiDiscrete):
        yield name, int(space.nvec.sum())
    else:
        raise UsageError(
            f"{name} space = {space}; allowed: Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of them"
        )


def _leaves(space: spaces.Space[Any]) -> Iterator[spaces.Space[Any]]:
    """The spaces that Dict and Tuple are made of, in order."""
    inner = space.spaces.values() if isinstance(space, spaces.Dict) else getattr(space, "spaces", None)
    if inner is None:
        yield space
    else:
        for one in inner:
            yield from _leaves(one)


def _choices(space: spaces.Space[Any]) -> tuple[int, ...]:
    """Sizes of the one-hot parts, where there is nothing else."""
    sizes: list[int] = []
    for leaf in _leaves(space):
        if isinstance(leaf, spaces.Discrete):
            sizes.append(int(leaf.n))
        elif isinstance(leaf, spaces.MultiDiscrete):
            sizes += [int(size) for size in leaf.nvec.flatten()]
        else:
            return ()
    return tuple(sizes)


def _bounds(space: spaces.Space[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The lowest and the highest of each value of a Box; nothing of other spaces and of images."""
    if not isinstance(space, spaces.Box) or image_shape(space):
        return (), ()
    low, high = (np.clip(x.flatten().astype(np.float64), -LARGEST, LARGEST) for x in (space.low, space.high))
    return tuple(low.tolist()), tuple(high.tolist())


def _columns(space: spaces.Space[Any], batch: Any, count: int) -> Iterator[NDArray[Any]]:
    if isinstance(space, spaces.Dict):
        for key, inner in space.spaces.items():
            yield from _columns(inner, batch[key], count)
    elif isinstance(space, spaces.Tuple):
        for inner, values in zip(space.spaces, batch, strict=True):
            yield from _columns(inner, values, count)
    elif isinstance(space, spaces.Discrete):
        yield np.eye(int(space.n), dtype=np.float32)[np.asarray(batch) - space.start]
    elif isinstance(space, spaces.MultiDiscrete):
        values = (np.asarray(batch) - space.start).reshape(count, -1)
        for column, size in zip(values.T, space.nvec.flatten(), strict=True):
            yield np.eye(int(size), dtype=np.float32)[column]
    else:
        yield np.asarray(batch).reshape(count, -1)


def _batch_of_one(space: spaces.Space[Any], observation: Any) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _batch_of_one(inner, observation[key]) for key, inner in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(_batch_of_one(inner, x) for inner, x in zip(space.spaces, observation, strict=True))
    return np.asarray(observation)[None]


class Actions:
    """A space of actions: a Box, whose bounds -1 and 1 stand for, or one of `size` choices."""

    def __init__(self, space: spaces.Space[Any], num_envs: int) -> None:
        self.discrete = isinstance(space, spaces.Discrete)
        if isinstance(space, spaces.Discrete):
            self.size, self.first = int(space.n), int(space.start)
        elif isinstance(space, spaces.Box):
            self.size = int(np.prod(space.shape))
            bounded = space.is_bounded()
            self.shape, self.dtype = (num_envs, *space.shape), space.dtype
            self.center = (space.low + space.high) / 2 if bounded else np.float32(0)
            self.reach = (space.high - space.low) / 2 if bounded else np.float32(1)
        else:
            raise UsageError(f"action space = {space}; allowed: Box, or Discrete")

    def to_environment(self, action: NDArray[Any]) -> NDArray[Any]:
        """[N, size] within [-1, 1], or choices [N] from 0 on -> what the environment takes."""
        if self.discrete:
            return action + self.first
        return (self.center + action.clip(-1, 1).reshape(self.shape) * self.reach).astype(self.dtype)

"""How the actor's observation is built, where it is more than a row of numbers."""

from __future__ import annotations

from typing import Any, NamedTuple


class Layout(NamedTuple):
    """An environment says so by an attribute `layout`; algorithms that do not need to know see the row alone."""

    image: tuple[int, int, int] | None = None  # height, width, channels of the image that the row is
    choices: tuple[int, ...] = ()  # sizes of the one-hot parts that the row consists of, if of nothing else
    low: tuple[float, ...] = ()  # bounds of each value, infinite ones included; empty where none are known
    high: tuple[float, ...] = ()


def layout_of(env: Any) -> Layout:
    """That of an environment; an empty one where it does not say."""
    layout: Layout = getattr(env, "layout", Layout())
    return layout

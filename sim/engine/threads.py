"""Torch beside the engine: small operations on one thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def on_one_core(function: Callable[P, R]) -> Callable[P, R]:
    """Run without gradients and without torch's own threads: they spin after each small operation, and the engine's threads,
    which take all cores a moment later, would wait for them (measured: 2 cores, half the speed)."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.no_grad():
                return function(*args, **kwargs)
        finally:
            torch.set_num_threads(threads)

    return guarded

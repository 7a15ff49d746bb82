"""What training asks of its process: the same bits from run to run, memory kept, an interrupt taken gently."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Torch with a fixed number of threads and algorithms that sum in a fixed order; restored at the end."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    # On a GPU a few operations have no such algorithm; there the promise is not made, and a warning says which.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch with so many threads. One while worlds step: torch's threads spin after each operation, and an engine that takes
    every core the moment after would wait for them (measured on 2 cores: less than half the speed)."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


Start = Callable[..., Callable[[], Any]]


@contextmanager
def two_threads() -> Iterator[Start]:
    """Gives `start(function, *args)`, which runs it in a second thread; what that gives waits for the result.

    Each thread has half of torch's threads: on two cores none waits for the others after each operation, which costs most
    where other processes want the cores too. Where torch has one thread, `start` itself runs the function, to the same bits.
    """
    each = torch.get_num_threads() // 2
    if each == 0:
        yield _in_turn
        return
    with torch_threads(each), ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(each,)) as pool:
        yield lambda function, *args: pool.submit(function, *args).result


def _in_turn(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    result = function(*args)
    return lambda: result


class Interrupt:
    """Within its context, the first Ctrl-C or SIGTERM only sets `requested`; a second one has its usual effect."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            self._before = {kind: signal.signal(kind, self._request) for kind in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _request(self, kind: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for kind, handler in self._before.items():
            signal.signal(kind, handler)
        self._before = {}

    def __exit__(self, *error: object) -> None:
        self._restore()

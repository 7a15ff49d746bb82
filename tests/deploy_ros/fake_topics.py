"""Stand-ins for what rclpy has of a topic: handles are those of `destroyable.cpp`, entering one gives nothing, and one that was
destroyed cannot be used."""

from __future__ import annotations

import enum
import inspect
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.deploy_ros.steady_clock import STEADY


class InvalidHandle(RuntimeError):  # noqa: N818 - its name
    """rclpy's, of `_rclpy_pybind11`."""


class Handle:
    """What a publisher or a subscription holds of the middleware."""

    def __init__(self) -> None:
        self.queue: deque[Any] = deque()
        self.destroyed = False

    def __enter__(self) -> None:
        if self.destroyed:
            raise InvalidHandle("cannot use Destroyable because destruction was requested")

    def __exit__(self, *_: object) -> None: ...

    def take_message(self, _msg_type: Any, _raw: bool) -> tuple[Any, Any] | None:
        return self.queue.popleft() if self.queue else None


class CallbackType(enum.Enum):
    MessageOnly = 0
    WithMessageInfo = 1


class Subscription:
    """Keeps the newest messages for the executor, or for whoever takes them."""

    CallbackType = CallbackType

    def __init__(self, msg_type: Any, topic: str, callback: Callable[..., None], depth: int) -> None:
        two = len(inspect.signature(callback).parameters) == 2
        self._callback_type = CallbackType.WithMessageInfo if two else CallbackType.MessageOnly
        self.msg_type, self.topic, self.callback, self.raw = msg_type, topic, callback, False
        self.handle = Handle()
        self.handle.queue = deque(maxlen=depth)

    def call(self, message: Any, info: Any) -> None:
        """As an executor does."""
        self.callback(*((message, info) if self._callback_type is CallbackType.WithMessageInfo else (message,)))


def info_of(sent: int | None) -> dict[str, int]:
    """Beside a message; sent: ns, or a time of its own."""
    return {"source_timestamp": STEADY.time_ns() if sent is None else sent}

"""A node's logger, to hand on to whoever has something to say."""

from __future__ import annotations

from typing import Any


class Log:
    """Says each severity from a line of its own.

    rclpy ties the line that calls its logger to the severity of the first message, and raises ValueError at the next that has
    another one. So no line may call now `info` and now `warning`, as one does that calls what it was handed.
    """

    def __init__(self, node: Any) -> None:
        self._node = node

    def info(self, text: str) -> None:
        self._node.get_logger().info(text)

    def warning(self, text: str) -> None:
        self._node.get_logger().warning(text)

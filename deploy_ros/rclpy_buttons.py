"""Emergency stop and reset as ROS 2 topics, heard in every state of the node."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from std_msgs.msg import Bool

from ashore.deploy_ros.rclpy_log import Log
from ashore.deploy_ros.rclpy_types import LISTEN, LISTEN_RELIABLY, TELLS_WHEN_SENT, sent_at
from ashore.deploy_ros.resets import Resets
from ashore.deploy_ros.settings import RESET_TOPIC, STOP_TOPIC, relative

# A reliable subscription matches no best-effort publisher. It is announced first: `ros2 topic pub --once` waits for one
# subscription alone.
BOTH = (LISTEN_RELIABLY, LISTEN)


class Buttons:
    """Each is heard twice, for it may come once, see `resets`. Where rclpy does not tell when a message was sent, resets are
    heard best effort alone."""

    def __init__(self, node: Any, stop: Callable[[], None], reset: Callable[[], str]) -> None:
        """stop, reset: what the controller does then; reset gives why it does not, or the empty string."""
        self._stop, self._reset, self._say = stop, reset, Log(node).info
        self._resets = Resets()
        on_stop, on_reset = (
            (self._on_stop, self._on_reset) if TELLS_WHEN_SENT else (self._on_old_stop, self._on_old_reset)
        )
        stops = [node.create_subscription(Bool, relative(STOP_TOPIC), on_stop, qos) for qos in BOTH]
        heard = BOTH if TELLS_WHEN_SENT else BOTH[1:]
        resets = [node.create_subscription(Bool, relative(RESET_TOPIC), on_reset, qos) for qos in heard]
        self.subscriptions = [*stops, *resets]

    def _on_stop(self, message: Bool, info: Any) -> None:
        if message.data:
            self._resets.stop(sent_at(info))
            self._stop()

    def _on_reset(self, message: Bool, info: Any) -> None:
        if message.data and not self._resets.heard(sent := sent_at(info)):
            why = self._resets.refused(sent) or self._reset()
            self._say(f"no reset: {why}" if why else "reset")

    def _on_old_stop(self, message: Bool) -> None:
        self._on_stop(message, None)

    def _on_old_reset(self, message: Bool) -> None:
        self._on_reset(message, None)

"""A lifecycle node without a manager: it configures itself, waits for what is missing, activates; or it gives up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ashore.deploy_ros.rclpy_parameters import AUTOSTART
from ashore.deploy_ros.refusals import Announcer
from ashore.deploy_ros.states import EXIT_FAILED, EXIT_NOT_STARTED, EXIT_UNUSABLE, State

PERIOD = 0.1  # s


class Autostart:
    """Looks every `PERIOD`. Whoever else asks for a transition takes over, and nothing is started by itself any more."""

    def __init__(self, node: Any, succeeded: Any, failed: Any) -> None:
        """succeeded, failed: rclpy's names for how a transition ended."""
        self._node, self._succeeded, self._failed = node, succeeded, failed
        self._began, self._transitions = time.monotonic(), 0
        self._announce = Announcer(self._say)
        self.exit_code: int | None = None  # what the process shall end with, where nothing came of it
        self._timer = node.create_timer(PERIOD, self._look)

    def _look(self) -> None:
        node, now = self._node, time.monotonic()
        if not node.get_parameter(AUTOSTART).value:
            self._timer.cancel()
            return
        if node.transitions != self._transitions:
            node.get_logger().info(f"{node.state.value} by a manager: nothing is started by itself any more")
            self._timer.cancel()
            return
        if node.state is State.UNCONFIGURED and (outcome := self._trigger(node.trigger_configure)) != self._succeeded:
            self._end(EXIT_UNUSABLE if outcome == self._failed else EXIT_FAILED)
            return
        why, wait = node.missing(now), node.settings.wait
        if why and now - self._began < wait:
            self._announce(f"waiting: {why}", now)
        elif why:
            node.get_logger().error(f"gave up after {wait:g} s: {why}")
            self._end(EXIT_NOT_STARTED)
        elif rivals := node.rivals():  # not waited for: whoever ends must not hand the robot over unasked
            node.get_logger().error(f"refused: {rivals}")
            self._end(EXIT_NOT_STARTED)
        elif (outcome := self._trigger(node.trigger_activate)) == self._succeeded:
            self._timer.cancel()
        elif outcome != self._failed:  # what was missing again is looked for again
            self._end(EXIT_FAILED)

    def _trigger(self, transition: Callable[[], Any]) -> Any:
        outcome = transition()
        self._transitions = self._node.transitions
        return outcome

    def _say(self, text: str) -> None:
        self._node.get_logger().info(text)  # not handed on: to rclpy, a place in the code has one severity

    def _end(self, code: int) -> None:
        self._timer.cancel()
        self.exit_code = code

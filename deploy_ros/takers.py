"""What a node does with each message that comes for its policy: record it, hand it over, say what was refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.recording import Tape
from ashore.deploy_ros.refusals import Announcer


def takers(
    controller: Controller, lock: threading.Lock, tape: Tape, refused: Announcer
) -> Iterator[tuple[ros.Subscription, Callable[[Any], None]]]:
    """Each of the controller's subscriptions, and what takes a message of it; the controller is used under `lock`."""
    for k, subscription in enumerate(ros.subscriptions(controller)):
        yield subscription, _taker(k, subscription, controller, lock, tape, refused)


def _taker(
    k: int, subscription: ros.Subscription, controller: Controller, lock: threading.Lock, tape: Tape, refused: Announcer
) -> Callable[[Any], None]:
    def take(message: Any) -> None:
        with lock:
            now = time.monotonic()
            tape.took(k, subscription.topic, subscription.kind, message, now)
            why = subscription.take(controller, message, now)
        if why and subscription.aloud:
            refused(f"refused: {why}", time.monotonic())

    return take

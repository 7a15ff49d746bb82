"""The node, as a twin sees it: what it says of itself, and how it is stopped and let go on."""

from __future__ import annotations

import json
import time
from typing import Any

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.safety import Reason
from ashore.deploy_ros.settings import RESET_TOPIC, STATUS_TOPIC, STOP_TOPIC

SILENT = 0.5  # s without a status: there is no node


class NodeRemote:
    """Listens to a node's status; `stop` and `reset` ask it, whatever it is about."""

    def __init__(self, dds: Participant) -> None:
        self._stops, self._resets = dds.writer(STOP_TOPIC, types.Bool), dds.writer(RESET_TOPIC, types.Bool)
        self._status: dict[str, Any] = {}
        self._heard = -float("inf")
        dds.reader(STATUS_TOPIC, types.String, self._on_status)

    @property
    def drives(self) -> bool:
        """Whether there is a node that is active."""
        return time.monotonic() - self._heard < SILENT and self._status.get("state") == "active"

    @property
    def holds(self) -> bool:
        """Whether the node's gate is shut."""
        return self.drives and bool(self._status.get("latched"))

    @property
    def stopped(self) -> bool:
        """Whether it was shut by a stop."""
        return self.holds and self.reason == Reason.ESTOP.value

    @property
    def reason(self) -> str:
        """What the node says that it does, and why."""
        return str(self._status.get("reason", ""))

    def stop(self) -> None:
        self._stops.write(types.Bool(data=True))

    def reset(self) -> None:
        self._resets.write(types.Bool(data=True))

    def _on_status(self, message: Any) -> None:
        try:
            status = json.loads(message.data)
        except ValueError:
            return
        if isinstance(status, dict):
            self._status, self._heard = status, time.monotonic()

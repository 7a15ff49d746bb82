"""The node from outside, for a twin or for a person's command: what it says of itself, and how it is stopped and let go on."""

from __future__ import annotations

import json
import time
from typing import Any

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.dds import Participant
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.settings import RESET_TOPIC, STATUS_TOPIC, STOP_TOPIC

SILENT = 0.5  # s without a status: there is no node that drives, for such a node says every control period what it does


class NodeRemote:
    """Listens to a node's status; `stop` and `reset` ask it, whatever it is about."""

    def __init__(self, dds: Participant) -> None:
        self.stops, self.resets = dds.writer(STOP_TOPIC, types.Bool), dds.writer(RESET_TOPIC, types.Bool)
        self.others_stop = False  # somebody else has stopped it, too, since this was set to False
        self._status: dict[str, Any] = {}
        self._heard = -float("inf")
        dds.reader(STATUS_TOPIC, types.String, self._on_status)
        dds.reader(STOP_TOPIC, types.Bool, self._on_stop, reliable=True, of_others=True)

    @property
    def speaks(self) -> bool:
        """Whether there is a node that drives, or brakes before it ends."""
        return time.monotonic() - self._heard < SILENT

    @property
    def drives(self) -> bool:
        """Whether there is a node that is active."""
        return self.speaks and self._status.get("state") == "active"

    @property
    def holds(self) -> bool:
        """Whether the gate of a node that drives is shut."""
        return self.drives and self.latched

    @property
    def latched(self) -> bool:
        """Whether the node said that its gate is shut."""
        return bool(self._status.get("latched"))

    @property
    def stopped(self) -> bool:
        """Whether it was shut by a stop."""
        return self.holds and self.reason == Reason.ESTOP.value

    @property
    def reason(self) -> str:
        """What the node says that it does, and why."""
        return str(self._status.get("reason", ""))

    def forget(self) -> None:
        """What it said until now."""
        self._status, self._heard = {}, -float("inf")

    def stop(self) -> None:
        self.stops.write(types.Bool(data=True))

    def reset(self) -> None:
        self.resets.write(types.Bool(data=True))

    def _on_status(self, message: Any) -> None:
        try:
            status = json.loads(message.data)
        except ValueError:
            return  # somebody else's
        if isinstance(status, dict):
            self._status, self._heard = status, time.monotonic()

    def _on_stop(self, message: Any) -> None:
        self.others_stop = self.others_stop or bool(message.data)

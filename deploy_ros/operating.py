"""What a person tells a running node, without a ROS installation: a goal, a stop, a reset; the node confirms each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ashore.configs.errors import AshoreError
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import Participant, Writer, domain_id
from ashore.deploy_ros.node_remote import SILENT, NodeRemote
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.settings import DIAGNOSTICS_TOPIC, NODE_NAME, RESET_TOPIC, STOP_TOPIC

DRIVING = (Reason.OK.value, Reason.LIMITED.value)
REPEAT = 0.05  # s between repeats of a stop
DIAGNOSTICS_WITHIN = 2.5  # s in which every node sums up what it does, once a second

Say = Callable[[str], None]


class UnheardError(AshoreError, RuntimeError):
    """No node heard it, or none did what it was told; says which."""


def send_goal(
    position: Sequence[float], orientation: Sequence[float], frame: str, topic: str, wait: float, say: Say
) -> None:
    """Send a goal pose: [3] m in `frame`, [4] quaternion wxyz. UnheardError where the node refuses it or none is there."""
    if not np.isfinite([*position, *orientation]).all() or not np.any(orientation):
        raise UnheardError(f"goal {[*position]}, {[*orientation]}; allowed: finite numbers, and no quaternion of zeros")
    with Participant() as dds:
        line = _Line(dds)
        writer = dds.writer(topic, types.PoseStamped)
        line.until_heard(writer, topic, wait)
        refused = line.refusals() if line.until(lambda: bool(line.diagnostics), DIAGNOSTICS_WITHIN) else 0
        w, x, y, z = (np.asarray(orientation, dtype=np.float64) / np.linalg.norm(orientation)).tolist()
        message = ros.goal_pose(types, np.asarray(position, dtype=np.float64), frame, time.time())
        message.pose.orientation = types.Quaternion(w=w, x=x, y=y, z=z)
        line.diagnostics.clear()
        writer.write(message)
        writer.flush(1.0)
        if not line.until(lambda: len(line.diagnostics) > 1, DIAGNOSTICS_WITHIN):
            say(f"sent on {topic}; whether it was taken is not known: nothing comes on {DIAGNOSTICS_TOPIC}")
        elif line.refusals() > refused and line.said["last refusal"].startswith("goal"):
            raise UnheardError(f"refused: {line.said['last refusal']}")
        else:
            say(f"the node has the goal ({line.text})")


def send_stop(wait: float, say: Say) -> None:
    """Emergency stop, sent until the node brakes; one that does not drive has it too. UnheardError where none is there."""
    with Participant() as dds:
        line = _Line(dds)
        node = line.node

        def stopped() -> bool:
            node.stop()
            return node.reason == Reason.ESTOP.value

        began = time.monotonic()
        try:
            line.until_heard(node.stops, STOP_TOPIC, wait, stopped)
        except UnheardError as error:
            raise UnheardError(f"NOT STOPPED: {error}; use the robot's own emergency stop") from None
        line.until(lambda: stopped() or (not node.speaks and time.monotonic() - began > SILENT), wait)
        node.stops.flush(1.0)
        if not node.speaks:
            say("the node has the stop; it was not driving")
        elif stopped():
            say(f"stopped; to go on: ashore reset, or true on {RESET_TOPIC}")
        else:
            raise UnheardError(f"NOT STOPPED: the node says {node.reason!r}; use the robot's own emergency stop")


def send_reset(wait: float, say: Say) -> None:
    """Let a node that holds go on from where the robot stands. UnheardError where it does not, with its reason."""
    with Participant() as dds:
        line = _Line(dds)
        node = line.node
        line.until_heard(node.resets, RESET_TOPIC, wait)
        line.until(lambda: node.speaks, SILENT)
        if node.speaks and not node.latched and node.reason in DRIVING:
            say(f"nothing to reset: the node is {node.reason}")
            return
        patience = wait if node.speaks else SILENT
        node.forget()
        node.reset()
        node.resets.flush(1.0)
        if line.until(lambda: node.speaks and not node.latched, patience):
            say(f"reset: the node is {node.reason}")
        elif node.speaks:
            raise UnheardError(f"the node still holds: {node.reason}")
        else:
            say("the node has the reset; it is not driving")


class _Line:
    """What a node says of itself, as it comes, and what it sums up."""

    def __init__(self, dds: Participant) -> None:
        self._dds, self.node = dds, NodeRemote(dds)
        self.diagnostics: list[Any] = []  # DiagnosticStatus of the node
        dds.reader(DIAGNOSTICS_TOPIC, types.DiagnosticArray, self._on_diagnostics)

    @property
    def said(self) -> dict[str, str]:
        """The values of the last diagnostics."""
        return {value.key: value.value for value in self.diagnostics[-1].values} if self.diagnostics else {}

    @property
    def text(self) -> str:
        return str(self.diagnostics[-1].message)

    def refusals(self) -> int:
        return int(self.said.get("refused messages", "0"))

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether that came within so long."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self._dds.spin(REPEAT)
        return True

    def until_heard(
        self, writer: Writer, topic: str, seconds: float, or_else: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait for someone who listens."""
        if not self.until(lambda: writer.heard or or_else(), seconds):
            raise UnheardError(
                f"no node listens on {topic} in ROS domain {domain_id()} after {seconds:g} s; is `ashore deploy` running there?"
            )

    def _on_diagnostics(self, message: Any) -> None:
        self.diagnostics += [status for status in message.status if status.name.startswith(f"{NODE_NAME}:")]

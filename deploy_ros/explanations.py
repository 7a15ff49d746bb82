"""What led to the gate's reason, for whoever reads a node's status: what was refused and why, which signal is missing."""

from __future__ import annotations

from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.gate_memory import GateMemory
from ashore.deploy_ros.interlock import Interlock
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.refusals import Refusals
from ashore.deploy_ros.safety import Command, Gate
from ashore.deploy_ros.states import Output, State

JOINT_STATE = "joint state"  # the kind of refusals, and the source of delays


def holding(output: Output | None, state: State, reset_topic: str) -> str:
    """Why the robot is held after a step that gave `output`, and how to go on; empty where it is not, or is to end so."""
    if output is None or not (output.reason.latches or (output.reason is Reason.NO_COMMAND and state is State.ACTIVE)):
        return ""
    reset = f"; to go on, publish true to {reset_topic}" if output.reason.latches else ""
    return f"holding: {output.status.reason}{reset}"


class Explanation:
    """Remembers it for as long as the reason lasts. Times: s, monotonic."""

    def __init__(self, refusals: Refusals, interlock: Interlock, joint_states: str) -> None:
        """joint_states: their topic."""
        self._refusals, self._interlock, self._topic = refusals, interlock, joint_states
        self._detail = ""
        self._because = ""  # why the first joint state was refused since when they are stale: what follows is of that
        self.failure = ""  # what the policy raised in this step
        self.lost = ""  # the signal that was too old last

    def text(self, reason: Reason) -> str:
        """The reason and what led to it."""
        if reason is Reason.GRIPPER:
            return f"{reason.value}: {self._interlock.failed}"
        if reason is Reason.NO_COMMAND and self._interlock.paused:
            return self._interlock.paused
        text = self.lost if reason is Reason.SIGNAL_STALE else reason.value + self._detail
        gripper = f"; {Reason.GRIPPER.value}: {self._interlock.failed}"
        return text + gripper if self._interlock.failed and reason.latches else text

    def remember(
        self,
        reason: Reason,
        before: GateMemory,
        command: Command | None,
        gate: Gate,
        measured: Measured | None,
        now: float,
    ) -> None:
        """After a step of the gate with the memory `before`, for the command that it was asked for."""
        failure, self.failure = self.failure, ""
        if reason is not before.latched:
            self._detail = self._because = ""
        if self._detail and gate.unfit(measured, now) is Reason.OK:
            return
        if reason is Reason.CLOCK and not self._detail and now > before.time:
            self._detail = f": no step for {now - before.time:.2f} s"
        elif reason is Reason.OUTSIDE and not self._detail and command is not None:
            why = gate.leaves(command)
            self._detail = f": {why}" if why else ""
        elif reason is Reason.COMMAND_NOT_FINITE and not self._detail and failure:
            self._detail = f": the policy failed: {failure}"
        elif reason is Reason.STALE:
            self._because = self._because or self._refusals.why(JOINT_STATE)
            self._detail = self.of_state(reason, measured, now, self._because)
        elif reason is Reason.STATE_NOT_FINITE and not self._detail:
            self._detail = self.of_state(reason, measured, now)

    def of_state(self, unfit: Reason, measured: Measured | None, now: float, first: str = "") -> str:
        """What is behind a joint state that cannot be used: what was refused (`first`) and why, or that none comes."""
        refused = first or self._refusals.why(JOINT_STATE)
        if unfit is not Reason.STALE:
            return f": {refused}" if refused else ""
        age = f" ({now - measured.time:.2f} s old)" if measured is not None else ""
        return f"{age}: {'refused: ' * bool(refused)}{refused or f'none comes on {self._topic}'}"

    def of_missing(self, what: str) -> str:
        """Why the last of these messages was refused, in brackets; empty where none was."""
        return f" ({what}: {why})" if (why := self._refusals.why(what)) else ""

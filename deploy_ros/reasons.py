"""Why a command is what it is, in words for whoever stands beside the robot."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Why the command is what it is. The value says it to a human."""

    OK = "following the policy"
    LIMITED = "following the policy, within the joint limits"
    NO_COMMAND = "no command: braking, then holding"
    ESTOP = "stopped on request"
    STALE = "the joint state is stale"
    SIGNAL_STALE = "a signal is stale"
    STATE_LENGTH = "the joint state has the wrong length"
    STATE_NOT_FINITE = "the joint state has a value that is not finite"
    COMMAND_LENGTH = "the policy's command has the wrong length"
    COMMAND_NOT_FINITE = "the policy's command has a value that is not finite"
    STALLED = (
        "commands are sent, and the robot does not move: its controller rejects them (does controllers.yaml set "
        "allow_nonzero_velocity_at_trajectory_end: true?) or is not active, or the robot is blocked"
    )
    REJECTED = (
        "commands are sent, and the controller stands still: it rejects them (does controllers.yaml set "
        "allow_nonzero_velocity_at_trajectory_end: true?)"
    )
    BLOCKED = "the controller follows its commands, and the robot does not move: it is blocked, or its drives are off"
    TRACKING = "the robot does not keep up with its targets: it is blocked, or its controller slows it down"
    GRIPPER = "the gripper does not do what it was told"
    OUTSIDE = "the tool would leave its workspace"
    CLOCK = "the clock went backwards or jumped"
    BRAKING = "still braking"

    @property
    def drives(self) -> bool:
        """Whether the policy's command goes out."""
        return self in (Reason.OK, Reason.LIMITED)

    @property
    def stands_still(self) -> bool:
        """Whether it says that the robot does not move."""
        return self in (Reason.STALLED, Reason.REJECTED, Reason.BLOCKED)

    @property
    def latches(self) -> bool:
        """Whether the gate stays shut from here on, until it is reset."""
        return not self.drives and self not in (Reason.NO_COMMAND, Reason.BRAKING)

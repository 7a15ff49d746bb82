"""The joint state that a node acts on: the last one that it could use, and what it may not be driven from."""

from __future__ import annotations

from collections.abc import Sequence

from ashore.configs.contract import JointSpec
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.joint_states import JointStates, implausible
from ashore.deploy_ros.messages import MessageError


class Feedback:
    """Of these joints; of none for a node that is not configured. Times: s, monotonic, of receipt."""

    def __init__(
        self, joints: Sequence[JointSpec] = (), needs_velocity: bool = False, filter_time: float | None = None
    ) -> None:
        """As `JointStates`."""
        self._joints, self._states = joints, JointStates(joints, needs_velocity, filter_time)
        self.measured: Measured | None = None
        self._not_finite: Measured | None = None  # kept until a step has seen it
        self._stamp = 0.0  # s, of the header of the last one

    def require_newer(self, stamp: float, *, driven: bool) -> None:
        """MessageError where this stamp (s, 0 for none) is that of the state before: that is one again, and not fresh.

        driven: whether the robot moves by our commands; else its clock may have been set back.
        """
        if stamp and (stamp == self._stamp or (driven and stamp < self._stamp)):
            raise MessageError(f"its stamp {stamp:.3f} s is not after {self._stamp:.3f} s")

    def take(
        self,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        now: float,
        stamp: float,
        *,
        running: bool,
    ) -> Measured:
        """Take a JointState, see `JointStates.read`. MessageError where it cannot be used; the next step sees all the same
        that one came which is not finite."""
        measured = self._states.read(names, position, velocity, now, stamp, running=running)
        self._stamp, self.measured = stamp, measured
        if why := self._states.not_finite(measured):
            self._not_finite = measured
            raise MessageError(why)
        return measured

    def next(self) -> Measured | None:
        """What a step goes by: a state that was not finite, were it one of several since the step before, or the last."""
        seen, self._not_finite = self._not_finite or self.measured, None
        return seen

    def begin(self) -> None:
        """The policy starts from `measured`; what came before is over."""
        self._not_finite = None

    def implausible(self) -> str:
        """Why the last state is none to start from; empty where it is."""
        return "no joint state" if self.measured is None else implausible(self._joints, self.measured)

    @property
    def elsewhere(self) -> Measured | None:
        """The last joint state, where it was refused for a jump alone."""
        return self._states.elsewhere

    def go_on_elsewhere(self) -> None:
        """The robot is where it jumped to."""
        self._states.go_on_elsewhere()

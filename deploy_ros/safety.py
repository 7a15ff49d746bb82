"""The gate: the last word before a command is published. Pure: what it knows of the past is the memory it is handed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ashore.configs.contract import Interface
from ashore.configs.laws.limits import JointLimits, limit_target, within_positions
from ashore.deploy_ros.boundary import Boundary
from ashore.deploy_ros.following import LOOK_AHEAD, Evidence, Following, Measured
from ashore.deploy_ros.gate_memory import GateMemory
from ashore.deploy_ros.reasons import Reason

# A policy's graph keeps the same limits, but its targets and memory are float32: what differs by so many roundings of a
# target's size is no offence. It is not sent as it is, for at 1 kHz roundings alone are 0.2 rad/s^2: see `Gate._limited`.
ROUNDINGS = 8
TRACKING_LAG = 0.2  # s after which a healthy robot does what it was told: more than latency and servo explain
TRACKING_TIME = 0.5  # s that a joint may be further behind its target than that at full speed
WAITING = 0.98  # of its reach: a target so far ahead waits for the robot, from where its braking curve ends
# s between two steps, or control periods if longer; more is a jump of the clock or a control loop that stood still.
LONGEST_GAP, GAP_PERIODS = 0.5, 2.5


class Command(NamedTuple):
    """A target one control period ahead."""

    position: np.ndarray  # [n] rad
    velocity: np.ndarray  # [n] rad/s
    extra: float = 0.0  # s that a trajectory controller needs beyond the usual look-ahead, to keep the velocity limits


@dataclass(frozen=True)
class Gate:
    """`gate(memory, command, measured, now, stop, reference) -> (memory, safe command, reason)`: one robot, one period.

    What is sent can be reached from what is measured. While the robot follows, targets pass; they wait for a robot that is
    further behind than `following` explains. To stop, targets brake within the limits; where the robot is not going there,
    the stop is where the robot is, once, with the time that a controller which stands elsewhere needs to come back.
    reference: where a trajectory controller says that it stands and how fast it goes, if it does: its setpoint.
    max_age: s, an older joint state is stale; tracking_time: s; forward: targets go to a forward controller, at once.
    boundary: where the tool stays, also while it brakes.
    """

    limits: JointLimits
    dt: float
    max_age: float
    following: Following
    tracking_time: float = TRACKING_TIME
    forward: bool = False
    boundary: Boundary | None = None

    @property
    def longest_gap(self) -> float:
        """s between two steps."""
        return max(LONGEST_GAP, GAP_PERIODS * self.dt)

    @classmethod
    def of(
        cls,
        interface: Interface,
        tracking_lag: float = TRACKING_LAG,
        tracking_time: float = TRACKING_TIME,
        *,
        forward: bool = False,
        boundary: Boundary | None = None,
    ) -> Gate:
        """The gate that an interface asks for."""
        limits = limits_of(interface)
        ages = (s.max_age for s in interface.signals if s.kind == "measurement")  # estimates have their own
        max_age = min(ages, default=5 * interface.control_dt)
        give = np.array([j.give for j in interface.joints])
        arm = 0 if interface.tool is None else len(interface.tool.frames) - 1
        give[:arm] = 0.0  # an arm carries itself; its servos may be soft, and a blocked one is blocked all the same
        give[give < limits.velocity * interface.control_dt] = 0.0  # less than a period's way is as nothing
        following = Following(limits, interface.control_dt, tracking_lag, forward, give)
        return cls(limits, interface.control_dt, max_age, following, tracking_time, forward, boundary)

    def __call__(
        self,
        memory: GateMemory,
        command: Command | None,
        measured: Measured | None,
        now: float,
        stop: bool = False,
        reference: Measured | None = None,
        lost: bool = False,
        refused: bool = False,
    ) -> tuple[GateMemory, Command, Reason]:
        """Let a command through as far as it is safe; without one, or once shut, brake within the limits, then hold.

        lost: a signal that the command depends on, other than the joint state, is too old; refused: a gripper does not do
        what it was told.
        """
        if now - memory.time > self.longest_gap:
            memory = self._arrived(memory)
        fit = measured if self.unfit(measured, now) is Reason.OK else None
        if fit is not None:
            memory = memory._replace(evidence=self.following.watch(memory.evidence, fit, memory.position))
            fit = memory.evidence.seen
        memory = memory._replace(
            off_since=self._off_since(memory, fit, now), controller=self._of_controller(memory, reference, now)
        )
        reason = Reason.ESTOP if stop else memory.latched or self._fault(memory, command, measured, now, lost, refused)
        time = now if math.isfinite(now) else memory.time
        remaining = max(0.0, memory.remaining - min(max(0.0, time - memory.time), self.longest_gap))
        memory = memory._replace(time=time, remaining=remaining)
        if reason is Reason.OK and command is not None and fit is not None:
            safe, limited = self._limited(memory, command, fit)
            reason = Reason.OUTSIDE if self.leaves(safe) else Reason.LIMITED if limited else Reason.OK
        memory = memory._replace(latched=reason if reason.latches else None)
        if reason.drives:
            memory = memory._replace(back=None)
        else:
            memory, safe = self._stopping(memory, reason, fit)
        memory = memory._replace(position=safe.position, velocity=safe.velocity)
        extra, behind = self._extra(memory)
        return memory._replace(catching_up=behind), safe._replace(extra=extra), reason

    def seed(self, measured: Measured, now: float, before: GateMemory | None = None) -> GateMemory:
        """Memory at rest where the robot is; `measured` must be fit (`unfit` says OK).

        before: the memory until now, if any: a controller may still stand where that held it, unless it says where it stands.
        """
        position = np.array(measured.position, dtype=np.float64)
        memory = GateMemory(position, np.zeros_like(position), now, Evidence.begin(measured, position))
        if before is None or before.position.shape != position.shape:
            return memory
        stands = before.position if before.reference is None else before.reference.position
        return memory._replace(remaining=self.following.return_time(stands - position))

    def reset(self, memory: GateMemory, measured: Measured | None, now: float) -> tuple[GateMemory, Reason]:
        """Open the gate again, at rest where the robot is; or the same memory and why it stays shut."""
        reason = Reason.OK if memory.at_rest else Reason.BRAKING
        if reason is Reason.OK:
            reason = self.unfit(measured, now)
        if reason is not Reason.OK or measured is None:
            return memory, reason
        return self.seed(measured, now, memory), Reason.OK

    def unfit(self, measured: Measured | None, now: float) -> Reason:
        """Why this joint state cannot be trusted; OK where it can."""
        if measured is None:
            return Reason.STALE
        if measured.position.shape != self.limits.low.shape or measured.velocity.shape != self.limits.low.shape:
            return Reason.STATE_LENGTH
        if not (np.isfinite(measured.position).all() and np.isfinite(measured.velocity).all()):
            return Reason.STATE_NOT_FINITE
        if not math.isfinite(now) or measured.time > now:
            return Reason.CLOCK
        return Reason.OK if now - measured.time <= self.max_age else Reason.STALE

    def leaves(self, target: Command) -> str:
        """Where the tool would be outside of its boundary, from this target until it has braked; empty where nowhere."""
        if self.boundary is None:
            return ""
        return self.boundary.outside(target.position, target.velocity, self.limits, self.dt)

    def _fault(
        self,
        memory: GateMemory,
        command: Command | None,
        measured: Measured | None,
        now: float,
        lost: bool,
        refused: bool,
    ) -> Reason:
        if not 0.0 <= now - memory.time <= self.longest_gap:
            return Reason.CLOCK
        if (unfit := self.unfit(measured, now)) is not Reason.OK:
            return unfit
        if (standing := self._standing(memory)) is not Reason.OK:
            return standing
        if memory.off_since is not None and now - memory.off_since >= self.tracking_time:
            return Reason.TRACKING
        if lost:
            return Reason.SIGNAL_STALE
        if refused:
            return Reason.GRIPPER
        if command is None:
            return Reason.NO_COMMAND
        if command.position.shape != memory.position.shape or command.velocity.shape != memory.position.shape:
            return Reason.COMMAND_LENGTH
        if not (np.isfinite(command.position).all() and np.isfinite(command.velocity).all()):
            return Reason.COMMAND_NOT_FINITE
        return Reason.OK

    def _arrived(self, memory: GateMemory) -> GateMemory:
        """Where the robot's controller stands after a time without commands: where the last one led, at rest. Braking from
        the velocity of that time would set the robot in motion again."""
        position = memory.position
        if not self.forward:
            position = within_positions(position + memory.velocity * self.dt, self.limits)
        return memory._replace(position=position, velocity=np.zeros_like(position))

    def _off_since(self, memory: GateMemory, fit: Measured | None, now: float) -> float | None:
        """Since when the target waits for some joint; None where it waits for none."""
        if fit is None:
            return memory.off_since
        if not self._waits(memory, fit).any():
            return None
        return now if memory.off_since is None else memory.off_since

    def _stopping(self, memory: GateMemory, reason: Reason, fit: Measured | None) -> tuple[GateMemory, Command]:
        """Brake along the targets; or hold where the robot can stop, once, where it does not follow them.

        A trajectory controller brings all joints there in the time that it is given. A forward controller jumps: there only the
        joints that do not follow are put back, for the others would leap to where they can stop.
        """
        still = Command(memory.position, np.zeros_like(memory.velocity))
        brake = self._limited(memory, still, None)[0]
        if fit is None or not memory.evidence.smooth:
            return memory, brake
        already = np.zeros(brake.position.shape, bool) if memory.back is None else memory.back
        back = self.following.astray(memory.position, memory.velocity, memory.evidence)
        if reason.stands_still:
            back |= self.following.stalled(memory.evidence, memory.position) | (memory.evidence.idle > 0.0)
        if reason is Reason.TRACKING:
            back |= self._waits(memory, fit)
        if back.any() and not self.forward:
            back = np.ones_like(back)
        back &= ~already
        if not back.any():
            return memory, brake
        stop = self.following.stop(fit)
        distance = np.where(back, memory.position - stop, 0.0)
        remaining = max(memory.remaining, self.following.return_time(distance, fit.velocity))
        position, velocity = np.where(back, stop, brake.position), np.where(back, 0.0, brake.velocity)
        return memory._replace(remaining=remaining, back=already | back), Command(position, velocity)

    def _waits(self, memory: GateMemory, fit: Measured) -> np.ndarray:
        """Mask [n] of joints whose target waits for the robot, or for which the robot has stopped short."""
        far = np.abs(memory.position - fit.position) > WAITING * self.following.reach
        return np.asarray(far | self.following.presses(memory.position, memory.velocity, fit, memory.time))

    def _of_controller(self, memory: GateMemory, reference: Measured | None, now: float) -> Evidence | None:
        """What is remembered of the controller's own motion; None where it does not say where it stands."""
        if reference is None or not 0.0 <= now - reference.time <= self.following.lag:
            return None
        if memory.controller is None:
            return Evidence.begin(reference, memory.position)
        return self.following.watch(memory.controller, reference, memory.position)

    def _standing(self, memory: GateMemory) -> Reason:
        """Whether the robot or its controller stands still though its target goes on, and why; OK where neither does."""
        stalled = self.following.stalled(memory.evidence, memory.position)
        if memory.controller is None:
            return Reason.STALLED if stalled.any() else Reason.OK
        robot = memory.evidence.seen.position
        follows = np.abs(memory.controller.seen.position - robot) > np.abs(memory.position - robot) / 2
        rejects = self.following.rejects(memory.controller, memory.position) | (stalled & ~follows)
        return Reason.REJECTED if rejects.any() else Reason.BLOCKED if stalled.any() else Reason.OK

    def _extra(self, memory: GateMemory) -> tuple[float, bool]:
        """s beyond the look-ahead without which a trajectory controller would exceed the velocity limits to get there.

        And whether it says that it is so far from there.
        """
        ahead = within_positions(memory.position + memory.velocity * self.dt, self.limits)
        needed = max(self.following.travel_time(ahead, memory.velocity, memory.evidence, memory.time), memory.remaining)
        behind = 0.0
        if (reference := memory.reference) is not None:
            behind = self.following.cubic_time(ahead, memory.velocity, reference, memory.time, memory.catching_up)
        usual = LOOK_AHEAD * self.dt
        return max(0.0, max(needed, behind) - usual), behind > usual

    def _limited(self, memory: GateMemory, wanted: Command, fit: Measured | None) -> tuple[Command, bool]:
        """The command within the limits and the robot's reach, and whether that changed it by more than rounding.

        What is sent is the law's own answer, in float64, from what was sent before: it keeps the limits to the last digits.
        """
        low, high, v_max, _ = self.limits
        desired = np.clip(wanted.position, low, high).astype(np.float64)  # a huge value must not overflow the law
        rounding = ROUNDINGS * np.spacing((np.abs(desired) + v_max * self.dt).astype(np.float32)).astype(np.float64)
        # Where both say the same but for rounding, the velocity says it in finer steps than the position.
        led = memory.position + wanted.velocity.clip(-v_max, v_max).astype(np.float64) * self.dt
        desired = np.where(np.abs(led - wanted.position) <= rounding, led, desired)
        if fit is not None:
            desired = self.following.wait(desired, memory.position, memory.evidence, memory.time, memory.reference)
        position, velocity = limit_target(desired, memory.position, memory.velocity, self.limits, self.dt)
        # The law never leaves the limits but by rounding.
        position = position.clip(np.minimum(low, memory.position), np.maximum(high, memory.position))
        same = (
            (np.abs(wanted.position - position) <= rounding)
            & (np.abs(wanted.velocity - velocity) <= rounding / self.dt)
            # A joint that a load has pushed beyond a limit starts there, and nothing is wrong with a target that stays.
            & (wanted.position >= np.minimum(low, memory.position - rounding))
            & (wanted.position <= np.maximum(high, memory.position + rounding))
        )
        return Command(np.asarray(position), np.asarray(velocity)), not same.all()


def limits_of(interface: Interface) -> JointLimits:
    """An interface's joint limits, [n] float64 each."""
    names = ("low", "high", "velocity", "acceleration")
    return JointLimits(*(np.array([getattr(j, name) for j in interface.joints]) for name in names))

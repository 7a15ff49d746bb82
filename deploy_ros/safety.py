"""The gate: the last word before a command is published. Pure: what it knows of the past is the memory it is handed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from ashore.configs.contract import Interface
from ashore.configs.laws.limits import JointLimits, limit_target

# A policy's graph keeps the same limits, but its targets and memory are float32: what differs by less is no offence.
ROUNDING = 1e-6  # rad
TRACKING_LAG = 0.2  # s at full speed that a joint may be behind its target: more than latency and servo explain
TRACKING_TIME = 0.5  # s that it may be further behind
LONGEST_GAP = 0.5  # s between two steps; more is a jump of the clock or a control loop that stood still


class Reason(Enum):
    """Why the command is what it is. The value says it to a human."""

    OK = "following the policy"
    LIMITED = "following the policy, within the joint limits"
    NO_COMMAND = "no command: braking, then holding"
    ESTOP = "stopped on request"
    STALE = "the joint state is stale"
    STATE_LENGTH = "the joint state has the wrong length"
    STATE_NOT_FINITE = "the joint state has a value that is not finite"
    COMMAND_LENGTH = "the policy's command has the wrong length"
    COMMAND_NOT_FINITE = "the policy's command has a value that is not finite"
    TRACKING = (
        "the robot does not follow its targets: it is blocked, or its controller rejects them (see controllers.yaml)"
    )
    CLOCK = "the clock went backwards or jumped"
    BRAKING = "still braking"

    @property
    def latches(self) -> bool:
        """Whether the gate stays shut from here on, until it is reset."""
        return self not in (Reason.OK, Reason.LIMITED, Reason.NO_COMMAND, Reason.BRAKING)


class Measured(NamedTuple):
    """What the robot says of its joints."""

    position: np.ndarray  # [n] rad
    velocity: np.ndarray  # [n] rad/s
    time: float  # s, monotonic, when it was received


class Command(NamedTuple):
    """A target one control period ahead."""

    position: np.ndarray  # [n] rad
    velocity: np.ndarray  # [n] rad/s


class GateMemory(NamedTuple):
    """The last command let through, and what the gate remembers."""

    position: np.ndarray  # [n] rad
    velocity: np.ndarray  # [n] rad/s
    time: float  # s, monotonic, of the last step
    off_since: float | None = None  # s, monotonic, since when some joint is too far behind
    latched: Reason | None = None

    @property
    def at_rest(self) -> bool:
        return not self.velocity.any()


@dataclass(frozen=True)
class Gate:
    """`gate(memory, command, measured, now) -> (memory, safe command, reason)`, for one robot and one control period.

    limits: [n] float64 each; dt: s; max_age: s, an older joint state is stale; tracking_error: [n] rad.
    """

    limits: JointLimits
    dt: float
    max_age: float
    tracking_error: np.ndarray
    tracking_time: float = TRACKING_TIME

    @classmethod
    def of(cls, interface: Interface, tracking_lag: float = TRACKING_LAG, tracking_time: float = TRACKING_TIME) -> Gate:
        """The gate that an interface asks for."""
        names = ("low", "high", "velocity", "acceleration")
        limits = JointLimits(*(np.array([getattr(j, name) for j in interface.joints]) for name in names))
        max_age = min((s.max_age for s in interface.signals if s.kind != "command"), default=5 * interface.control_dt)
        return cls(limits, interface.control_dt, max_age, tracking_lag * limits.velocity, tracking_time)

    def __call__(
        self, memory: GateMemory, command: Command | None, measured: Measured | None, now: float, stop: bool = False
    ) -> tuple[GateMemory, Command, Reason]:
        """Let a command through as far as it is safe; without one, or once shut, brake within the limits, then hold."""
        off_since = self._off_since(memory, measured, now)
        reason = Reason.ESTOP if stop else memory.latched or self._fault(memory, command, measured, now, off_since)
        following = reason is Reason.OK and command is not None
        wanted = (
            command if following and command is not None else Command(memory.position, np.zeros_like(memory.velocity))
        )
        safe, limited = self._limited(memory, wanted)
        if following and limited:
            reason = Reason.LIMITED
        time = now if math.isfinite(now) else memory.time
        latched = reason if reason.latches else None
        return GateMemory(safe.position, safe.velocity, time, off_since, latched), safe, reason

    def seed(self, measured: Measured, now: float) -> GateMemory:
        """Memory at rest where the robot is; `measured` must be fit (`unfit` says OK)."""
        position = np.array(measured.position, dtype=np.float64)
        return GateMemory(position, np.zeros_like(position), now)

    def reset(self, memory: GateMemory, measured: Measured | None, now: float) -> tuple[GateMemory, Reason]:
        """Open the gate again, at rest where the robot is; or the same memory and why it stays shut."""
        reason = Reason.OK if memory.at_rest else Reason.BRAKING
        if reason is Reason.OK:
            reason = self.unfit(measured, now)
        if reason is not Reason.OK or measured is None:
            return memory, reason
        return self.seed(measured, now), Reason.OK

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

    def _fault(
        self,
        memory: GateMemory,
        command: Command | None,
        measured: Measured | None,
        now: float,
        off_since: float | None,
    ) -> Reason:
        if not 0.0 <= now - memory.time <= LONGEST_GAP:
            return Reason.CLOCK
        if (unfit := self.unfit(measured, now)) is not Reason.OK:
            return unfit
        if off_since is not None and now - off_since >= self.tracking_time:
            return Reason.TRACKING
        if command is None:
            return Reason.NO_COMMAND
        if command.position.shape != memory.position.shape or command.velocity.shape != memory.position.shape:
            return Reason.COMMAND_LENGTH
        if not (np.isfinite(command.position).all() and np.isfinite(command.velocity).all()):
            return Reason.COMMAND_NOT_FINITE
        return Reason.OK

    def _off_since(self, memory: GateMemory, measured: Measured | None, now: float) -> float | None:
        """Since when some joint is further from the command before than it may be; None where none is."""
        if measured is None or measured.position.shape != memory.position.shape:
            return memory.off_since
        if not (np.abs(memory.position - measured.position) > self.tracking_error).any():
            return None
        return now if memory.off_since is None else memory.off_since

    def _limited(self, memory: GateMemory, wanted: Command) -> tuple[Command, bool]:
        """The command within the limits, and whether that changed it by more than rounding."""
        low, high, v_max, _ = self.limits
        desired = np.clip(wanted.position, low, high).astype(np.float64)  # a huge value must not overflow the law
        position, velocity = limit_target(desired, memory.position, memory.velocity, self.limits, self.dt)
        # The law never leaves the limits but by rounding.
        position = position.clip(np.minimum(low, memory.position), np.maximum(high, memory.position))
        same = (
            (np.abs(wanted.position - position) <= ROUNDING)
            & (np.abs(wanted.velocity - velocity) <= ROUNDING / self.dt)
            & (wanted.position >= low)
            & (wanted.position <= high)
        )
        safe_position = np.where(same, wanted.position, position).astype(np.float64)
        safe_velocity = np.where(same, wanted.velocity.clip(-v_max, v_max), velocity).astype(np.float64)
        return Command(safe_position, safe_velocity), not same.all()

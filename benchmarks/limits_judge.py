"""Whether what a node sends keeps the limits, judged from its outputs alone: nothing of the gate is called here."""

from __future__ import annotations

import numpy as np

from ashore.configs.contract import Interface
from ashore.deploy_ros.messages import Trajectory
from ashore.deploy_ros.safety import limits_of
from ashore.deploy_ros.states import Output, State

ROUNDING = 1e-9  # of a limit, and rad: of float64, after a few operations
LONGEST = 60.0  # s that a point may take: a robot crosses its range and back in less
GAP = 0.5  # s, or 2.5 control periods: after so long without a command the robot stands where the last one led


class LimitsJudge:
    """Compares each output with the one before. An output goes on from there: by its velocity, which changes no faster than
    the acceleration limit; or it is aimed anew, at rest and with the time to get there within the velocity limit. That is
    allowed where the node stops, or begins at where the robot stands."""

    def __init__(self, interface: Interface) -> None:
        self._interface, self._limits, self._dt = interface, limits_of(interface), interface.control_dt
        joints = interface.joints
        self._slack = np.array([0.01 * (j.high - j.low) + j.give for j in joints])  # rad beyond a limit, to begin from
        self._position: np.ndarray | None = None  # of the last output, [n] rad
        self._velocity = np.zeros(len(joints))
        self._time = 0.0
        self._begins = False

    def begin(self) -> None:
        """The node was activated or reset: its next command begins where it believes the robot to be."""
        self._begins = True

    def look(self, output: Output, sent: Trajectory, now: float, stands: tuple[np.ndarray, np.ndarray]) -> str:
        """Which limit the output, computed at `now` and sent as a trajectory, is outside of; empty where none.

        stands: the trajectory controller's setpoint at that time, [n] rad and rad/s.
        """
        p, v, (low, high, v_max, a_max) = output.position, output.velocity, self._limits
        shape = (len(self._interface.joints),)
        if p.shape != shape or v.shape != shape or not (np.isfinite(p).all() and np.isfinite(v).all()):
            return "not finite, or of another length"
        before, before_v = self._before(p, v, now)
        begins, self._begins = self._begins, False
        self._position, self._velocity, self._time = p.copy(), v.copy(), now
        if begins:  # a load may hold a joint a little beyond its limit, and there it begins
            before = (p - v * self._dt).clip(low - self._slack, high + self._slack)
        if (p < np.minimum(low, before) - ROUNDING).any() or (p > np.maximum(high, before) + ROUNDING).any():
            return "position"
        if (np.abs(v) > v_max * (1 + ROUNDING)).any():
            return "velocity"
        faster = np.abs(v - before_v) > a_max * self._dt * (1 + ROUNDING) + ROUNDING
        jumps = np.abs(p - before - v * self._dt) > ROUNDING * np.maximum(1.0, np.abs(p))
        if begins or faster.any() or jumps.any():
            stops = output.reason.latches or output.status.state != State.ACTIVE.value
            if not begins and faster.any() and not (stops and jumps.any()):
                return "acceleration"
            if jumps.any() and (begins or not stops):
                return "a jump"
            if (np.abs(v) > a_max * self._dt * (1 + ROUNDING)).any():
                return "acceleration of what is aimed anew"
            time, begun = 2 * self._dt + output.command.extra, p - v * self._dt
            if (
                _fastest(*stands, begun, np.zeros_like(v), time) > np.maximum(v_max, np.abs(stands[1])) * (1 + 1e-6)
            ).any():
                return "time to get where it is aimed anew"
        return self._of_message(sent, before)

    def _before(self, p: np.ndarray, v: np.ndarray, now: float) -> tuple[np.ndarray, np.ndarray]:
        """Where the last output has led by now, [n] rad and rad/s."""
        if self._position is None:
            return p - v * self._dt, np.zeros_like(v)
        if now - self._time > max(GAP, 2.5 * self._dt):
            return self._ahead(self._position), np.zeros_like(v)
        return self._position, self._velocity

    def _ahead(self, position: np.ndarray) -> np.ndarray:
        low, high, *_ = self._limits
        ahead = position + self._velocity * self._dt
        return ahead.clip(np.minimum(low, position), np.maximum(high, position))

    def _of_message(self, sent: Trajectory, before: np.ndarray) -> str:
        """The same of the trajectory point that is sent for it."""
        low, high, v_max, _ = self._limits
        (point,) = sent.points
        q, v = np.array(point.position), np.array(point.velocity)
        inside = (q >= np.minimum(low, before) - ROUNDING) & (q <= np.maximum(high, before) + ROUNDING)
        slow = np.abs(v) <= v_max * (1 + ROUNDING)
        return "" if inside.all() and slow.all() and 0.0 < point.time < LONGEST else "the message"


def _fastest(p0: np.ndarray, v0: np.ndarray, p1: np.ndarray, v1: np.ndarray, time: float) -> np.ndarray:
    """How fast a trajectory controller goes on its cubic from p0, v0 to p1, v1 in `time` s, [n] rad/s."""
    s = np.linspace(0.0, 1.0, 41)[:, None]
    speeds = 6 * (p1 - p0) / time * s * (1 - s) + v0 * (1 - s) * (1 - 3 * s) + v1 * s * (3 * s - 2)
    return np.asarray(np.abs(speeds).max(0))

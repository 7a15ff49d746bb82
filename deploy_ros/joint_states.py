"""What a driver says of the joints, message by message: by name, unwrapped, with velocities, no further than they can go."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from ashore.configs.contract import JointSpec
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.messages import MessageError, numbers

STANDING = 0.1  # of its velocity limit: slower, a joint counts as standing still
OUTSIDE = 0.01  # of its range: further beyond a limit, a joint's position is not plausible
SHORTEST = 1e-3  # s between joint states: a shorter time gives no velocity
TURN = 2 * np.pi  # rad
# A joint that goes further than this many times its velocity limit, in the time between two states and what they may come
# early or late, did not move. A robot that catches up or is pushed is faster than its limit, but not by so much.
FASTEST, UNEVEN = 5.0, 0.02  # s
# As many jumps in so many seconds are no glitch of an encoder, which jumps there and back: somebody else sends, too.
JUMPS, CONTRADICTING = 3, 1.0  # s


class JointStates:
    """Picks a policy's joints out of JointState messages, by name, and keeps what the next message is compared with."""

    def __init__(self, joints: Sequence[JointSpec], needs_velocity: bool, filter_time: float | None = None) -> None:
        """filter_time: s, of velocities that are differences of positions, whatever is sent; None: those that are sent."""
        self.names = tuple(j.name for j in joints)
        self.needs_velocity = needs_velocity
        self._filter_time = filter_time
        self._fastest = np.array([FASTEST * j.velocity for j in joints])  # [n] rad/s
        self._turns = np.array(
            [TURN if j.continuous else np.inf for j in joints]
        )  # [n] rad after which all is as before
        self._home = np.array([j.home for j in joints])
        self._seen: tuple[str, ...] | None = None
        self._index = np.zeros(0, dtype=np.intp)
        self._before: Measured | None = None  # the last one that was taken
        self._stamp = 0.0  # s, of the header of that one
        self._elsewhere: tuple[Measured, float] | None = None
        self._gap: float | None = None  # s from the last state that was taken to the first one elsewhere
        self._received: tuple[np.ndarray, float, float] | None = None  # position, stamp, time of the last one at all
        self._jumps: deque[float] = deque(maxlen=JUMPS)  # s, when

    def read(
        self,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        now: float,
        stamp: float = 0.0,
        *,
        running: bool = False,
        near: np.ndarray | None = None,
    ) -> Measured:
        """Position and velocity in the policy's order; MessageError where they cannot be used. stamp: s, 0 for none.

        running: whether the node sends commands. Then, a joint must be where it can have got to from where it was last seen;
        see also `elsewhere`. A continuous joint, which drivers report within one turn, is in the turn that is nearest to that,
        before in the one nearest to home; or to `near`, [n] rad. Velocity is the message's wherever it has one, for a robot
        that moves must be seen to move. Where it has none, and the policy needs none, it is how far the joints went since the
        message before.
        """
        if (seen := tuple(names)) != self._seen:
            self._index = self._resolve(seen)
            self._seen = seen
        if len(position) != len(seen):
            raise MessageError(f"{len(position)} positions for {len(seen)} names")
        q = self._unwrapped(numbers("position", position)[self._index], running, near)
        self._elsewhere = None
        self._require_agreement(q, stamp, now)
        v = self._velocity(q, velocity, stamp, now)
        measured = Measured(q, np.zeros_like(q) if v is None else v, now)
        finite = bool(np.isfinite(q).all() and np.isfinite(measured.velocity).all())
        if finite and running and (last := self._before) is not None:
            # A joint that jumped and stays there is no nearer for the time that passes.
            elapsed = _span(stamp, self._stamp, now, last.time) if self._gap is None else self._gap
            if why := self._jump(q, last.position, elapsed):
                self._elsewhere, self._gap = (measured, stamp), elapsed
                raise MessageError(why)
        if finite:
            self._before, self._stamp, self._gap = measured, stamp, None
        if v is None:
            raise MessageError("the first one has no velocities; how fast the joints are, the next one tells")
        return measured

    def not_finite(self, measured: Measured) -> str:
        """Which joint of this state has a value that is not finite."""
        for name, q, v in zip(self.names, measured.position.tolist(), measured.velocity.tolist(), strict=True):
            for what, value in (("position", q), ("velocity", v)):
                if not np.isfinite(value):
                    return f"the {what} of {name} is {value}"
        return ""

    def _unwrapped(self, position: np.ndarray, running: bool, near: np.ndarray | None) -> np.ndarray:
        """The positions [n] rad of continuous joints in the turn that is nearest to the last one, or to home."""
        if near is None:
            near = self._before.position if running and self._before is not None else self._home
        with np.errstate(invalid="ignore"):
            away = np.where(np.isfinite(self._turns), np.round((position - near) / self._turns) * TURN, 0.0)
        return np.asarray(position - np.where(np.isfinite(away), away, 0.0))

    @property
    def elsewhere(self) -> Measured | None:
        """The last joint state, where it was refused for where it is alone: a reset may go on from there."""
        return None if self._elsewhere is None else self._elsewhere[0]

    def go_on_elsewhere(self) -> None:
        """Compare with `elsewhere` from now on."""
        if self._elsewhere is not None:
            self._before, self._stamp, self._gap = *self._elsewhere, None

    def _require_agreement(self, position: np.ndarray, stamp: float, now: float) -> None:
        """MessageError where the message does not continue the one before, or several robots seem to speak."""
        if not np.isfinite(position).all():
            return
        before, self._received = self._received, (position, stamp, now)
        why = "" if before is None else self._jump(position, before[0], _span(stamp, before[1], now, before[2]))
        if why:
            self._jumps.append(now)
        if len(self._jumps) == JUMPS and now - self._jumps[0] <= CONTRADICTING:
            raise MessageError(why or "they contradict each other: is there a second publisher?")
        if why:
            raise MessageError(why)

    def _jump(self, position: np.ndarray, before: np.ndarray, elapsed: float) -> str:
        """Which joint went further than it can in `elapsed` s, and what that may be; empty where none did."""
        way = position - before
        turned = np.where(np.isfinite(self._turns), np.abs(way - np.round(way / TURN) * TURN), np.abs(way))
        far = turned > self._fastest * (elapsed + UNEVEN)
        if not far.any():
            return ""
        k = int(np.argmax(far))
        turns = abs(float(way[k])) / TURN
        whole = round(turns) >= 1 and abs(turns - round(turns)) < 0.05
        cause = "does its encoder wrap, or was its driver started anew?" if whole else "is there a second publisher?"
        return f"{self.names[k]} jumped by {way[k]:+.3f} in {elapsed:.3f} s, further than it can move: {cause}"

    def _velocity(self, position: np.ndarray, sent: Sequence[float], stamp: float, now: float) -> np.ndarray | None:
        """[n] rad/s; None where only the next message will tell."""
        seen, derived = len(self._seen or ()), self._filter_time is not None
        if len(sent) == seen and not derived:
            return numbers("velocity", sent)[self._index]
        if not derived and len(sent):
            raise MessageError(f"{len(sent)} velocities for {seen} names")
        if not derived and self.needs_velocity:
            raise MessageError("they come without velocities, which the policy needs; to derive them: derive_velocity")
        if self._before is None:
            return None
        elapsed = _span(stamp, self._stamp, now, self._before.time)
        if elapsed < SHORTEST:  # messages that come in a burst count as one
            return self._before.velocity
        difference = (position - self._before.position) / elapsed
        # A first-order low pass, exact for a difference that is constant over `elapsed`.
        share = -math.expm1(-elapsed / self._filter_time) if self._filter_time else 1.0
        return np.asarray(self._before.velocity + share * (difference - self._before.velocity))

    def _resolve(self, names: tuple[str, ...]) -> np.ndarray:
        missing = [name for name in self.names if name not in names]
        if missing:
            raise MessageError(f"no joint {missing}; the message has {list(names)}")
        twice = [name for name in self.names if names.count(name) > 1]
        if twice:
            raise MessageError(f"joint {twice} is there more than once")
        return np.array([names.index(name) for name in self.names], dtype=np.intp)


def _span(stamp: float, stamp_before: float, now: float, before: float) -> float:
    """s between two states: by their stamps, where both have one, for messages arrive unevenly."""
    by_stamp = stamp - stamp_before if stamp and stamp_before else 0.0
    return by_stamp if by_stamp > 0.0 else max(0.0, now - before)


def implausible(joints: Sequence[JointSpec], measured: Measured) -> str:
    """Why this joint state is none to start from; empty where it is."""
    for joint, q, v in zip(joints, measured.position.tolist(), measured.velocity.tolist(), strict=True):
        slack = OUTSIDE * (joint.high - joint.low) + joint.give
        if not joint.low - slack <= q <= joint.high + slack:
            return f"{joint.name} is at {q:.3f}, outside its limits [{joint.low:.3f}, {joint.high:.3f}]"
        if abs(v) > STANDING * joint.velocity:
            return f"{joint.name} is moving at {v:.3f} per s; it must stand still"
    return ""

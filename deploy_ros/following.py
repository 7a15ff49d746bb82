"""Whether a robot follows its targets, how far they may run ahead of it, and where it can stop: pure functions.

One assumption carries all of it: what a healthy robot does now, it was told at most `lag` seconds ago (transport, controller,
servo and encoder together).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ashore.configs.laws.limits import JointLimits, within_positions

LOOK_AHEAD = 2  # control periods from sending a trajectory point to its time
# Of the lag: after so long, though its target goes on, a joint that stands still does not follow; before the robot was ever
# seen to follow, and after.
FIRST_IDLE, IDLE = 0.7, 1.0
STANDING = 0.1  # of the velocity limit: slower, a joint has nothing to brake
CREEP = 0.001  # of the velocity limit: a target that waits is never quite at rest, for a point at rest is one to go to
STILL = 1 / 16  # of the least distance: what encoder noise and backlash make of a joint that stands still
# Of the least distance: a target that has gone less, from where a robot that follows last moved, asks for no motion that could
# be missed. At the end of a motion joint and target creep so far for long, and the next motion must not inherit that time.
TOLD = 1 / 4
DELIVERY = 1.0  # control periods until a controller goes on from a point that was sent, and says so
# Of distance over velocity limit, the least duration of a cubic that keeps the velocity limit: from rest to rest 6/4, and
# 2.25 where it begins at the velocity limit in the wrong direction.
REST_TO_REST, TURNING = 1.5, 2.25


class Measured(NamedTuple):
    """What the robot says of its joints."""

    position: np.ndarray  # [n] rad
    velocity: np.ndarray  # [n] rad/s
    time: float  # s, monotonic, when it was received


class Evidence(NamedTuple):
    """What is remembered of the robot's motion."""

    seen: Measured  # the last joint state that was fit
    smooth: bool  # it continued the one before, as a motion does and a glitch does not
    robot: np.ndarray  # [n] rad, where each joint was when it last moved
    target: np.ndarray  # [n] rad, where its target was then
    idle: np.ndarray  # [n] s that it has stood still since, while its target went on
    proven: bool  # the robot has followed at all

    @classmethod
    def begin(cls, measured: Measured, target: np.ndarray) -> Evidence:
        return cls(measured, True, measured.position, target, np.zeros_like(target), False)


@dataclass(frozen=True)
class Following:
    """The laws of one robot. limits: [n] float64 each; dt, lag: s; forward: its controller takes no trajectories.

    give: [n] rad, how far the load on a joint holds it off its target. A leg that stands or a gripper that holds is told to go
    further than it can, for that is its force: this much of a distance says nothing of whether it follows.
    """

    limits: JointLimits
    dt: float
    lag: float
    forward: bool = False
    give: np.ndarray | float = 0.0

    @cached_property
    def reach(self) -> np.ndarray:
        """How far a target may be ahead of the measured position, [n] rad: the way of a point's whole time and the lag, and
        what the load takes."""
        return np.asarray((self.lag + LOOK_AHEAD * self.dt) * self.limits.velocity + self.give)

    @cached_property
    def first_reach(self) -> np.ndarray:
        """The same before the robot was seen to follow: what a trajectory controller covers from rest in a look-ahead; for a
        forward controller, which goes there at once, half of the way of a control period."""
        if self.forward:
            return np.asarray(self.limits.velocity * self.dt / 2 + self.give)
        return np.maximum(0.98 * self.covered - self.limits.acceleration * self.dt**2, self.covered / 2) + self.give

    @cached_property
    def covered(self) -> np.ndarray:
        """What a trajectory controller covers from rest in a look-ahead, [n] rad."""
        return LOOK_AHEAD * self.dt * self.limits.velocity / REST_TO_REST

    @cached_property
    def least(self) -> np.ndarray:
        """A distance that no healthy robot leaves uncovered, [n] rad: half of what the limits allow from rest in a lag."""
        velocity, acceleration = self.limits.velocity, self.limits.acceleration
        return np.minimum(acceleration * self.lag / 2, velocity) * (self.lag / 2)

    def watch(self, evidence: Evidence, measured: Measured, target: np.ndarray) -> Evidence:
        """Take in a fit joint state; `target` [n] rad is the last one sent. Time counts only as far as states arrive."""
        elapsed = measured.time - evidence.seen.time
        if elapsed <= 0.0:
            return evidence
        jump = np.abs(measured.position - evidence.seen.position)
        smooth = bool((jump <= REST_TO_REST * self.limits.velocity * elapsed + self.least).all())
        moved = np.abs(measured.position - evidence.robot) > STILL * self.least
        gone = np.abs(target - evidence.target)
        told = gone > STILL * self.least
        waits = gone > (TOLD if evidence.proven else STILL) * self.least
        return Evidence(
            measured,
            smooth,
            np.where(moved, measured.position, evidence.robot),
            np.where(moved, target, evidence.target),
            np.where(moved | ~waits, 0.0, evidence.idle + min(elapsed, 2 * self.dt)),
            evidence.proven or bool((moved & told).any()),
        )

    def stalled(self, evidence: Evidence, target: np.ndarray, far: np.ndarray | None = None) -> np.ndarray:
        """Mask [n] of joints that stand still though their target has gone on for longer than latency explains.

        far: [n] rad, how far it must have gone.
        """
        if far is None:
            far = self.least + self.give
            far = far if evidence.proven else np.minimum(far, 0.9 * self.first_reach)
        gone = np.abs(target - evidence.target) >= far
        long = (IDLE if evidence.proven else FIRST_IDLE) * self.lag
        return np.asarray(gone & (evidence.idle >= long - self.dt / 100))

    def presses(self, target: np.ndarray, velocity: np.ndarray, seen: Measured, now: float) -> np.ndarray:
        """Mask [n] of joints that are further from their target than its motion, theirs and the load explain; [n] rad, rad/s.

        Over a lag L a healthy joint falls behind by at most L times the faster of both, whether they speed up or brake.
        Where it has not been seen for so long, nothing is known.
        """
        if now - seen.time > self.lag:
            return np.zeros(target.shape, bool)
        explained = self.lag * np.maximum(np.abs(velocity), np.abs(seen.velocity)) + self.least + self.give
        return np.asarray(np.abs(target - seen.position) >= explained)

    def rejects(self, controller: Evidence, target: np.ndarray) -> np.ndarray:
        """Mask [n] of joints whose setpoint stands still though their target, which waits for it, has gone on."""
        return self.stalled(controller, target, np.minimum(self.least, self.covered / 2))

    def wait(
        self,
        desired: np.ndarray,
        target: np.ndarray,
        evidence: Evidence,
        now: float = 0.0,
        reference: Measured | None = None,
    ) -> np.ndarray:
        """Hold `desired` back so that the target, [n] rad each, gets no further from the robot than it may.

        Nor further from where a trajectory controller says that it is going (`reference`) than it covers in a look-ahead.
        """
        reach = self.reach if evidence.proven else self.first_reach
        slowest, fastest = self._speeds(target, evidence.seen, (evidence.seen.position,) * 2, reach)
        if reference is not None:
            low, high = self._speeds(target, reference, self._ahead(reference, now, LOOK_AHEAD * self.dt), self.covered)
            slowest, fastest = np.maximum(slowest, low), np.minimum(fastest, high)
        return desired.clip(target + slowest * self.dt, target + fastest * self.dt)

    def _speeds(
        self, target: np.ndarray, seen: Measured, between: tuple[np.ndarray, np.ndarray], reach: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The slowest and the fastest that a target may be, [n] rad/s each, to get no further than `reach` out of `between`.

        The target may be as fast as what it waits for, and faster by what it can lose at the acceleration limit before it is
        out of reach. For a robot that is late by L < lag this forbids nothing: with the target's velocity v over the last L
        seconds, distance plus braking distance are at most v_max L.
        """
        _, _, v_max, a_max = self.limits
        velocity = seen.velocity.clip(-v_max, v_max)
        above, below = ((target - place).clip(-2 * reach, 2 * reach) for place in (between[1], between[0]))

        def faster(room: np.ndarray) -> np.ndarray:
            braking = np.sqrt(2 * a_max * room.clip(min=0.0)) - a_max * self.dt / 2
            return np.maximum(braking, CREEP * v_max)

        return velocity.clip(max=0.0) - faster(reach + below), velocity.clip(min=0.0) + faster(reach - above)

    def stop(self, measured: Measured) -> np.ndarray:
        """Where the robot can stop from where it is, [n] rad within the position limits."""
        velocity = measured.velocity.clip(-self.limits.velocity, self.limits.velocity)
        braking = velocity * np.abs(velocity) / (2 * self.limits.acceleration)
        return np.asarray(within_positions(measured.position.clip(-1e6, 1e6) + braking, self.limits))

    def astray(self, target: np.ndarray, velocity: np.ndarray, evidence: Evidence) -> np.ndarray:
        """Mask [n] of joints whose braking along the targets would end where the robot, as it moves now, is not going."""
        end = target + velocity * np.abs(velocity) / (2 * self.limits.acceleration)
        explained = 2 * self.lag * np.abs(evidence.seen.velocity) + self.least * evidence.proven + self.give
        return np.asarray(np.abs(end - self.stop(evidence.seen)) > explained)

    def return_time(self, distance: np.ndarray, velocity: np.ndarray | None = None) -> float:
        """s for a trajectory controller to come back over a distance [n] rad, in which it may first have to turn.

        velocity: [n] rad/s of the joints; for one that stands still only the controller's setpoint has to come back, and the
        longer that takes, the longer the joint would spring if it were freed.
        """
        distance = np.abs(distance)
        accelerating = np.sqrt(6 * distance / self.limits.acceleration)
        if velocity is not None:
            accelerating = np.where(np.abs(velocity) > STANDING * self.limits.velocity, accelerating, 0.0)
        return float(np.maximum(TURNING * distance / self.limits.velocity, accelerating).max())

    def travel_time(self, point: np.ndarray, velocity: np.ndarray, evidence: Evidence, now: float) -> float:
        """s that a trajectory controller needs to a point, [n] rad with velocity [n] rad/s, to keep the velocity limits.

        To a point at rest it may go from where the robot is. On the way it is up to `lag` ahead of the robot, and what
        acceleration adds.
        """
        v_max = self.limits.velocity
        position = evidence.seen.position.clip(-1e6, 1e6)  # which may be a little outside of the limits
        nearest = point.clip(*self._ahead(evidence.seen, now, self.lag))
        moving = (np.abs(point - nearest) - 2 * self.least * evidence.proven).clip(min=0.0)
        distance = ((moving if velocity.any() else np.abs(point - position)) - self.give).clip(min=0.0)
        return float((REST_TO_REST * distance / v_max).max())

    def cubic_time(
        self, point: np.ndarray, velocity: np.ndarray, reference: Measured, now: float, catching_up: bool
    ) -> float:
        """The same of a controller that says where it stands and how fast it goes (`reference`).

        Half way, a cubic over a distance d in T from velocity u to velocity v goes at 1.5 d / T - (u + v) / 4. What is on its
        way for up to `DELIVERY` is no distance, but for a controller that is catching up.
        """
        v_max = self.limits.velocity
        start = reference.velocity.clip(-v_max, v_max)
        sent = 0.0 if catching_up else DELIVERY * self.dt
        near, far = (reference.position + start * (max(0.0, now - reference.time) + s) for s in (0.0, sent))
        distance = point - point.clip(np.minimum(near, far), np.maximum(near, far))
        along = (start + velocity.clip(-v_max, v_max)) * np.sign(distance)
        return float((REST_TO_REST * np.abs(distance) / (v_max + along / 4)).max())

    def _ahead(self, seen: Measured, now: float, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Between where joints were seen and where they get to in so long from now, [n] rad each: the least, the greatest."""
        position = seen.position.clip(-1e6, 1e6)
        velocity = seen.velocity.clip(-self.limits.velocity, self.limits.velocity)
        ahead = position + velocity * (seconds + max(0.0, now - seen.time))
        return np.minimum(position, ahead), np.maximum(position, ahead)

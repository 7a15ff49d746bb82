"""A stand-in for ros2_control's JointTrajectoryController, as it treats trajectories from its topic."""

from __future__ import annotations

import numpy as np

from ashore.configs.laws.spline import cubic
from ashore.deploy_ros.messages import Trajectory

END_VELOCITY = float(np.finfo(np.float32).eps)  # rad/s: less counts as zero, as upstream


class JointTrajectoryController:
    """Follows the last trajectory it took. Times are seconds of one clock that its owner keeps.

    A new trajectory replaces the running one from the present desired state (`open_loop_control` in Humble and Jazzy,
    `interpolate_from_desired_state` later). After its last point it holds that point: commands that stop coming leave a stop.
    What the policy nodes send ends with a velocity, so `allow_nonzero_velocity_at_trajectory_end` is true here; in
    ros2_controllers it is false by default from Jazzy on, and such trajectories are rejected.
    """

    def __init__(
        self,
        joint_names: tuple[str, ...],
        position: np.ndarray,
        now: float = 0.0,
        *,
        allow_nonzero_velocity_at_trajectory_end: bool = True,
    ) -> None:
        """position: [n] rad, where the joints are `now`."""
        self.joint_names = joint_names
        self._allow_end_velocity = allow_nonzero_velocity_at_trajectory_end
        still = np.zeros(len(joint_names))
        # Knots: times [k] s, positions [k][n] rad, velocities [k][n] rad/s, or None where the point had none.
        self._times: list[float] = [now]
        self._positions: list[np.ndarray] = [np.array(position, dtype=np.float64)]
        self._velocities: list[np.ndarray | None] = [still]

    def accept(self, trajectory: Trajectory, now: float) -> str:
        """Take a trajectory; or give why it is rejected, in which case the running one goes on."""
        start = trajectory.start or now
        if why := self._invalid(trajectory, start, now):
            return why
        order = [trajectory.joint_names.index(name) for name in self.joint_names]
        position, velocity = self.setpoint(now)
        times, positions = [now], [position]
        velocities: list[np.ndarray | None] = [velocity]
        for point in trajectory.points:
            if start + point.time < now:  # the past part of a trajectory that began earlier
                continue
            times.append(start + point.time)
            positions.append(np.array(point.position, dtype=np.float64)[order])
            velocities.append(np.array(point.velocity, dtype=np.float64)[order] if point.velocity else None)
        self._times, self._positions, self._velocities = times, positions, velocities
        return ""

    def setpoint(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Desired position and velocity at t: [n] rad, rad/s. Cubic where both ends have velocities, else linear."""
        after = next((k for k, time in enumerate(self._times) if time > t), len(self._times))
        if after == len(self._times):
            return self._positions[-1].copy(), np.zeros(len(self.joint_names))
        if after == 0:
            return self._positions[0].copy(), np.zeros(len(self.joint_names))
        p0, p1 = self._positions[after - 1], self._positions[after]
        v0, v1 = self._velocities[after - 1], self._velocities[after]
        duration, since = self._times[after] - self._times[after - 1], t - self._times[after - 1]
        if v0 is not None and v1 is not None:
            return cubic(p0, v0, p1, v1, duration, since)
        return p0 + (p1 - p0) * (since / duration), (p1 - p0) / duration

    def _invalid(self, trajectory: Trajectory, start: float, now: float) -> str:
        """Why a trajectory cannot be followed, in the order that upstream's `validate_trajectory_msg` looks."""
        n, names, points = len(self.joint_names), trajectory.joint_names, trajectory.points
        if not points:
            return "empty trajectory"
        if not names:
            return "no joint names"
        if sorted(names) != sorted(self.joint_names):
            return f"joints are {list(names)}; allowed: {list(self.joint_names)}, in any order"
        for k, point in enumerate(points):
            if k and point.time <= points[k - 1].time:
                return f"time_from_start of point {k} is {point.time} s, not after {points[k - 1].time} s"
            if len(point.position) != n or len(point.velocity) not in (0, n):
                return (
                    f"point {k} has {len(point.position)} positions and {len(point.velocity)} velocities; allowed: {n}"
                )
            if not np.isfinite([*point.position, *point.velocity, point.time]).all():
                return f"point {k} has a value that is not finite"
        if start + points[-1].time < now:
            return "the trajectory ends in the past"
        if not self._allow_end_velocity and any(abs(v) > END_VELOCITY for v in points[-1].velocity):
            return "velocity at the end of the trajectory is not zero"
        return ""

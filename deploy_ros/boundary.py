"""Where the tool may be: a box in the frame of the robot's base, of which a table is one side."""

from __future__ import annotations

import numpy as np

from ashore.configs.contract import Interface
from ashore.configs.errors import AshoreError
from ashore.configs.laws.limits import JointLimits
from ashore.configs.laws.tool_pose import Tool

Box = tuple[tuple[float, ...], tuple[float, ...]]  # from and to, [3] m each; infinite where nothing is set
ON_THE_WAY = np.linspace(0.0, 1.0, 5)  # of the time that braking takes: where the tool is looked at


class BoundaryError(AshoreError, ValueError):
    """A boundary for a policy whose file does not say where the tool is."""


class Boundary:
    """`low`, `high`: [3] m. A target is allowed where the tool stays inside until the robot has braked from there."""

    def __init__(self, tool: Tool, low: np.ndarray, high: np.ndarray) -> None:
        self._tool, self._low, self._high = tool, low, high

    @classmethod
    def of(cls, interface: Interface, box: Box) -> Boundary | None:
        """The boundary of a box; None where nothing is set."""
        low, high = box
        if not (np.isfinite(low).any() or np.isfinite(high).any()):
            return None
        if interface.tool is None:
            raise BoundaryError(
                "keep_above and keep_within need the arm's kinematics, which this policy file lacks; export the policy again"
            )
        home = np.array([joint.home for joint in interface.joints])
        return cls(Tool(interface.tool, home), np.array(low), np.array(high))

    def outside(self, position: np.ndarray, velocity: np.ndarray, limits: JointLimits, dt: float) -> str:
        """Where the tool would leave; empty where it does not.

        position, velocity: [n] rad and rad/s of a target; from there every joint brakes at its limit. Looked at is also where a
        trajectory controller is sent, one period dt s ahead.
        """
        needed = np.abs(velocity) / limits.acceleration  # s
        places = [position + velocity * dt]
        for part in ON_THE_WAY:
            t = np.minimum(part * needed.max(), needed)
            places.append(position + velocity * t - 0.5 * np.sign(velocity) * limits.acceleration * t**2)
        points = np.array([self._tool.pose(place)[:3, 3] for place in places])
        beyond = np.maximum(self._low - points, points - self._high)  # m, above 0 where it is outside
        if (beyond <= 0.0).all():
            return ""
        worst, axis = np.unravel_index(np.argmax(beyond), beyond.shape)
        x, low, high = points[worst, axis], self._low[axis], self._high[axis]
        bound = f"at least {low:g}" if x < low else f"at most {high:g}"
        return f"{'xyz'[axis]} of the tool is {x:.3f} m; allowed: {bound}"

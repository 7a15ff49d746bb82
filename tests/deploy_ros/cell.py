"""A node's controller, a trajectory controller and a robot, in simulated time: what is asserted is what the robot does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.jtc import JointTrajectoryController
from ashore.deploy_ros.messages import Trajectory, forward_of, trajectory_of
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import Command
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.states import Output

TICK = 0.002  # s, of `Servos` and their controller
GOAL = (1.8, -1.3, 0.9)
# Of the velocity limits. The stand-in's cubics ask for up to 1.03 of them at the end of an acceleration, without any fault.
MOST = 1.06
# s: lag of the servos, and from a setpoint to them. The last is as slow as the training environment's slowest arm.
ROBOTS = [(0.0, 0.0), (0.03, 0.0), (0.03, 0.05), (0.1, 0.06)]
# s between the controller's words on where it stands (0: none): at 500, 125 and 50 Hz, Humble's default.
TELLS = [0.0, 0.002, 0.008, 0.02]
Accept = Callable[[Trajectory, float], bool]  # trajectory, now -> whether the controller gets it


class Robot(Protocol):
    @property
    def dt(self) -> float: ...  # s, a tick
    @property
    def q(self) -> np.ndarray: ...  # [n] rad

    def step(self, setpoint: np.ndarray) -> None: ...  # a tick under a setpoint, [n] rad

    def measure(self) -> tuple[np.ndarray, np.ndarray]: ...  # [n] rad, rad/s


class Servos:
    """Joints that follow their setpoint with a lag, each of which may be blocked."""

    dt = TICK

    def __init__(self, q: np.ndarray, lag: float = 0.0, late: float = 0.0) -> None:
        """lag: s, of the servos; late: s, from a setpoint to its servo."""
        self.q, self.v = np.array(q, np.float64), np.zeros_like(q)
        self._lag, self._way = max(lag, TICK), deque([self.q] * (1 + round(late / TICK)), maxlen=1 + round(late / TICK))
        self.blocked = np.zeros(len(q), dtype=bool)
        self.setpoint = self.q

    def step(self, setpoint: np.ndarray) -> None:
        self._way.append(setpoint.copy())
        self.setpoint = self._way[0]
        before = self.q
        moved = self.q + (self._way[0] - self.q) * (TICK / self._lag)
        self.q = np.where(self.blocked, self.q, moved)
        self.v = (self.q - before) / TICK

    def measure(self) -> tuple[np.ndarray, np.ndarray]:
        return self.q, self.v


class Cell:
    """Runs them together. Times are seconds since the beginning."""

    def __init__(
        self,
        policy: Policy,
        robot: Robot,
        *,
        goal: tuple[float, ...],
        end_velocity: bool = True,
        controller_at: float = 0.0,
        tells: float = 0.0,
        accept: Accept = lambda _trajectory, _now: True,
        **settings: object,
    ) -> None:
        """end_velocity: allow_nonzero_velocity_at_trajectory_end; controller_at: s, when the controller becomes active.

        tells: s between the controller's words on where it stands; 0: it says nothing.
        """
        self.node = Controller(NodeSettings.model_validate(settings))
        self.node.configure(policy)
        self.robot, self.now = robot, 0.0
        self._names = tuple(j.name for j in self.node.interface.joints)
        self._end_velocity, self._at, self._accept = end_velocity, controller_at, accept
        self._tells, self._told_at = tells, 0.0
        self._jtc: JointTrajectoryController | None = None
        self._value: np.ndarray | None = None  # of a forward controller
        self._before: Command | None = None
        self.times: list[float] = []
        self.path = [robot.q.copy()]  # the robot's positions, every tick
        self.setpoints: list[np.ndarray] = []
        self.outputs: list[Output] = []
        if self.node.settings.output == "trajectory":
            self._begin_controller()
        self._sense()
        assert self.node.on_goal(goal, "base") == ""
        assert self.node.activate(self.now) == ""

    def run(self, seconds: float) -> Output:
        """Control periods for so long."""
        period = self.node.interface.control_dt
        for _ in range(round(seconds / period)):
            self._period(period)
        return self.outputs[-1]

    def run_until(self, reason: Reason, seconds: float = 5.0) -> float:
        """Until the node says so; gives how long it took."""
        began = self.now
        while self.run(self.node.interface.control_dt).reason is not reason:
            assert self.now - began < seconds, f"no {reason.name} in {seconds} s; {self.outputs[-1].reason.name}"
        return self.now - began

    def interrupt(self) -> None:
        """As Ctrl-C does: brake, hold, and end; nothing is sent any more."""
        self.node.deactivate()
        self.run(self.node.interface.control_dt)
        for _ in range(500):
            if self.node.at_rest:
                break
            self.run(self.node.interface.control_dt)
        assert self.node.at_rest
        for _ in range(500):
            self._tick()

    @property
    def speeds(self) -> np.ndarray:
        """Of the robot, [ticks, n] rad/s."""
        return np.diff(np.array(self.path), axis=0) / self.robot.dt

    def excess(self) -> float:
        """The robot's greatest speed, as a share of its limit."""
        limits = np.array([j.velocity for j in self.node.interface.joints])
        return float((np.abs(self.speeds) / limits).max())

    def _period(self, period: float) -> None:
        self._sense()
        output = self.node.step(self.now)
        assert output is not None
        self.outputs.append(output)
        ticks = round(period / self.robot.dt)
        if self.node.settings.output == "forward":
            for k in range(1, ticks + 1):
                values = forward_of(
                    self._before or output.command, output.command, self.node.interface, k * self.robot.dt
                )
                self._value = np.array(values) if self.now >= self._at else None
                self._tick()
            self._before = output.command
            return
        self._deliver(trajectory_of(output.command, self.node.interface))
        for _ in range(ticks):
            self._tick()

    def _deliver(self, trajectory: Trajectory) -> None:
        if self._jtc is not None and self._accept(trajectory, self.now):
            self._jtc.accept(trajectory, self.now)

    def _begin_controller(self) -> None:
        if self._jtc is None and self.now >= self._at:  # on activation it stands where the robot is
            allow = {"allow_nonzero_velocity_at_trajectory_end": self._end_velocity}
            self._jtc = JointTrajectoryController(self._names, self.robot.q, **allow)

    def _tick(self) -> None:
        self.now += self.robot.dt
        if self.node.settings.output == "trajectory":
            self._begin_controller()
        setpoint = self._jtc.setpoint(self.now)[0] if self._jtc is not None else self._value
        if self._jtc is not None and self._tells and self.now >= self._told_at:
            self._told_at = self.now + self._tells
            p, v = (x.tolist() for x in self._jtc.setpoint(self.now))
            assert self.node.on_controller_state(self._names, p, v, self.now) == ""
        if setpoint is None:
            setpoint = self.robot.q
        self.robot.step(setpoint)
        self.setpoints.append(setpoint)
        self.path.append(self.robot.q.copy())

    def _sense(self) -> None:
        q, v = self.robot.measure()
        self.node.on_joint_state(self._names, q.tolist(), v.tolist(), 0.0, self.now)


def cell(policy: Policy, lag: float = 0.03, late: float = 0.0, **options: Any) -> tuple[Cell, Servos]:
    """At rest at zero, with `GOAL` as its goal."""
    robot = Servos(np.zeros(3), lag, late)
    return Cell(policy, robot, goal=GOAL, **options), robot

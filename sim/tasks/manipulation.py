"""What the tasks of an arm over a table share: the scene, its signals, where it starts, a goal to hold, the action rate."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Positive, RobotSettings, Settings, TaskSettings, Workspace
from ashore.sim.engine.world import World
from ashore.sim.robots.robot import ModelError
from ashore.sim.scene.framing import frame_arm
from ashore.sim.scene.ik import tool_postures, unreachable_share
from ashore.sim.scene.scene import add_lighting
from ashore.sim.scene.table import add_frame_sensor, add_table, position_signal, workspace
from ashore.sim.tasks.task import Marker, Task, sensor_columns

ACTION_RATE_SCALE = 6.0  # the action_rate term is 0 where every joint asks for 20 times the acceleration limit
MOST_UNREACHABLE = 0.05  # share of a workspace without a warning


class ArmOptions(Settings):
    """What every task of an arm lets its user choose."""

    tolerance: Positive = 0.02  # m from the goal
    hold_seconds: Positive = 0.5  # within it


class ArmTask(Task):
    """An arm fixed to a table. Positions are in the frame of the robot's base, whose z is up.

    Subclasses add what the arm moves, and judge. The tool site's z axis points out of the gripper.
    """

    Options: ClassVar[type[Settings]] = ArmOptions
    success_lasts = True
    starts_down: ClassVar[bool] = False  # whether the tool points down when an episode starts
    start_variety: ClassVar[float] = 1.0  # of the postures it starts in: the share of the robot's start_spread
    goal_of: ClassVar[str] = "where the tool shall be"
    goal_size: ClassVar[int] = 3  # 2 where goals lie on the table, 0 where they follow from what the actor measures
    sees_tool: ClassVar[bool] = False  # whether the actor sees where the tool is, as an arm's controller reports it

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        n = world.num_worlds
        self._tool = self.sensor("tool_position")
        self._contacts = self.sensor("contact"), self.sensor("self_contact")
        self._hold_steps = round(self.options.hold_seconds / settings.control_dt)
        self._dv = torch.tensor(settings.robot.acceleration_limit) * settings.control_dt
        starts, tools = tool_postures(
            world.model,
            settings.robot,
            self.start_box(settings.robot),
            down=self.starts_down,
            variety=self.start_variety,
        )
        self._starts, self._start_tools = torch.from_numpy(starts), torch.from_numpy(tools).float()
        self.goal = torch.zeros(n, 3)
        self.held = torch.zeros(n)  # control steps within tolerance, in a row
        self.success = torch.zeros(n, dtype=torch.bool)

    @classmethod
    def start_box(cls, robot: RobotSettings) -> Workspace:
        """The box that the tool starts in."""
        return workspace(robot)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        robot, base = settings.robot, spec.worldbody.first_body()
        if robot.tool_site is None:
            raise ModelError(f"robot {robot.name} has no tool_site, which task {settings.name} needs")
        add_lighting(spec)
        add_table(spec, robot)
        for name, kind in (
            ("tool_position", mujoco.mjtSensor.mjSENS_FRAMEPOS),
            ("tool_axis", mujoco.mjtSensor.mjSENS_FRAMEZAXIS),
        ):
            add_frame_sensor(spec, name, kind, mujoco.mjtObj.mjOBJ_SITE, robot.tool_site)
        found = {"type": mujoco.mjtSensor.mjSENS_CONTACT, "intprm": [1, 0, 1]}
        robot_subtree = {"reftype": mujoco.mjtObj.mjOBJ_XBODY, "refname": base.name}
        spec.add_sensor(name="contact", objtype=mujoco.mjtObj.mjOBJ_GEOM, objname="table", **found, **robot_subtree)
        spec.add_sensor(
            name="self_contact", objtype=mujoco.mjtObj.mjOBJ_XBODY, objname=base.name, **found, **robot_subtree
        )

    @property
    def estimates(self) -> tuple[SignalSpec, ...]:
        """What a camera tells of the scene's objects, if there are any."""
        return ()

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        n, stale = len(self.settings.robot.joints), 5 * self.settings.control_dt
        encoders: dict[str, Any] = {"size": n, "kind": "measurement", "max_age": stale}
        return (
            SignalSpec(name="joint_position", unit="rad", description="encoders of the driven joints", **encoders),
            SignalSpec(name="joint_velocity", unit="rad/s", description="velocities of the driven joints", **encoders),
            *self._tool_signal(),
            *self.estimates,
            *self._goal_signal(),
        )

    def _tool_signal(self) -> tuple[SignalSpec, ...]:
        what = "the tool, by the arm's forward kinematics"
        stale = 5 * self.settings.control_dt
        return (position_signal("tool_position", "measurement", stale, what),) if self.sees_tool else ()

    def _goal_signal(self) -> tuple[SignalSpec, ...]:
        if not self.goal_size:
            return ()
        stale = 5 * self.settings.control_dt
        return (position_signal("goal_position", "command", stale, self.goal_of, self.goal_size),)

    def measure(self) -> Tensor:
        parts = [self.joint_position(), self.joint_velocity()]
        if self.sees_tool:
            parts.append(self._tool)
        return torch.cat((*parts, *self.estimated()), 1)

    def estimated(self) -> tuple[Tensor, ...]:
        """True values of `estimates`, in order: [N, size] each."""
        return ()

    def goal_command(self) -> Tensor:
        return self.goal[:, : self.goal_size]

    @abstractmethod
    def draw_goal(self, ids: Tensor, u: Tensor) -> Tensor:
        """Goals of new episodes in these worlds, whose start is placed: [k, 3] m."""

    def place(self, ids: Tensor, u: Tensor) -> None:
        self.place_arm(ids, u)

    def place_arm(self, ids: Tensor, u: Tensor) -> Tensor:
        """Put the arm into a start posture; gives where its tool is, [k, 3] m."""
        chosen = (u[:, 0] * len(self._starts)).long()
        self.world.qpos.index_copy_(0, ids, self._starts.index_select(0, chosen))
        return self._start_tools.index_select(0, chosen)

    def begin(self, ids: Tensor, u: Tensor) -> None:
        self.goal.index_copy_(0, ids, self.draw_goal(ids, u))
        self.held.index_fill_(0, ids, 0.0)
        self.success.index_fill_(0, ids, False)

    def hold(self, within: Tensor) -> None:
        """Count steps in a row [N] bool; success is latched once they are enough."""
        self.held = (self.held + 1.0).mul_(within)
        self.success = self.success | (self.held >= self._hold_steps)

    def action_rate(self, requested_velocity: Tensor, previous_velocity: Tensor) -> Tensor:
        """[N] 1 where the asked velocities change nothing. Logarithmic, so that it still tells better from worse where
        exploration asks for far more than the limits allow."""
        return (
            1.0
            - torch.log1p((requested_velocity - previous_velocity).div_(self._dv).square_()).mean(1) / ACTION_RATE_SCALE
        )

    def collided(self) -> Tensor:
        """[N] bool: the arm touches the table or itself."""
        table, own = self._contacts
        return (table + own).squeeze(1) > 0

    def tool_turn_at_home(self) -> float:
        """Turn about the vertical, rad, of the tool at home, with its axis taken to point straight down."""
        model, robot = self.world.model, self.settings.robot
        data = mujoco.MjData(model)
        data.qpos[self.qpos_of] = robot.home
        mujoco.mj_forward(model, data)
        x = data.site(robot.tool_site or "").xmat.reshape(3, 3)[:, 0]
        return math.atan2(x[1], x[0])

    def sensor(self, name: str) -> Tensor:
        """Live view of a sensor's values, float32 [N, size]."""
        return self.world.readings[:, sensor_columns(self.world.model, name)]

    def warnings(self) -> list[str]:
        share = unreachable_share(self.world.model, self.settings.robot, workspace(self.settings.robot))
        if share < MOST_UNREACHABLE:
            return []
        return [
            f"{share:.0%} of the workspace is out of reach of robot {self.settings.robot.name}, by inverse kinematics: goals "
            "there count as failures; mend robot.workspace"
        ]

    def markers(self, world: int) -> list[Marker]:
        return [Marker(self.goal[world].tolist(), self.options.tolerance, (0.1, 0.75, 0.35, 0.55))]

    def frame(self, model: mujoco.MjModel) -> None:
        frame_arm(model, "overview", self.settings.robot, self._starts.numpy())

    def state_dict(self) -> dict[str, Any]:
        return {"goal": self.goal.clone(), "held": self.held.clone(), "success": self.success.clone()}

"""Lift: grasp a cube on the table and bring it to a goal in the air. Any arm with a gripper can do it."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import torch
from pydantic import model_validator
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Positive, RobotSettings, Settings, TaskSettings, Workspace
from ashore.sim.engine.world import World
from ashore.sim.rotations import canonical
from ashore.sim.scene.props import add_object, orientation_estimate, place_object, position_estimate
from ashore.sim.scene.table import inner_area
from ashore.sim.tasks.manipulation import ArmOptions, ArmTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward
from ashore.sim.tasks.task import StepOutcome

LIFTED = 0.02  # m above the table from which a cube counts as lifted


class LiftOptions(ArmOptions):
    """The cube, and how high it has to go."""

    tolerance: Positive = 0.03  # m
    cube_size: Positive = 0.04  # m, an edge
    cube_mass: Positive = 0.1  # kg
    largest_yaw: Positive = 0.6  # rad, of the cube at the start; a cube looks the same from pi / 4 on
    goal_low: Positive = 0.08  # m above the table
    goal_high: Positive = 0.3  # m

    @model_validator(mode="after")
    def _ordered(self) -> LiftOptions:
        if self.goal_low >= self.goal_high:
            raise ValueError(f"goal_low = {self.goal_low} m; allowed: below goal_high = {self.goal_high} m")
        return self


class LiftRewards(RewardWeights):
    """What the reward is made of."""

    approach: float = reward(0.5, "the tool comes near the cube")
    grip: float = reward(0.6, "the fingers close on the cube")
    lift: float = reward(0.8, "the cube leaves the table, up to 5 cm")
    goal: float = reward(1.2, "the lifted cube comes near the goal")
    precision: float = reward(1.8, "the lifted cube is at the goal")
    upright: float = reward(0.1, "the gripper points down")
    action_rate: float = reward(0.15, "the velocities asked for change little from step to step")
    collision: float = cost(-0.5, "the arm touches the table or itself")


class ArmLift(ArmTask):
    """Success: the cube's centre stays within `tolerance` of the goal for `hold_seconds`.

    collision: the arm touches the table or itself
    lifted: whether the cube is off the table
    """

    Options: ClassVar[type[Settings]] = LiftOptions
    Rewards = LiftRewards
    metrics = ("collision", "lifted")
    num_uniforms = 8
    starts_down = True
    start_variety = 0.3
    uses_gripper = True
    sees_tool = True
    differences = (("cube_position", "tool_position"), ("goal_position", "cube_position"))
    goal_of = "where the cube's centre shall be"

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        o, area = self.options, inner_area(settings.robot)
        gripper = settings.robot.gripper
        assert gripper is not None  # the scene would not have compiled
        self._cube, self._velocity = self.sensor("cube_position"), self.sensor("cube_velocity")
        self._orientation, self._axis = self.sensor("cube_orientation"), self.sensor("tool_axis")[:, 2]
        self._low, self._high = torch.tensor(area.low[:2]), torch.tensor(area.high[:2])
        self._finger = int(torch.arange(world.qpos.shape[1])[self.qpos_of][-1])
        self._open, self._closed = gripper.open, gripper.closed
        self._rest = o.cube_size / 2  # m, height of a cube that stands on the table

    @classmethod
    def start_box(cls, robot: RobotSettings) -> Workspace:
        area = inner_area(robot)
        return Workspace(low=(*area.low[:2], 0.09), high=(*area.high[:2], 0.2))

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        o = cls.read_options(settings)
        half = o.cube_size / 2
        add_object(spec, "cube", mujoco.mjtGeom.mjGEOM_BOX, [half] * 3, o.cube_mass, 0.8, [0.85, 0.3, 0.2, 1])

    @property
    def estimates(self) -> tuple[SignalSpec, ...]:
        return position_estimate("cube", "cube"), orientation_estimate("cube", "cube")

    @property
    def privileged_size(self) -> int:
        return 2 * len(self.settings.robot.joints) + 20

    def estimated(self) -> tuple[Tensor, ...]:
        return self._cube, canonical(self._orientation)

    def privileged(self) -> Tensor:
        cube = self._cube
        tool, goal = self._tool - cube, self.goal - cube
        gap = torch.linalg.vector_norm(tool, dim=1, keepdim=True)
        away = torch.linalg.vector_norm(goal, dim=1, keepdim=True)
        parts = (
            self.joint_position(),
            self.joint_velocity(),
            cube,
            tool,
            goal,
            self._velocity,
            gap,
            torch.exp(gap / -0.03),
            away,
            torch.exp(away / -0.03),
            self._gripped(gap.squeeze(1)).unsqueeze(1),
            (self.held / self._hold_steps).unsqueeze(1),
            self._axis.unsqueeze(1),
            self.collided().float().unsqueeze(1),
        )
        return torch.cat(parts, 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        cube = self._cube
        gap = torch.linalg.vector_norm(self._tool - cube, dim=1)
        away = torch.linalg.vector_norm(self.goal - cube, dim=1)
        height = (cube[:, 2] - self._rest).clip(0.0, 0.05) / 0.05
        lifted = (height * 0.05 > LIFTED).float() * torch.exp(-gap / 0.05)
        self.hold(away < self.options.tolerance)
        collided = self.collided().float()
        terms = torch.stack(
            (
                1.0 - torch.tanh(gap / 0.2),
                self._gripped(gap),
                height * torch.exp(gap / -0.03),
                lifted * (1.0 - torch.tanh(away / 0.2)),
                lifted * torch.exp(away / -0.03),
                self._axis.neg().clip(min=0.0),
                self.action_rate(requested_velocity, previous_velocity),
                collided,
            ),
            1,
        )
        metrics = torch.stack((collided, (lifted > 0).float()), 1)
        return StepOutcome(terms.mul_(self.weights), torch.zeros_like(self.success), self.success, metrics)

    def place(self, ids: Tensor, u: Tensor) -> None:
        super().place(ids, u)
        xy = self._low + u[:, 1:3] * (self._high - self._low)
        place_object(self.world, "cube", ids, xy, self.options.largest_yaw * (2 * u[:, 3] - 1))

    @property
    def goal_box(self) -> Workspace:
        area, o = inner_area(self.settings.robot), self.options
        return Workspace(low=(*area.low[:2], o.goal_low), high=(*area.high[:2], o.goal_high))

    def draw_goal(self, ids: Tensor, u: Tensor) -> Tensor:
        o = self.options
        xy = self._low + u[:, 4:6] * (self._high - self._low)
        return torch.cat((xy, o.goal_low + u[:, 6:7] * (o.goal_high - o.goal_low)), 1)

    def _gripped(self, gap: Tensor) -> Tensor:
        """[N] in [0, 1]: how far the fingers have closed on the cube, where it is between them."""
        finger = self.world.qpos[:, self._finger].float()
        closed = ((finger - self._open) / (self._closed - self._open)).clip(0.0, 0.5) * 2.0
        return closed * torch.exp(-(gap / 0.02).square())

"""Push: slide a puck over the table to a goal. Any arm can do it, with its gripper closed."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import torch
from torch import Tensor

from configs.contract import SignalSpec
from configs.schema import Positive, RobotSettings, Settings, TaskSettings, Workspace
from sim.manipulation import ArmOptions, ArmTask, inner_area
from sim.props import add_object, place_object, position_estimate
from sim.task import Outcome
from sim.world import World

ABOVE = 0.03  # m from the puck's top to the lowest start of the tool


class PushOptions(ArmOptions):
    """The puck, and how far it has to go."""

    tolerance: Positive = 0.03  # m
    puck_radius: Positive = 0.04  # m
    puck_height: Positive = 0.04  # m
    puck_mass: Positive = 0.2  # kg
    shortest_push: Positive = 0.08  # m
    longest_push: Positive = 0.25  # m
    collision_weight: Positive = 0.2


class ArmPush(ArmTask):
    """Success: the puck's centre stays within `tolerance` of the goal for `hold_seconds`."""

    Options: ClassVar[type[Settings]] = PushOptions
    reward_terms = ("approach", "goal", "precision", "upright", "calm", "collision")
    metrics = ("collision",)
    draws = 7
    starts_down = True
    goal_of = "where the puck's centre shall be: x and y"
    goal_size = 2

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        o, box = self.options, inner_area(settings.robot)
        self._puck, self._velocity = self.sensor("puck_position"), self.sensor("puck_velocity")
        self._axis = self.sensor("tool_axis")[:, 2]
        self._low, self._high = torch.tensor(box.low[:2]), torch.tensor(box.high[:2])
        self._beside = o.puck_radius + 0.025  # m from its centre to the tool, about to push
        self._above = torch.tensor([0.0, 0.0, 0.25 * o.puck_height])  # clear of the table
        self._weights = torch.tensor([0.6, 1.0, 1.5, 0.1, o.calm_weight, -o.collision_weight])
        self._start = torch.zeros(world.num_worlds, 2)  # where the puck stood at first

    @classmethod
    def start_box(cls, robot: RobotSettings) -> Workspace:
        area = inner_area(robot)
        return Workspace(low=(*area.low[:2], 0.04 + ABOVE), high=(*area.high[:2], 0.04 + 4 * ABOVE))

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        o = cls.read_options(settings)
        size = [o.puck_radius, o.puck_height / 2, 0]
        add_object(spec, "puck", mujoco.mjtGeom.mjGEOM_CYLINDER, size, o.puck_mass, 0.4, [0.85, 0.3, 0.2, 1])

    @property
    def estimates(self) -> tuple[SignalSpec, ...]:
        return (position_estimate("puck", "puck, x and y", 2),)

    @property
    def privileged_size(self) -> int:
        return 2 * len(self.settings.robot.joints) + 15

    def measure(self) -> Tensor:
        world = self.world
        return torch.cat((world.qpos[:, self.qpos_of], world.qvel[:, self.dof_of], self._puck[:, :2]), 1).float()

    def privileged(self) -> Tensor:
        puck = self._puck.float()
        tool, goal = self._tool.float() - self._behind(puck), self.goal - puck
        away = torch.linalg.vector_norm(goal[:, :2], dim=1, keepdim=True)
        parts = (
            self.joint_position(),
            self.joint_velocity(),
            tool,
            goal,
            self._velocity.float(),
            torch.linalg.vector_norm(tool, dim=1, keepdim=True),
            away,
            torch.exp(away / -0.03),
            (self.held / self._hold_steps).unsqueeze(1),
            self._axis.float().unsqueeze(1),
            self.collided().float().unsqueeze(1),
        )
        return torch.cat(parts, 1)

    def judge(self, asked: Tensor, before: Tensor) -> Outcome:
        puck = self._puck.float()
        away = torch.linalg.vector_norm((self.goal - puck)[:, :2], dim=1)
        gap = torch.linalg.vector_norm(self._tool.float() - self._behind(puck), dim=1)
        self.hold(away < self.options.tolerance)
        collided = self.collided().float()
        terms = torch.stack(
            (
                0.5 - 0.5 * torch.tanh(gap / 0.2) + 0.5 * torch.exp(gap / -0.05),
                1.0 - torch.tanh(away / 0.15),
                torch.exp(away / -0.03),
                self._axis.float().neg().clip(min=0.0),
                self.calm(asked, before),
                collided,
            ),
            1,
        )
        lost = torch.zeros_like(self.success)
        return Outcome(terms.mul_(self._weights), lost, self.success, collided.unsqueeze(1))

    def _behind(self, puck: Tensor) -> Tensor:
        """The point [N, 3] m on the far side of the puck from the goal, where a push to the goal begins."""
        away = puck - self.goal
        ahead = self._beside / torch.linalg.vector_norm(away, dim=1, keepdim=True).clip(min=0.01)
        return torch.addcmul(puck + self._above, away, ahead)

    def place(self, ids: Tensor, u: Tensor) -> None:
        super().place(ids, u)
        xy = self._low + u[:, 1:3] * (self._high - self._low)
        self._start.index_copy_(0, ids, xy)
        place_object(self.world, "puck", ids, xy, torch.zeros(len(ids)))

    def draw_goal(self, ids: Tensor, u: Tensor) -> Tensor:
        o, heading = self.options, 2 * torch.pi * u[:, 3]
        far = (o.shortest_push + u[:, 4] * (o.longest_push - o.shortest_push)).unsqueeze(1)
        towards = torch.stack((heading.cos(), heading.sin()), 1)
        start = self._start.index_select(0, ids)
        # Where the area ends, the push goes the other way.
        goal = start + far * towards
        mirrored = start - far * towards
        goal = torch.where((goal < self._low) | (goal > self._high), mirrored, goal).clip(self._low, self._high)
        return torch.cat((goal, torch.full((len(ids), 1), o.puck_height / 2)), 1)

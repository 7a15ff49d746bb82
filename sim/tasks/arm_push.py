"""Push: slide a puck over the table to a goal. Any arm can do it, with its gripper closed."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import mujoco
import torch
from pydantic import model_validator
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Positive, RobotSettings, Settings, TaskSettings, Workspace
from ashore.sim.engine.world import World
from ashore.sim.scene.props import add_object, place_object, position_estimate
from ashore.sim.scene.table import inner_area, workspace
from ashore.sim.tasks.manipulation import ArmOptions, ArmTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward
from ashore.sim.tasks.task import StepOutcome

FULL_SPEED = 0.15  # m/s of the puck towards the goal, for which progress pays in full
HEIGHT_WEIGHT = 3.0
BEYOND = 0.05  # m outside the workspace, from where a puck is lost
STAND_OFF = 0.06  # m
LOWEST = 0.03  # m above the table, the lowest start of the tool


class PushOptions(ArmOptions):
    """The puck, and how far it has to go."""

    tolerance: Positive = 0.03  # m
    puck_radius: Positive = 0.04  # m
    puck_height: Positive = 0.05  # m
    puck_mass: Positive = 0.2  # kg
    shortest_push: Positive = 0.08  # m
    longest_push: Positive = 0.25  # m
    widest_turn: Positive = 0.8  # rad, of the way to the goal against the line from the tool through the puck; pi: any

    @model_validator(mode="after")
    def _ordered(self) -> PushOptions:
        if self.shortest_push >= self.longest_push:
            raise ValueError(
                f"shortest_push = {self.shortest_push} m; allowed: below longest_push = {self.longest_push} m"
            )
        return self


class PushRewards(RewardWeights):
    """What the reward is made of."""

    approach: float = reward(
        1.0, "the tool nears the far side of the puck, where a push to the goal begins; what it loses is charged"
    )
    near: float = reward(0.2, "the tool is there")
    progress: float = reward(2.0, "the puck is nearer to the goal than ever in this episode")
    goal: float = reward(0.3, "the puck comes near the goal")
    precision: float = reward(2.5, "the puck is at the goal")
    upright: float = reward(0.1, "the gripper points down")
    action_rate: float = reward(0.15, "the velocities asked for change little from step to step")
    collision: float = cost(-0.2, "the arm touches the table or itself")


class ArmPush(ArmTask):
    """Success: the puck's centre stays within `tolerance` of the goal for `hold_seconds`. Mostly the puck stands between
    the tool and the goal when an episode starts. A puck that leaves the workspace is lost, and ends the episode.

    collision: the arm touches the table or itself
    """

    Options: ClassVar[type[Settings]] = PushOptions
    Rewards = PushRewards
    metrics = ("collision",)
    num_uniforms = 6
    starts_down = True
    start_variety = 0.2
    goal_of = "where the puck's centre shall be: x and y"
    goal_size = 2
    sees_tool = True
    differences = (("puck_position", "tool_position"), ("goal_position", "puck_position"))
    heading = ("goal_position", "puck_position")

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        o, box = self.options, inner_area(settings.robot)
        self._puck, self._velocity = self.sensor("puck_position"), self.sensor("puck_velocity")
        self._axis = self.sensor("tool_axis")[:, 2]
        self._low, self._high = torch.tensor(box.low[:2]), torch.tensor(box.high[:2])
        space = workspace(settings.robot)
        self._nearest_edge = torch.tensor(space.low[:2]) - BEYOND
        self._furthest_edge = torch.tensor(space.high[:2]) + BEYOND
        self._touch = o.puck_radius + 0.005  # m from its centre to a tool that leans on it
        self._beside = o.puck_radius + 0.025  # m, clear of it
        self._nearest = torch.zeros(world.num_worlds)  # m, the least so far from the puck to the goal
        self._gap = torch.zeros(world.num_worlds)  # m, as the last judgement or the start left it
        self._practises = False
        self._stride = FULL_SPEED * settings.control_dt

    def adapt(self) -> None:
        """In training episodes begin with the tool anywhere around the puck: what is pushed slips off at times, and to go
        around it again has to be learned too."""
        self._practises = True

    @classmethod
    def start_box(cls, robot: RobotSettings) -> Workspace:
        area = inner_area(robot)
        return Workspace(low=(*area.low[:2], LOWEST), high=(*area.high[:2], 2 * LOWEST))

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
        return 2 * len(self.settings.robot.joints) + 16

    def estimated(self) -> tuple[Tensor, ...]:
        return (self._puck[:, :2],)

    def privileged(self) -> Tensor:
        puck = self._puck
        tool, goal, gap = self._tool - puck, self.goal - puck, self._gap.unsqueeze(1)
        away = torch.linalg.vector_norm(goal[:, :2], dim=1, keepdim=True)
        parts = (
            self.joint_position(),
            self.joint_velocity(),
            tool,
            goal,
            self._velocity,
            gap,
            (gap / -0.05).exp(),
            away,
            torch.exp(away / -0.03),
            (self.held / self._hold_steps).unsqueeze(1),
            self._axis.unsqueeze(1),
            self.collided().float().unsqueeze(1),
        )
        return torch.cat(parts, 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        puck = self._puck
        away = torch.linalg.vector_norm((self.goal - puck)[:, :2], dim=1)
        gap = self._measure_gap(self._tool - puck, (puck - self.goal)[:, :2])
        # Nearer than ever pays; a puck knocked away costs little, or the arm would not dare to touch it.
        progress = ((self._nearest - away) / self._stride).clip(0.0, 1.0)
        self._nearest = torch.minimum(self._nearest, away)
        approach = ((self._gap - gap) / self._stride).clip(-1.0, 1.0)
        self._gap = gap
        self.hold(away < self.options.tolerance)
        collided = self.collided().float()
        terms = torch.stack(
            (
                approach,
                0.5 - 0.5 * torch.tanh(gap / 0.2) + 0.5 * torch.exp(gap / -0.05),
                progress,
                1.0 - torch.tanh(away / 0.15),
                0.5 * torch.exp(away / -0.05) + 0.5 * torch.exp(away / -0.015),
                self._axis.neg().clip(min=0.0),
                self.action_rate(requested_velocity, previous_velocity),
                collided,
            ),
            1,
        )
        lost = ((puck[:, :2] < self._nearest_edge) | (puck[:, :2] > self._furthest_edge)).any(1)
        return StepOutcome(terms.mul_(self.weights), lost, self.success, collided.unsqueeze(1))

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_nearest": self._nearest.clone(), "_gap": self._gap.clone()}

    def _measure_gap(self, tool: Tensor, back: Tensor) -> Tensor:
        """How far the tool is, [k] m, from where a push to the goal begins: at the puck's height, touching it on the side
        away from the goal. Measured around the puck, and the further around, the more distance is to be kept: the straight
        way there leads through the puck. tool: [k, 3] m from the puck; back: [k, 2] m from the goal to the puck."""
        away = torch.linalg.vector_norm(back, dim=1)
        reach = torch.linalg.vector_norm(tool[:, :2], dim=1)
        cosine = (tool[:, :2] * back).sum(1) / (away * reach).clip(min=1e-6)
        # Where the puck is at the goal, every side is as good.
        angle = cosine.clip(-0.9999, 0.9999).acos() * (away / 0.02).clip(max=1.0)
        apart = reach - self._touch - 0.5 * STAND_OFF * (1.0 - angle.cos())
        return torch.stack((self._touch * angle, apart, HEIGHT_WEIGHT * tool[:, 2])).square().sum(0).sqrt()

    def place(self, ids: Tensor, u: Tensor) -> None:
        tool = self.place_arm(ids, u)[:, :2]
        inside = self._low + u[:, 1:3] * (self._high - self._low)
        heading = _heading(inside - tool)
        puck = self._from(tool, heading, u[:, 3], self._beside + 0.01, self._beside + 0.06)
        place_object(self.world, "puck", ids, puck, torch.zeros(len(ids)))

    @property
    def goal_box(self) -> Workspace:
        return inner_area(self.settings.robot)

    def draw_goal(self, ids: Tensor, u: Tensor) -> Tensor:
        o = self.options
        puck, tool = (x[:, :2].index_select(0, ids) for x in (self._puck, self._tool))
        side = 2 * u[:, 4] - 1
        turn = math.pi * side if self._practises else o.widest_turn * side
        heading = _heading(puck - tool) + turn
        goal = self._from(puck, heading, u[:, 5], o.shortest_push, o.longest_push)
        self._nearest.index_copy_(0, ids, torch.linalg.vector_norm(goal - puck, dim=1))
        return torch.cat((goal, torch.full((len(ids), 1), o.puck_height / 2)), 1)

    def begin(self, ids: Tensor, u: Tensor) -> None:
        super().begin(ids, u)
        puck, tool, goal = (x.index_select(0, ids) for x in (self._puck, self._tool, self.goal))
        self._gap.index_copy_(0, ids, self._measure_gap(tool - puck, (puck - goal)[:, :2]))

    def _from(self, start: Tensor, heading: Tensor, u: Tensor, nearest: float, furthest: float) -> Tensor:
        """A point [k, 2] m of the area, in this direction [k] rad and at a random distance from each start [k, 2]."""
        far = (nearest + u * (furthest - nearest)).unsqueeze(1)
        there = (start + far * torch.stack((heading.cos(), heading.sin()), 1)).clip(self._low, self._high)
        # Where the area ends too soon, it lies inwards along the longer side instead.
        side = torch.where(start < (self._low + self._high) / 2, 1.0, -1.0)
        inwards = (start + far * side * torch.tensor([0.0, 1.0])).clip(self._low, self._high)
        near = torch.linalg.vector_norm(there - start, dim=1, keepdim=True) < nearest
        return torch.where(near, inwards, there)


def _heading(way: Tensor) -> Tensor:
    """Direction [k] rad of a way [k, 2] on the table."""
    return torch.atan2(way[:, 1], way[:, 0])

"""Reach: bring the gripper to a goal in the workspace and keep it there. Any arm with a tool site can do it."""

from __future__ import annotations

from typing import Any, ClassVar

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Positive, Settings, TaskSettings, Workspace
from ashore.sim.engine.world import World
from ashore.sim.rotations import about, angle_between, canonical, multiply
from ashore.sim.scene.table import add_frame_sensor, workspace
from ashore.sim.tasks.manipulation import ArmOptions, ArmTask
from ashore.sim.tasks.rewards import RewardWeights, cost, reward
from ashore.sim.tasks.task import StepOutcome


class ReachOptions(ArmOptions):
    """Whether orientation counts too, and how goal orientations are spread around straight down."""

    orientation: bool = False
    tilt: Positive = 0.5  # rad, from straight down
    turn: Positive = 0.8  # rad about the tool's axis, from the orientation at home
    angle_tolerance: Positive = 0.15  # rad


class ReachRewards(RewardWeights):
    """What the reward is made of."""

    distance: float = reward(0.5, "the tool comes near the goal")
    precision: float = reward(1.0, "the tool is at the goal")
    action_rate: float = reward(0.5, "the velocities asked for change little from step to step")
    collision: float = cost(-5.0, "a contact")


class PoseRewards(ReachRewards):
    """Where the orientation counts too."""

    orientation: float = reward(1.0, "the tool is turned as the goal asks")


class ArmReach(ArmTask):
    """Success: the tool stays within `tolerance` of the goal for `hold_seconds`, and within `angle_tolerance` of its
    orientation where that counts, which is then rewarded too. Any contact ends the episode.
    """

    Options: ClassVar[type[Settings]] = ReachOptions
    Rewards = ReachRewards
    num_uniforms = 4

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        box = workspace(settings.robot)
        self._low = torch.tensor(box.low)
        self._span = torch.tensor(box.high) - self._low
        if self.options.orientation:
            self.num_uniforms = 7
            self._rotation = self.sensor("tool_orientation")
            self.goal_orientation = torch.zeros(world.num_worlds, 4)
            self.goal_orientation[:, 0] = 1.0
            self._home_turn = self.tool_turn_at_home()

    @classmethod
    def rewards_model(cls, settings: TaskSettings) -> type[RewardWeights]:
        return PoseRewards if cls.read_options(settings).orientation else cls.Rewards

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        if cls.read_options(settings).orientation:
            site = settings.robot.tool_site or ""
            add_frame_sensor(
                spec, "tool_orientation", mujoco.mjtSensor.mjSENS_FRAMEQUAT, mujoco.mjtObj.mjOBJ_SITE, site
            )

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        if not self.options.orientation:
            return super().signals
        return (
            *super().signals,
            SignalSpec(
                name="goal_orientation",
                size=4,
                unit="1",
                kind="command",
                frame="b",
                max_age=5 * self.settings.control_dt,
                description="how the tool shall be turned: unit quaternion wxyz, w >= 0",
            ),
        )

    @property
    def privileged_size(self) -> int:
        return 2 * len(self.settings.robot.joints) + 6 + 5 * self.options.orientation

    def goal_command(self) -> Tensor:
        return torch.cat((self.goal, self.goal_orientation), 1) if self.options.orientation else self.goal

    def privileged(self) -> Tensor:
        error = self.goal - self._tool
        distance = torch.linalg.vector_norm(error, dim=1, keepdim=True)
        held = (self.held / self._hold_steps).unsqueeze(1)
        near = torch.exp(distance / -0.05)
        parts = [self.joint_position(), self.joint_velocity(), error, distance, near, held]
        if self.options.orientation:
            rotation = self._rotation
            parts += [canonical(rotation), angle_between(rotation, self.goal_orientation).unsqueeze(1)]
        return torch.cat(parts, 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        distance = torch.linalg.vector_norm(self.goal - self._tool, dim=1)
        within, contact = distance < self.options.tolerance, self.collided()
        terms = [
            1.0 - torch.tanh(distance / 0.2),
            torch.exp(distance / -0.02),
            self.action_rate(requested_velocity, previous_velocity),
            contact.float(),
        ]
        if self.options.orientation:
            angle = angle_between(self._rotation, self.goal_orientation)
            within = within & (angle < self.options.angle_tolerance)
            terms.append(0.5 * torch.exp(angle / -0.1) + 0.5 * (1.0 - angle / torch.pi))
        self.hold(within)
        return StepOutcome(torch.stack(terms, 1).mul_(self.weights), contact, self.success)

    @property
    def goal_box(self) -> Workspace:
        return workspace(self.settings.robot)

    def draw_goal(self, ids: Tensor, u: Tensor) -> Tensor:
        if self.options.orientation:
            self.goal_orientation.index_copy_(0, ids, self._draw_orientation(u[:, 4:7]))
        return self._low + u[:, 1:4] * self._span

    def state_dict(self) -> dict[str, Any]:
        more = {"goal_orientation": self.goal_orientation.clone()} if self.options.orientation else {}
        return super().state_dict() | more

    def _draw_orientation(self, u: Tensor) -> Tensor:
        """Straight down, turned about the vertical, then tilted about a horizontal axis: u [k, 3] -> [k, 4]."""
        down = torch.tensor([0.0, 1.0, 0.0, 0.0])  # half a turn about x
        up = torch.tensor([0.0, 0.0, 1.0])
        turned = multiply(about(up, self._home_turn + self.options.turn * (2 * u[:, 0] - 1)), down)
        heading = 2 * torch.pi * u[:, 1:2]
        axis = torch.cat((heading.cos(), heading.sin(), torch.zeros_like(heading)), 1)
        return canonical(multiply(about(axis, self.options.tilt * u[:, 2].sqrt()), turned))

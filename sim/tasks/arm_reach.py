"""Reach: bring the gripper to a goal in the workspace and keep it there. Any arm with a tool site can do it."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from pydantic import model_validator
from torch import Tensor

from configs.contract import SignalSpec
from configs.schema import NonNegative, Positive, Settings, TaskSettings, Vector
from sim.robot import ModelError
from sim.scene import add_lighting
from sim.task import Marker, Outcome, Task, TaskError, sensor_columns
from sim.world import World

CALM_SCALE = 6.0  # the term is 0 where every joint asks for 20 times the acceleration limit
STARTS = 2048  # candidates for start postures; those that touch nothing make the pool


class ReachOptions(Settings):
    """The workspace is a box in the frame of the robot's base."""

    tolerance: Positive = 0.02  # m
    hold_seconds: Positive = 0.5
    workspace_low: Vector = (0.3, -0.35, 0.1)  # m
    workspace_high: Vector = (0.65, 0.35, 0.6)  # m
    start_spread: Vector = (1.0, 0.4, 0.6, 0.5, 0.6, 0.5, 1.0)  # rad around home, one a joint
    calm_weight: NonNegative = 0.5
    collision_weight: NonNegative = 5.0

    @model_validator(mode="after")
    def _box(self) -> ReachOptions:
        if len(self.workspace_low) != 3 or len(self.workspace_high) != 3:
            raise ValueError("workspace_low and workspace_high; allowed: three values each, m")
        if any(lo >= hi for lo, hi in zip(self.workspace_low, self.workspace_high, strict=True)):
            raise ValueError(
                f"workspace_low = {list(self.workspace_low)} m; allowed: below {list(self.workspace_high)} m"
            )
        return self


class ArmReach(Task):
    """Success: the tool stays within `tolerance` of the goal for `hold_seconds`. Any contact ends the episode."""

    Options = ReachOptions
    reward_terms = ("distance", "precision", "calm", "collision")
    draws = 4

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        n, joints = world.num_worlds, len(settings.robot.joints)
        if len(self.options.start_spread) != joints:
            raise TaskError(f"task.options.start_spread has {len(self.options.start_spread)} values; allowed: {joints}")
        self._tool = world.sensordata[:, sensor_columns(world.model, "tool_position")]
        self._contact = world.sensordata[:, sensor_columns(world.model, "contact").start]
        self._low = torch.tensor(self.options.workspace_low)
        self._span = torch.tensor(self.options.workspace_high) - self._low
        self._hold_steps = round(self.options.hold_seconds / settings.control_dt)
        self._dv = torch.tensor(settings.robot.acceleration_limit) * settings.control_dt
        self._weights = torch.tensor([0.5, 1.0, self.options.calm_weight, -self.options.collision_weight])
        self._starts = self._free_postures()
        self.goal = torch.zeros(n, 3)
        self.held = torch.zeros(n)  # control steps within tolerance, in a row
        self.success = torch.zeros(n, dtype=torch.bool)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        robot, base = settings.robot, spec.worldbody.first_body()
        if robot.tool_site is None:
            raise ModelError(f"robot {robot.name} has no tool_site, which task {settings.name} needs")
        add_lighting(spec)
        spec.worldbody.add_geom(
            name="table",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.65, 0.7, 0.02],
            pos=[0.4, 0, -0.02],
            rgba=[0.68, 0.55, 0.42, 1],
            contype=4,
            conaffinity=2,
        )
        spec.worldbody.add_camera(
            name="overview", pos=[1.55, -1.25, 1.0], xyaxes=[0.64, 0.77, 0, -0.34, 0.28, 0.9], fovy=42
        )
        tool = spec.add_sensor(name="tool_position", type=mujoco.mjtSensor.mjSENS_FRAMEPOS)
        tool.objtype, tool.objname = mujoco.mjtObj.mjOBJ_SITE, robot.tool_site
        tool.reftype, tool.refname = mujoco.mjtObj.mjOBJ_XBODY, base.name
        spec.add_sensor(name="contact", type=mujoco.mjtSensor.mjSENS_CONTACT, intprm=[1, 0, 1])

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        n, stale = len(self.settings.robot.joints), 5 * self.settings.control_dt
        return (
            SignalSpec(
                name="joint_position",
                size=n,
                unit="rad",
                kind="measurement",
                max_age=stale,
                description="encoders of the driven joints",
            ),
            SignalSpec(
                name="joint_velocity",
                size=n,
                unit="rad/s",
                kind="measurement",
                max_age=stale,
                description="velocities of the driven joints",
            ),
            SignalSpec(
                name="goal_position",
                size=3,
                unit="m",
                kind="command",
                frame="b",
                max_age=stale,
                description="where the tool shall be",
            ),
        )

    @property
    def privileged_size(self) -> int:
        return 2 * len(self.settings.robot.joints) + 6

    def measure(self) -> Tensor:
        return torch.cat((self.world.qpos[:, self.qpos_of], self.world.qvel[:, self.dof_of]), 1).float()

    def command(self) -> Tensor:
        return self.goal

    def privileged(self) -> Tensor:
        error = self.goal - self._tool.float()
        distance = torch.linalg.vector_norm(error, dim=1, keepdim=True)
        held = (self.held / self._hold_steps).unsqueeze(1)
        near = torch.exp(distance / -0.05)
        return torch.cat((self.joint_position(), self.joint_velocity(), error, distance, near, held), 1)

    def judge(self, asked: Tensor, before: Tensor) -> Outcome:
        distance = torch.linalg.vector_norm(self.goal - self._tool, dim=1).float()
        within = distance < self.options.tolerance
        self.held = (self.held + 1.0).mul_(within)
        self.success = self.success | (self.held >= self._hold_steps)
        contact = self._contact > 0
        # Logarithmic, so that it still tells better from worse where exploration asks for far more than the limits allow.
        haste = torch.log1p((asked - before).div_(self._dv).square_()).mean(1)
        terms = torch.stack(
            (
                1.0 - torch.tanh(distance / 0.2),
                torch.exp(-distance / 0.02),
                1.0 - haste / CALM_SCALE,
                contact.float(),
            ),
            1,
        )
        return Outcome(terms * self._weights, contact, self.success)

    def place(self, ids: Tensor, u: Tensor) -> None:
        chosen = (u[:, 3] * len(self._starts)).long()
        self.world.qpos.index_copy_(0, ids, self._starts.index_select(0, chosen))

    def begin(self, ids: Tensor, u: Tensor) -> None:
        self.goal.index_copy_(0, ids, self._low + u[:, :3] * self._span)
        self.held.index_fill_(0, ids, 0.0)
        self.success.index_fill_(0, ids, False)

    def markers(self, world: int) -> list[Marker]:
        return [Marker(self.goal[world].tolist(), self.options.tolerance, (0.1, 0.75, 0.35, 0.55))]

    def state_dict(self) -> dict[str, Any]:
        return {"goal": self.goal.clone(), "held": self.held.clone(), "success": self.success.clone()}

    def _free_postures(self) -> Tensor:
        """Start postures around home whose tool is in the workspace and that touch nothing: [m, nq] float64."""
        model, robot = self.world.model, self.settings.robot
        batch = Batch(model, STARTS, 1)
        spread, home = np.array(self.options.start_spread), np.array(robot.home)
        qpos = batch.bind("qpos")
        qpos[:, self.qpos_of] = home + np.random.Generator(np.random.Philox(0)).uniform(
            -spread, spread, (STARTS, len(home))
        )
        data = batch.bind("sensordata")
        batch.forward()
        tool = data[:, sensor_columns(model, "tool_position")]
        inside = ((tool > self.options.workspace_low) & (tool < self.options.workspace_high)).all(1)
        limits = model.jnt_range[[model.joint(name).id for name in robot.joints]]
        allowed = ((qpos[:, self.qpos_of] > limits[:, 0]) & (qpos[:, self.qpos_of] < limits[:, 1])).all(1)
        free = inside & allowed & (data[:, sensor_columns(model, "contact").start] == 0)
        if free.sum() < 16:
            raise ModelError(
                f"only {int(free.sum())} of {STARTS} postures around home of robot {robot.name} have the tool in the workspace "
                "and touch nothing; widen workspace_low/high or start_spread, or mend robot.home"
            )
        return torch.from_numpy(qpos[free].copy())

"""Reorient: turn a cube that lies in an open hand to a goal orientation, then to the next one, and never drop it.

After OpenAI's block (arXiv 1808.00177) and MuJoCo Playground's LeapCubeReorient (arXiv 2502.08844). Orientations are columns
of rotation matrices, which are continuous where quaternions have two signs (Zhou et al., arXiv 1812.07035); the actor sees
the first two columns. All of them are in the frame of the hand's base.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import mujoco
import torch
from torch import Tensor

from ashore.configs.base import Count, NonNegative, Positive, Settings
from ashore.configs.contract import SignalSpec
from ashore.configs.schema import TaskSettings
from ashore.sim import rotation_matrices, rotations
from ashore.sim.engine.world import World, free_joint_start
from ashore.sim.robots.robot import ModelError
from ashore.sim.scene.scene import add_lighting
from ashore.sim.tasks.hand_cube import add_cube, add_cube_sensors, cube_faces, palm, settled_states
from ashore.sim.tasks.rewards import RewardWeights, cost, reward
from ashore.sim.tasks.task import Marker, StepOutcome, Task, sensor_columns

GOALS = 16  # drawn when an episode begins; a hand that gets through them meets them again
ACTION_RATE_SCALE = 6.0  # the term is 0 where every joint asks for 20 times the acceleration limit
HOLD_SCALE = 0.05  # m
FASTEST_TURN = 0.2  # rad in a control step that are rewarded, either way
DISPLAY = (0.0, 0.17, 0.03)  # m from the tool site: where viewers see the goal


class ReorientOptions(Settings):
    """A goal is reached within `tolerance`; the next one follows at once."""

    tolerance: Positive = 0.4  # rad, as in arXiv 1808.00177
    successes: Count = 1  # goals in a row that make the episode a success
    # any: uniform over all orientations. palm: about the palm's normal, an eighth to a quarter turn from goal to goal.
    goal_axis: Literal["any", "palm"] = "any"
    cube_edge: Positive = 0.07  # m, as in LeapCubeReorient
    cube_mass: Positive = 0.108  # kg, likewise
    drop_distance: Positive = 0.12  # m from the tool site: a cube further away has fallen
    start_spread: NonNegative = 0.1  # rad around home, every joint


class ReorientRewards(RewardWeights):
    """What the reward is made of: turning and goal after arXiv 1808.00177."""

    turning: float = reward(2.5, "what the cube turned towards the goal in this step, rad")
    goal: float = reward(5.0, "the goal is reached, and the next one follows")
    hold: float = reward(0.02, "the cube is where the hand holds")
    action_rate: float = reward(0.03, "targets change no faster than the joints can")
    effort: float = reward(0.02, "the servos' torques are small")
    drop: float = cost(-5.0, "the cube fell")


class HandReorient(Task):
    """Success: `successes` goals in a row. The cube's fall ends the episode.

    goals_per_second: goals reached, 1/s; times the episode's length, the goals in a row of arXiv 1808.00177
    rotation_error: angle that is left to the goal, rad
    """

    Options = ReorientOptions
    Rewards = ReorientRewards
    success_lasts = True
    metrics = ("goals_per_second", "rotation_error")
    num_uniforms = 2 + 3 * GOALS

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        n, model, robot = world.num_worlds, world.model, settings.robot
        first, last = sensor_columns(model, "cube_position").start, sensor_columns(model, "cube_z").stop
        self._seen = world.sensordata[:, first:]  # [N, m] all about the cube, its orientation after its position
        self._position, self._axes = self._seen[:, :3], self._seen[:, 3 : last - first]
        self._grasp, self._normal = palm(model, settings)
        self._dv = torch.tensor(robot.acceleration_limit) * settings.control_dt
        self._kp, self._kd = torch.tensor(robot.kp), torch.tensor(robot.kd)
        ranges = model.jnt_actfrcrange[[model.joint(name).id for name in robot.joints], 1]
        if unlimited := [name for name, torque in zip(robot.joints, ranges, strict=True) if torque <= 0]:
            raise ModelError(
                f"robot {robot.name} has no torque limit of {unlimited}, which task {settings.name} needs: "
                "effort is judged by it; give these joints an `actuatorfrcrange` in the model"
            )
        self._strength = torch.from_numpy(ranges).float()  # N*m
        start = free_joint_start(model, "cube")
        self._cube_of = slice(start + 3, start + 7)  # orientation in qpos
        self._symmetries = rotations.cube_symmetries()
        nominal = settings.model_copy(update={"randomization": {}, "rewards": {}})
        self._starts = settled_states(type(self), nominal.model_dump_json())
        self.goals = torch.zeros(n, GOALS, 9, dtype=torch.float64)
        self.goal = torch.zeros(n, 9, dtype=torch.float64)
        self.angle = torch.zeros(n)  # rad from the goal
        self.count = torch.zeros(n, dtype=torch.int64)  # goals reached in this episode
        self.success = torch.zeros(n, dtype=torch.bool)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        robot, options = settings.robot, cls.read_options(settings)
        if robot.tool_site is None:
            raise ModelError(f"robot {robot.name} has no tool_site, which task {settings.name} needs: where it holds")
        assert isinstance(options, ReorientOptions)
        base = spec.worldbody.first_body()
        add_lighting(spec)
        floor = spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0.6, 0.6, 0.01])
        floor.rgba, floor.contype, floor.conaffinity = [0.5, 0.43, 0.35, 1], 0, 0
        spec.worldbody.add_camera(
            name="overview", pos=[0.36, -0.37, 0.48], xyaxes=[0.78, 0.63, 0, -0.31, 0.38, 0.87], fovy=36
        )
        add_cube(spec, options.cube_edge, options.cube_mass)
        add_cube_sensors(spec, base.name)

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        n, stale = len(self.settings.robot.joints), 5 * self.settings.control_dt
        two = "first two columns of the rotation matrix"

        def signal(name: str, size: int, unit: str, kind: Any, description: str, frame: str = "") -> SignalSpec:
            return SignalSpec(
                name=name, size=size, unit=unit, kind=kind, frame=frame, max_age=stale, description=description
            )

        return (
            signal("joint_position", n, "rad", "measurement", "encoders of the driven joints"),
            signal("joint_velocity", n, "rad/s", "measurement", "velocities of the driven joints"),
            signal("cube_position", 3, "m", "estimate", "the cube's centre", "b"),
            signal("cube_orientation", 6, "1", "estimate", f"the cube's orientation, {two}", "b"),
            signal("rotation_to_goal", 6, "1", "estimate", f"goal times inverse of cube orientation, {two}", "b"),
            signal("goal_orientation", 6, "1", "command", f"how the cube shall lie, {two}", "b"),
        )

    @property
    def privileged_size(self) -> int:
        return 2 * len(self.settings.robot.joints) + self._seen.shape[1] + 9 + 3

    def measure(self) -> Tensor:
        to_goal = rotation_matrices.between(self._axes, self.goal)[:, :6]
        joints = (self.world.qpos[:, self.qpos_of], self.world.qvel[:, self.dof_of])
        return torch.cat((*joints, self._seen[:, :9], to_goal), 1).float()

    def goal_command(self) -> Tensor:
        return self.goal[:, :6].float()

    def privileged(self) -> Tensor:
        angle = self.angle.unsqueeze(1)
        joints = (self.world.qpos[:, self.qpos_of], self.world.qvel[:, self.dof_of])
        near = (torch.exp(angle / -self.options.tolerance), self.count.unsqueeze(1))
        return torch.cat(
            (*joints, self._seen, rotation_matrices.between(self._axes, self.goal), angle, *near), 1
        ).float()

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        angle = rotation_matrices.angle(self._axes, self.goal).float()
        reached = angle < self.options.tolerance
        away = torch.linalg.vector_norm(self._position - self._grasp, dim=1).float()
        dropped = away > self.options.drop_distance
        # Logarithmic, so that it still tells better from worse where exploration asks for far more than the limits allow.
        haste = torch.log1p((requested_velocity - previous_velocity).div_(self._dv).square_()).mean(1)
        terms = torch.stack(
            (
                (self.angle - angle).clip_(-FASTEST_TURN, FASTEST_TURN),
                reached.float(),
                torch.exp(away / -HOLD_SCALE),
                1.0 - haste / ACTION_RATE_SCALE,
                1.0 - self._load().square_().mean(1),
                dropped.float(),
            ),
            1,
        )
        self.angle.copy_(angle)
        self._advance(reached & ~dropped)
        metrics = torch.stack((reached / self.settings.control_dt, angle), 1)
        return StepOutcome(terms * self.weights, dropped, self.success, metrics)

    def _load(self) -> Tensor:
        """Servo torque as a share of the greatest, as the nominal gains give it: [N, joints] in [-1, 1]."""
        lag = (self.world.act - self.world.qpos[:, self.qpos_of]).float()
        torque = torch.addcmul(lag * self._kp, self.joint_velocity(), self._kd, value=-1.0)
        return torch.minimum(torch.maximum(torque, -self._strength), self._strength).div_(self._strength)

    def _advance(self, reached: Tensor) -> None:
        """Count the goals that were reached and set the next ones."""
        if not reached.any():
            return
        ids = reached.nonzero().squeeze(1)
        self.count = self.count + reached
        self._set_goal(ids, self.goals[ids, self.count[ids] % GOALS])
        self.success = self.success | (self.count >= self.options.successes)

    def _set_goal(self, ids: Tensor, goal: Tensor) -> None:
        self.goal.index_copy_(0, ids, goal)
        self.angle.index_copy_(0, ids, rotation_matrices.angle(self._axes.index_select(0, ids), goal).float())

    def place(self, ids: Tensor, u: Tensor) -> None:
        qpos = self._starts.index_select(0, (u[:, 0] * len(self._starts)).long())
        # The same state with any other face on top: the cube is the same, its name of "up" is not.
        turn = self._symmetries.index_select(0, (u[:, 1] * len(self._symmetries)).long())
        qpos[:, self._cube_of] = rotations.multiply(qpos[:, self._cube_of], turn)
        self.world.qpos.index_copy_(0, ids, qpos)

    def begin(self, ids: Tensor, u: Tensor) -> None:
        drawn = u[:, 2 : self.num_uniforms].double().unflatten(1, (GOALS, 3))
        if self.options.goal_axis == "palm":
            signed = 2 * drawn[:, :, 0] - 1
            turns = torch.cumsum((signed.abs() + 1).copysign(signed) * (math.pi / 4), 1)
            turned = rotation_matrices.from_quaternion(rotations.about(self._normal, turns))
            goals = rotation_matrices.compose(turned, self._axes[ids].unsqueeze(1))
        else:
            goals = rotation_matrices.from_quaternion(rotations.uniform(drawn))
        self.goals.index_copy_(0, ids, goals)
        self._set_goal(ids, goals[:, 0])
        self.count.index_fill_(0, ids, 0)
        self.success.index_fill_(0, ids, False)

    def markers(self, world: int) -> list[Marker]:
        centre = [a + b for a, b in zip(self._grasp.tolist(), DISPLAY, strict=True)]
        return cube_faces(centre, self.goal[world], self.options.cube_edge)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name).clone() for name in ("goals", "goal", "angle", "count", "success")}

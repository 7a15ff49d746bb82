"""Get up: from wherever it has fallen, on its side or its back, the robot stands up into its home posture and stays."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Fraction, Positive, Settings, TaskSettings
from ashore.sim import rotations
from ashore.sim.engine.world import World
from ashore.sim.robots.robot import ModelError
from ashore.sim.scene.computed_once import computed_once
from ashore.sim.tasks import locomotion
from ashore.sim.tasks.rewards import RewardWeights, reward
from ashore.sim.tasks.task import StepOutcome, Task

DROPS = 256  # falls that make the pool of start postures
HEIGHT, FALL = 0.5, 1.5  # m above the ground, s until it lies still
LYING = 0.15  # m/s and rad/s: what has fallen moves less, on average over its degrees of freedom


class GetupOptions(Settings):
    upright: Fraction = 0.95  # cosine of the tilt that counts as upright
    height: Fraction = 0.8  # of the home posture's height
    posture: Positive = 0.3  # rad, largest mean distance of the joints from home
    hold_seconds: Positive = 1.0


class GetupRewards(RewardWeights):
    """What the reward is made of."""

    upright: float = reward(1.0, "the trunk is upright, by its angle")
    height: float = reward(1.0, "the upright trunk is as high as at home")
    posture: float = reward(1.0, "the joints are near home, once it has risen")
    stand: float = reward(1.0, "it stands, and moves little")
    action_rate: float = reward(0.3, "small velocities are asked for, worth more the more upright it is")
    effort: float = reward(0.3, "the motors' power is small, worth more the more upright it is")


class QuadrupedGetup(Task):
    """Success: at the end of the episode the robot has stood for `hold_seconds`: upright, high enough, joints near home.

    Nothing but time ends the episode.
    """

    Options = GetupOptions
    Rewards = GetupRewards
    num_uniforms = 2

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        self.reading = locomotion.Reading(self)
        self._home = torch.tensor(settings.robot.home)
        self._height = locomotion.home_height(world.model, settings)
        self._hold_steps = round(self.options.hold_seconds / settings.control_dt)
        robot = settings.robot.model_dump_json()
        (starts,) = computed_once(world.model, f"fallen postures {robot}", lambda: (self._fallen_postures().numpy(),))
        self._starts = torch.from_numpy(starts)
        self.held = torch.zeros(world.num_worlds)  # control steps of standing, in a row
        self.success = torch.zeros(world.num_worlds, dtype=torch.bool)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        locomotion.add_ground(spec, locomotion.LOWER | locomotion.UPPER)
        locomotion.add_sensors(spec, settings)
        for geom in locomotion.root(spec).geoms:
            if geom.contype == locomotion.LOWER:
                geom.conaffinity = locomotion.LOWER  # lower legs do not pass through the trunk

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        return locomotion.proprioception(self.settings)

    @property
    def privileged_size(self) -> int:
        return 3 * len(self.settings.robot.joints) + 2 * self.reading.num_feet + 12

    def measure(self) -> Tensor:
        self.reading.update()
        r = self.reading
        return torch.cat((r.joints, r.gyro, -r.up), 1)

    def goal_command(self) -> Tensor:
        return torch.zeros(self.world.num_worlds, 0)

    def privileged(self) -> Tensor:
        r = self.reading
        touching = torch.cat((r.foot_contact, r.base_contact.unsqueeze(1)), 1) > 0
        held = (self.held / self._hold_steps).clip(max=1.0).unsqueeze(1)
        parts = (r.velocity, r.gyro, r.up, r.joints, r.torque, r.base[:, 2:3], r.foot_position[..., 2])
        return torch.cat((*parts, touching, held), 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        r, o, joints = self.reading, self.options, requested_velocity.shape[1]
        r.update()
        up, height = r.up[:, 2], r.base[:, 2] / self._height
        away = (r.joints[:, :joints] - self._home).abs_().mean(1)
        stands = (up > o.upright) & (height > o.height) & (away < o.posture)
        self.held = (self.held + 1.0) * stands
        self.success = self.held >= self._hold_steps
        rises = (height / 0.9).clip_(0.0, 1.0) * up.clip(min=0.0)
        effort = (r.torque * r.joints[:, joints:]).abs_().sum(1) / 150.0
        haste = (requested_velocity * (self.settings.control_dt / 0.3)).square_().mean(1)
        # By the angle: its cosine hardly changes where the robot lies on its back. There, keeping still is worth nothing.
        upright = 1.0 - up.clip(-1.0, 1.0).acos_() / math.pi
        terms = torch.stack(
            (
                upright,
                rises,
                rises * (-away / 0.4).exp_(),
                stands / (1.0 + r.joints[:, joints:].square().mean(1)),
                upright / (1.0 + haste),
                upright / (1.0 + effort),
            ),
            1,
        )
        return StepOutcome(terms * self.weights, torch.zeros_like(self.success), self.success)

    def place(self, ids: Tensor, u: Tensor) -> None:
        qpos = self._starts.index_select(0, (u[:, 0] * len(self._starts)).long())
        turn = locomotion.level_pose(torch.zeros(len(ids)), 2 * math.pi * u[:, 1].float())[:, 3:].double()
        qpos[:, 3:7] = rotations.multiply(turn, qpos[:, 3:7])
        self.world.qpos.index_copy_(0, ids, qpos)

    def begin(self, ids: Tensor, u: Tensor) -> None:
        self.held.index_fill_(0, ids, 0.0)
        self.success.index_fill_(0, ids, False)

    def state_dict(self) -> dict[str, Tensor]:
        return {"held": self.held.clone(), "success": self.success.clone()}

    def _fallen_postures(self) -> Tensor:
        """Where the robot lies after it was dropped in random attitudes, its joints held at random angles: [m, nq] float64."""
        model = self.world.model
        batch, random = Batch(model, DROPS, 1), np.random.Generator(np.random.Philox(0))
        qpos, qvel, act = (batch.bind(name) for name in ("qpos", "qvel", "act"))
        limits = model.jnt_range[[model.joint(name).id for name in self.settings.robot.joints]]
        attitude = random.normal(size=(DROPS, 4))
        qpos[:, :3] = [0.0, 0.0, HEIGHT]
        qpos[:, 3:7] = attitude / np.linalg.norm(attitude, axis=1, keepdims=True)
        act[:] = random.uniform(limits[:, 0], limits[:, 1], (DROPS, len(limits)))
        qpos[:, self.qpos_of] = act
        batch.step(None, round(FALL / model.opt.timestep), int(mujoco.mjtStage.mjSTAGE_VEL))
        # What a divergence leaves is no number, and fails the comparison.
        lies = (np.abs(qvel).mean(1) < LYING) & (np.abs(qpos[:, :2]) < 2.0).all(1)
        if lies.sum() < DROPS / 4:
            raise ModelError(
                f"only {int(lies.sum())} of {DROPS} drops of robot {self.settings.robot.name} lie still after {FALL} s; "
                "mend the robot's collision geometry or its gains"
            )
        starts = qpos[lies].copy()
        starts[:, :2] = 0.0
        return torch.from_numpy(starts)

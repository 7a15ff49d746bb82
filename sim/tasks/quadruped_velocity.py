"""Walk as told: follow a commanded velocity over the ground and a commanded yaw rate, however the legs like to do it."""

from __future__ import annotations

from typing import Any, ClassVar

import mujoco
import torch
from pydantic import model_validator
from torch import Tensor

from ashore.configs.base import Vector
from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Fraction, Positive, Settings, TaskSettings
from ashore.sim.engine.world import World
from ashore.sim.tasks import locomotion
from ashore.sim.tasks.rewards import RewardWeights, reward
from ashore.sim.tasks.task import StepOutcome, Task
from ashore.sim.tasks.velocity_commands import Timetable

JOINTS = 12
TIPPED = 0.5  # cosine of the tilt that counts as a fall
COMMAND_STALE = (
    0.5  # s, after which a robot that hears no command stands still: the default of ros2_control's own drivers of bases
)
SHORT, LONG = 0.2, 0.6  # s, of a foot on the ground or in the air while walking
CLEARANCE = 0.08  # m, of a swinging foot's centre above the ground
# At its scale a term's weight is down to 1/e of it, where an error is to be followed, and to half of it, where a cost is.
FOLLOWING = {"linear_velocity": 0.5, "yaw_rate": 0.5}  # m/s, rad/s
MANNERS = {
    "upright": 0.05,  # squared sine of the tilt
    "height": 0.01,  # squared distance from the band around the home posture's height, as a fraction of that
    "bounce": 0.1,  # (m/s)^2, vertical
    "sway": 2.0,  # (rad/s)^2, of roll and pitch
    "pose": 0.2,  # rad^2, mean over the joints' distances from home; three times that while standing
    "action_rate": 30.0,  # (rad/s)^2, mean over the joints' asked target velocities
    "effort": 150.0,  # W, of all joints
    "stride": 0.5,  # feet that moved too soon or stayed too long; while standing, feet in the air
    "slip": 0.3,  # (m/s)^2, of feet on the ground
    "clearance": 0.1,  # m * m/s, of swinging feet too low or too high
}
BAND = (0.86, 1.0)  # of the home posture's height: its servos give way under the robot's weight


class VelocityOptions(Settings):
    """Commands: forward and leftward velocity in m/s and yaw rate in rad/s, in the frame of the robot's base."""

    command_low: Vector = (-0.6, -0.4, -0.7)
    command_high: Vector = (1.0, 0.4, 0.7)
    stand_fraction: Fraction = 0.1  # of the commands are zero
    tolerance: Positive = 0.25  # m/s, of the episode's mean error in a success

    @model_validator(mode="after")
    def _box(self) -> VelocityOptions:
        low, high = self.command_low, self.command_high
        if len(low) != 3 or len(high) != 3 or any(a > b for a, b in zip(low, high, strict=True)):
            raise ValueError(
                f"command_low = {list(low)}, command_high = {list(high)}; allowed: three values each, low <= high"
            )
        return self


class VelocityRewards(RewardWeights):
    """Following is rewarded by exp(-(error / scale)^2), everything else by 1 / (1 + cost / scale): all are bounded."""

    linear_velocity: float = reward(2.0, "the velocity is the commanded one")
    yaw_rate: float = reward(1.0, "the yaw rate is the commanded one")
    upright: float = reward(0.4, "the trunk is level")
    height: float = reward(0.3, "the trunk is about as high as at home")
    bounce: float = reward(0.2, "the trunk moves little up and down")
    sway: float = reward(0.2, "the trunk rolls and pitches slowly")
    pose: float = reward(0.4, "the joints are near home")
    action_rate: float = reward(0.6, "small velocities are asked for")
    effort: float = reward(0.3, "the motors' power is small")
    stride: float = reward(0.8, "steps are neither too short nor too long")
    slip: float = reward(0.3, "feet on the ground stay where they are")
    clearance: float = reward(0.4, "swinging feet keep their height")


class QuadrupedVelocity(Task):
    """Success: the robot does not fall, and its velocity is on average within `tolerance` of the commanded one.

    A fall, the trunk on the ground or tilted by 60 degrees, ends the episode. Rewards after the published joystick tasks
    (MuJoCo Playground's Go1Joystick, legged_gym), recast so that each is bounded and none is negative.
    """

    Options = VelocityOptions
    Rewards = VelocityRewards
    metrics: ClassVar[tuple[str, ...]] = ("tracking_error", "yaw_rate_error")  # m/s, rad/s
    num_uniforms = Timetable.num_uniforms + 4 + JOINTS

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        n, o = world.num_worlds, self.options
        self.reading = locomotion.Reading(self)
        feet = self.reading.num_feet
        self._home = torch.tensor(settings.robot.home)
        self._height = locomotion.home_height(world.model, settings)
        self._scales = torch.tensor([*FOLLOWING.values(), *MANNERS.values()])
        self._one = torch.ones(())
        low, high = torch.tensor(o.command_low), torch.tensor(o.command_high)
        self.timetable = Timetable(low, high, o.stand_fraction, settings.episode_steps, n)
        self.touching = torch.ones(n, feet)  # 1 where a foot is on the ground
        self.since = torch.zeros(n, feet)  # s since that last changed
        self.error_sum = torch.zeros(n)  # m/s, over the episode's steps
        self.steps = torch.zeros(n)
        self.success = torch.zeros(n, dtype=torch.bool)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        locomotion.add_ground(spec)
        locomotion.add_sensors(spec, settings)

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        stale = COMMAND_STALE
        return (
            *locomotion.proprioception(self.settings),
            SignalSpec(
                name="linear_velocity_command",
                size=2,
                unit="m/s",
                kind="command",
                frame="b",
                max_age=stale,
                description="forward and leftward velocity that the base shall have",
            ),
            SignalSpec(
                name="yaw_rate_command",
                size=1,
                unit="rad/s",
                kind="command",
                frame="b",
                max_age=stale,
                description="turning rate to the left that the base shall have",
            ),
        )

    @property
    def privileged_size(self) -> int:
        return 3 * len(self.settings.robot.joints) + 6 * self.reading.num_feet + 10

    def measure(self) -> Tensor:
        self.reading.update()
        r = self.reading
        return torch.cat((r.joints, r.gyro, -r.up), 1)

    def goal_command(self) -> Tensor:
        return self.timetable.present

    def privileged(self) -> Tensor:
        r = self.reading
        height, feet = self._heights()
        legs = (feet, r.foot_velocity.flatten(1), self.touching, self.since)
        return torch.cat((r.velocity, r.gyro, r.up, r.joints, r.torque, height.unsqueeze(1), *legs), 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        r, command, joints, k = self.reading, self.timetable.present, requested_velocity.shape[1], len(FOLLOWING)
        r.update()
        error = torch.linalg.vector_norm(r.velocity[:, :2] - command[:, :2], dim=1)
        yaw_error = (r.gyro[:, 2] - command[:, 2]).abs_()
        tracking = torch.stack((error, yaw_error), 1)
        moving = self.timetable.moving
        height, feet = self._heights()
        costs = (
            r.up[:, :2].square().sum(1),
            (height / self._height - sum(BAND) / 2).abs_().sub_((BAND[1] - BAND[0]) / 2).clip_(min=0.0).square_(),
            r.velocity[:, 2].square(),
            r.gyro[:, :2].square().sum(1),
            (r.joints[:, :joints] - self._home).square_().mean(1) * (3.0 - 2.0 * moving),
            requested_velocity.square().mean(1),
            (r.torque * r.joints[:, joints:]).abs_().sum(1),
            *self._footwork(moving, feet),
        )
        following = (tracking / self._scales[:k]).square_().neg_().exp_()
        manners = torch.addcdiv(self._one, torch.stack(costs, 1), self._scales[k:]).reciprocal_()
        terms = torch.cat((following, manners), 1)
        terminated = (r.base_contact > 0) | (r.up[:, 2] < TIPPED)
        self.error_sum, self.steps = self.error_sum + error, self.steps + 1.0
        self.success = (self.error_sum < self.options.tolerance * self.steps) & ~terminated
        self.timetable.advance()
        return StepOutcome(terms * self.weights, terminated, self.success, tracking)

    def _footwork(self, moving: Tensor, heights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Costs [N] of steps that are too short or too long, of feet that slip, and of feet that swing too low or too high."""
        r, dt = self.reading, self.settings.control_dt
        touching = (r.foot_contact > 0).float()
        switched = (touching - self.touching).abs_()
        hurried = switched * (1.0 - self.since / SHORT).clip_(min=0.0)
        self.touching, self.since = touching, (self.since + dt) * (1.0 - switched)
        walked = (hurried + (self.since > LONG)).sum(1)
        stride = torch.lerp((1.0 - touching).sum(1), walked, moving)
        speed2 = r.foot_velocity[..., :2].square().sum(2)
        slip = (touching * speed2).sum(1)
        clearance = ((heights - CLEARANCE).abs_() * speed2.sqrt()).sum(1)
        return stride, slip, clearance

    def _heights(self) -> tuple[Tensor, Tensor]:
        """Of the base and of the feet above the ground: [N] and [N, feet] m."""
        return self.reading.base[:, 2], self.reading.foot_position[..., 2]

    def place(self, ids: Tensor, u: Tensor) -> None:
        u = u[:, Timetable.num_uniforms : QuadrupedVelocity.num_uniforms].float()
        qpos = locomotion.level_pose(self._height + 0.02 * u[:, 0], 6.2831853 * u[:, 1])
        qpos = torch.cat((qpos, self._home + 0.2 * u[:, 4:] - 0.1), 1).double()
        self.world.qpos.index_copy_(0, ids, qpos)
        self.world.qvel[ids, :2] = (0.6 * u[:, 2:4] - 0.3).double()

    def begin(self, ids: Tensor, u: Tensor) -> None:
        self.timetable.begin(ids, u[:, : Timetable.num_uniforms])
        self.touching.index_fill_(0, ids, 1.0)
        for values in (self.since, self.error_sum, self.steps):
            values.index_fill_(0, ids, 0.0)
        self.success.index_fill_(0, ids, False)

    def state_dict(self) -> dict[str, Any]:
        names = ("touching", "since", "error_sum", "steps", "success")
        return {name: getattr(self, name).clone() for name in names} | {"timetable": self.timetable.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.timetable.load_state_dict(state["timetable"])
        super().load_state_dict({name: value for name, value in state.items() if name != "timetable"})

"""Cart-pole swing-up: bring the pole up from wherever it is and keep it up. Trains in seconds; for tests and first tries."""

from __future__ import annotations

from typing import Any

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Fraction, Positive, Settings, TaskSettings
from ashore.sim.engine.world import World
from ashore.sim.robots.robot import joint_addresses
from ashore.sim.scene.scene import add_lighting
from ashore.sim.tasks.rewards import RewardWeights, reward
from ashore.sim.tasks.task import StepOutcome, Task


class SwingupOptions(Settings):
    upright: Fraction = 0.95  # cosine of the pole's angle that counts as up
    hold_seconds: Positive = 1.0


class SwingupRewards(RewardWeights):
    """What the reward is made of."""

    upright: float = reward(0.2, "how far up the pole is")
    balance: float = reward(0.8, "the pole is up and slow, the cart in the middle of its rail")


class CartpoleSwingup(Task):
    """Success: the pole stays up for `hold_seconds`. Nothing ends the episode but its time."""

    Options = SwingupOptions
    Rewards = SwingupRewards
    success_lasts = True
    num_uniforms = 2

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        qpos, dof = joint_addresses(world.model, ("hinge",))
        self._hinge = slice(int(qpos[0]), int(qpos[0]) + 1)
        # Live views, [N, 1] each.
        self._cart, self._cart_speed = world.qpos[:, self.qpos_of], world.qvel[:, self.dof_of]  # m, m/s
        self._angle, self._spin = world.qpos[:, self._hinge], world.qvel[:, int(dof[0]) : int(dof[0]) + 1]  # rad, rad/s
        self._no_command = torch.zeros(world.num_worlds, 0)
        self._hold_steps = round(self.options.hold_seconds / settings.control_dt)
        self.held = torch.zeros(world.num_worlds)
        self.success = torch.zeros(world.num_worlds, dtype=torch.bool)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        add_lighting(spec)
        spec.worldbody.add_camera(name="overview", pos=[0, -4.2, 0.4], xyaxes=[1, 0, 0, 0, 0.1, 1], fovy=45)

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        stale = 5 * self.settings.control_dt
        return (
            SignalSpec(
                name="joint_position",
                size=1,
                unit="m",
                kind="measurement",
                max_age=stale,
                description="cart on its rail",
            ),
            SignalSpec(
                name="joint_velocity",
                size=1,
                unit="m/s",
                kind="measurement",
                max_age=stale,
                description="velocity of the cart",
            ),
            SignalSpec(
                name="pole_direction",
                size=2,
                unit="1",
                kind="measurement",
                max_age=stale,
                description="cosine and sine of the pole's angle from upright",
            ),
            SignalSpec(
                name="pole_velocity",
                size=1,
                unit="rad/s",
                kind="measurement",
                max_age=stale,
                description="angular velocity of the pole",
            ),
        )

    @property
    def privileged_size(self) -> int:
        return 2

    def measure(self) -> Tensor:
        return torch.cat((self._cart, self._cart_speed, self._angle.cos(), self._angle.sin(), self._spin), 1).float()

    def goal_command(self) -> Tensor:
        return self._no_command

    def privileged(self) -> Tensor:
        return torch.cat((self._angle.cos().float(), self.held.unsqueeze(1) / self._hold_steps), 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        cosine = self._angle.squeeze(1).cos().float()
        self.held = (self.held + 1.0).mul_(cosine > self.options.upright)
        self.success = self.success | (self.held >= self._hold_steps)
        up = cosine.add_(1.0).mul_(0.5)
        still = self._cart.float().square().add_(1.0) * self._spin.float().square().mul_(0.25).add_(1.0)
        w = self.rewards
        terms = torch.stack((w.upright * up, w.balance * up / still.squeeze(1)), 1)
        return StepOutcome(terms, torch.zeros_like(self.success), self.success)

    def place(self, ids: Tensor, u: Tensor) -> None:
        start = torch.zeros(len(ids), self.world.qpos.shape[1], dtype=torch.float64)
        start[:, self.qpos_of] = (u[:, :1] - 0.5).double()
        start[:, self._hinge] = 2 * torch.pi * u[:, 1:2].double()
        self.world.qpos.index_copy_(0, ids, start)

    def begin(self, ids: Tensor, u: Tensor) -> None:
        self.held.index_fill_(0, ids, 0.0)
        self.success.index_fill_(0, ids, False)

    def state_dict(self) -> dict[str, Any]:
        return {"held": self.held.clone(), "success": self.success.clone()}

"""gymnasium's Ant-v5: a four-legged body on eight hinges. Run forward without falling or jumping too high."""

from __future__ import annotations

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import TaskSettings
from ashore.sim.engine.world import World
from ashore.sim.tasks.gymnasium_task import GymnasiumTask, feel_forces
from ashore.sim.tasks.rewards import RewardWeights, cost, reward
from ashore.sim.tasks.task import StepOutcome

LOWEST, HIGHEST = 0.2, 1.0  # m


class AntRewards(RewardWeights):
    """As in Ant-v5."""

    forward: float = reward(1.0, "speed of the torso, m/s")
    ctrl: float = cost(-0.5, "sum of the squared controls")
    survive: float = reward(1.0, "1 while healthy")
    contact: float = cost(-5e-4, "sum of the squared contact forces, clipped")


class Ant(GymnasiumTask):
    """Success: as far forward as `success_speed` leads in a full episode, and healthy.

    Healthy: the torso between 0.2 m and 1 m. Ant-v5 to the bit, but for float32 observations and rewards, and contact forces:

    gymnasium reads contact forces in the last stage of the last Runge-Kutta step, where a batch cannot look; here they are
    evaluated once more, at the state that the step led to. Under random actions, and clipped to [-1, 1], they are 0.023 in the
    mean and differ by 0.005, and with them the reward by 2e-4 a step.
    """

    Rewards = AntRewards
    planar = False
    reset_noise = 0.1
    normal_speeds = True

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        self._torso_x = world.output("xpos")[:, 1, 0]
        self._forces = torch.zeros(world.num_worlds, 6 * world.model.nbody)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        feel_forces(spec)

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        forces = self._forces.shape[1] - 6  # not on the world
        felt = self.signal("contact_force", forces, "N*m, N", "torque and force on each body, within [-1, 1]")
        return (*super().signals, felt)

    def measure(self) -> Tensor:
        return torch.cat((super().measure(), self._forces[:, 6:]), 1)

    def forward_position(self) -> Tensor:
        return self._torso_x

    def healthy(self) -> Tensor:
        z = self.world.qpos[:, 2]
        return (z >= LOWEST) & (z <= HIGHEST)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        outcome = super().judge(
            requested_velocity, previous_velocity
        )  # first: evaluating the forces moves on what it reads
        self._forces = self.world.external_forces().flatten(1).clamp(-1.0, 1.0).float()
        cost = self._forces.square().sum(1, keepdim=True).mul_(self.rewards.contact)
        return outcome._replace(rewards=torch.cat((outcome.rewards, cost), 1))

    def begin(self, ids: Tensor, u: Tensor) -> None:
        super().begin(ids, u)
        self._forces.index_fill_(0, ids, 0.0)  # as gymnasium, which has not computed any yet

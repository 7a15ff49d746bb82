"""gymnasium's Humanoid-v5: a body of 17 hinges. Walk forward without falling."""

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

LOWEST, HIGHEST = 1.0, 2.0  # m
HIGHEST_CONTACT_COST = 10.0
_SEEN = (("cinert", 1), ("cvel", 1), ("qfrc_actuator", 6))  # outputs of the engine, and how many rows are left out


class HumanoidRewards(RewardWeights):
    """As in Humanoid-v5."""

    forward: float = reward(1.25, "speed of the centre of mass, m/s")
    ctrl: float = cost(-0.1, "sum of the squared controls")
    survive: float = reward(5.0, "1 while healthy")
    contact: float = cost(-5e-7, "sum of the squared contact forces; it costs at most 10")


class Humanoid(GymnasiumTask):
    """Success: as far forward as `success_speed` leads in a full episode, and healthy.

    Healthy: the torso between 1 m and 2 m. Humanoid-v5 to the bit, but for float32 observations and rewards, and
    contact forces:

    gymnasium reads contact forces in the last stage of the last Runge-Kutta step, where a batch cannot look; here they are
    evaluated once more, at the state that the step led to. Under random actions both correlate with 0.996, and the
    contact cost, 0.25 a step in the mean, differs by 0.006.
    """

    Rewards = HumanoidRewards
    planar = False
    reset_noise = 0.01

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        self._com_x = world.output("subtree_com")[:, 0, 0]
        # Of every body but the world, and of every degree of freedom but the root's.
        self._outputs = [world.output(name)[:, first:].flatten(1) for name, first in _SEEN]
        self._seen = self._look()
        self._forces = torch.zeros(world.num_worlds, 6 * (world.model.nbody - 1))

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        feel_forces(spec)

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        bodies, n = self.world.model.nbody - 1, len(self.settings.robot.joints)
        return (
            *super().signals,
            self.signal("com_inertia", 10 * bodies, "kg*m^2, kg*m, kg", "of each body, about the centre of mass"),
            self.signal("com_velocity", 6 * bodies, "rad/s, m/s", "of each body, about the centre of mass"),
            self.signal("actuator_force", n, "N*m", "on each hinge"),
            self.signal("contact_force", 6 * bodies, "N*m, N", "torque and force on each body from outside"),
        )

    def measure(self) -> Tensor:
        return torch.cat((super().measure(), self._seen, self._forces), 1)

    def forward_position(self) -> Tensor:
        return self._com_x

    def healthy(self) -> Tensor:
        z = self.world.qpos[:, 2]
        return (z > LOWEST) & (z < HIGHEST)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        outcome = super().judge(requested_velocity, previous_velocity)
        self._seen = self._look()  # before the forces are evaluated, which moves on what these read
        self._forces = self.world.external_forces()[:, 1:].flatten(1).float()
        cost = self._forces.square().sum(1, keepdim=True).mul_(-self.rewards.contact).clamp_(max=HIGHEST_CONTACT_COST)
        return outcome._replace(rewards=torch.cat((outcome.rewards, -cost), 1))

    def begin(self, ids: Tensor, u: Tensor) -> None:
        super().begin(ids, u)
        self._seen.index_copy_(0, ids, torch.cat([v.index_select(0, ids) for v in self._outputs], 1).float())
        self._forces.index_fill_(0, ids, 0.0)  # as gymnasium, which has not computed any yet

    def _look(self) -> Tensor:
        return torch.cat(self._outputs, 1).float()

"""Walk as told over slopes, stairs and blocks, without seeing them: the ground is known to the critic alone."""

from __future__ import annotations

import math
from typing import Any

import mujoco
import torch
from torch import Tensor

from ashore.configs.schema import TaskSettings
from ashore.sim.engine.world import World
from ashore.sim.scene import terrain
from ashore.sim.tasks import locomotion
from ashore.sim.tasks.quadruped_velocity import QuadrupedVelocity

OUTSIDE = 3.5  # m, from a tile's middle to where a robot starts that shall climb
ROSE, FELL = 0.8, 0.5  # of the commanded distance
FEW = 1.0  # m: who was told to walk less than this stays on its level


class QuadrupedRough(QuadrupedVelocity):
    """`quadruped_velocity` on a field of obstacles (`ashore.sim.scene.terrain`); success is the same.

    A world starts on a tile of its level and of a random kind, in the middle or before it. In training, after `adapt`, a
    level is earned: one up where the robot covered most of the distance it was commanded, one down where it covered less
    than half or fell; above the last level one at random (the game of legged_gym, Rudin et al., arXiv 2109.11978).
    Otherwise, in evaluations, levels are drawn evenly, whatever any training has reached.
    """

    metrics = (*QuadrupedVelocity.metrics, "level")
    num_uniforms = QuadrupedVelocity.num_uniforms + 4

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        n = world.num_worlds
        self._map = terrain.HeightMap()
        ahead, aside = torch.meshgrid(torch.linspace(-0.4, 0.8, 7), torch.linspace(-0.4, 0.4, 5), indexing="ij")
        self._scan = torch.stack((ahead.flatten(), aside.flatten()))  # m, in a level frame below the base
        self.adapts = False
        self.level = torch.zeros(n)
        self.told = torch.zeros(n)  # m, distance commanded in this episode
        self.walked = torch.zeros(n)  # m, covered along the commands
        self.fallen = torch.zeros(n, dtype=torch.bool)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        super().build(spec, settings)
        terrain.add_terrain(spec, locomotion.LOWER)

    def adapt(self) -> None:
        self.adapts = True

    @property
    def privileged_size(self) -> int:
        return super().privileged_size + self._scan.shape[1]

    def privileged(self) -> Tensor:
        base = self.reading.base
        # Twice the half angle of the rotation about the vertical.
        yaw = 2.0 * torch.atan2(base[:, 6], base[:, 3])
        cos, sin = yaw.cos().unsqueeze(1), yaw.sin().unsqueeze(1)
        ahead, aside = self._scan
        x, y = base[:, :1] + cos * ahead - sin * aside, base[:, 1:2] + sin * ahead + cos * aside
        return torch.cat((super().privileged(), base[:, 2:3] - self._map.at(x, y)), 1)

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> Any:
        command = self.timetable.present[:, :2]
        outcome = super().judge(requested_velocity, previous_velocity)
        assert outcome.metrics is not None
        speed = torch.linalg.vector_norm(command, dim=1)
        dt = self.settings.control_dt
        self.told = self.told + speed * dt
        along = (self.reading.velocity[:, :2] * command).sum(1) / speed.clip(min=1e-6)
        self.walked, self.fallen = self.walked + along * dt, outcome.terminated
        return outcome._replace(metrics=torch.cat((outcome.metrics, self.level.unsqueeze(1)), 1))

    def _heights(self) -> tuple[Tensor, Tensor]:
        r = self.reading
        x, y, z = torch.cat((r.base[:, None, :3], r.foot_position), 1).unbind(2)
        heights = z - self._map.at(x, y)
        return heights[:, 0], heights[:, 1:]

    def place(self, ids: Tensor, u: Tensor) -> None:
        super().place(ids, u)
        u = u[:, QuadrupedVelocity.num_uniforms : self.num_uniforms].float()
        level = self._next_level(ids, u[:, 0])
        self.level.index_copy_(0, ids, level)
        kind = (u[:, 1] * len(terrain.KINDS)).floor()
        # Half of the robots start in the middle, the others before the obstacle and face it.
        climbs = u[:, 2:3] < 0.5
        side = (u[:, 3] * 4.0).floor() * (math.pi / 2)
        before = -OUTSIDE * torch.stack((side.cos(), side.sin()), 1)
        start = terrain.middle(level, kind) + before * climbs
        pose = self.world.qpos.index_select(0, ids)
        pose[:, :2] = start.double()
        pose[:, 2] += self._ground_under(start).double()
        faced = locomotion.level_pose(pose[:, 2], side.double())
        pose[:, :7] = torch.where(climbs, faced + torch.cat((pose[:, :2], torch.zeros(len(ids), 5)), 1), pose[:, :7])
        self.world.qpos.index_copy_(0, ids, pose)

    def _ground_under(self, start: Tensor) -> Tensor:
        """Highest ground below a robot that starts here: [k, 2] m -> [k] m."""
        reach = torch.linspace(-0.35, 0.35, 15)
        ahead, aside = torch.meshgrid(reach, reach, indexing="ij")
        return self._map.at(start[:, :1, None] + ahead, start[:, 1:, None] + aside).amax((1, 2))

    def _next_level(self, ids: Tensor, u: Tensor) -> Tensor:
        anywhere = (u * terrain.LEVELS).floor()
        if not self.adapts:
            return anywhere
        level, told, walked, fallen = (
            x.index_select(0, ids) for x in (self.level, self.told, self.walked, self.fallen)
        )
        rose = (walked > ROSE * told) & ~fallen
        # What is not finite has not walked.
        fell = fallen | ~(walked > FELL * told)
        level = (level + (rose.float() - fell.float()) * (told > FEW)).clip_(min=0.0)
        return torch.where(level < terrain.LEVELS, level, anywhere)

    def begin(self, ids: Tensor, u: Tensor) -> None:
        super().begin(ids, u)
        for values in (self.told, self.walked):
            values.index_fill_(0, ids, 0.0)
        self.fallen = self.fallen.index_fill(0, ids, False)

    def state_dict(self) -> dict[str, Any]:
        names = ("level", "told", "walked", "fallen")
        return super().state_dict() | {name: getattr(self, name).clone() for name in names}

"""Base of the mirrors of gymnasium's MuJoCo tasks, version 5: the same observations, rewards and ends, on the batched engine.

A mirror's rewards are those of its original, bounded or not, and its actor sees what the original shows, measurable on a robot
or not. `tests/sim/test_gymnasium_tasks.py` steps each beside its original.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, ClassVar

import mujoco
import torch
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.schema import Positive, Settings, TaskSettings
from ashore.sim.engine.world import World
from ashore.sim.robots.robot import ModelError
from ashore.sim.tasks.task import StepOutcome, Task

# Said of a file that gymnasium ships; nobody here can mend it.
warnings.filterwarnings("ignore", message="compiler attribute 'settotalmass' is deprecated")

FLOOR = 1000.0  # m that the floor is drawn to each side; to the engine it has no end


class MirrorOptions(Settings):
    success_speed: Positive = 1.0  # m/s forward, mean over a full episode


class GymnasiumTask(Task):
    """Success: healthy, and as far forward as `success_speed` leads in a full episode.

    A subclass sets the numbers of its original and says how it is judged healthy. Positions begin with those of the root:
    x, z and pitch in a planar task; else x, y, z and a quaternion.
    """

    Options = MirrorOptions
    raw_actuators = True
    planar: ClassVar[bool] = True
    reset_noise: ClassVar[float]
    normal_speeds: ClassVar[bool] = False  # the start's velocities are normal, not uniform
    fastest_seen: ClassVar[float | None] = None  # rad/s, m/s: velocities are shown clipped

    def __init__(self, settings: TaskSettings, world: World) -> None:
        super().__init__(settings, world)
        n, model = world.num_worlds, world.model
        self.num_uniforms = model.nq + model.nv
        self._unseen = 1 if self.planar else 2  # where in the world
        self._start = torch.from_numpy(model.qpos0.copy())
        self._distance = self.options.success_speed * settings.episode_seconds
        # Of the distance, the controls and, where it can fall, of health; a cost of contacts is the subclass's.
        weights = [w for term, w in self.rewards if term != "contact"]
        weights[0] /= settings.control_dt
        self._weights = torch.tensor(weights).repeat(n, 1)
        self._nothing = torch.zeros(n, 0)
        self.x = torch.zeros(n, dtype=torch.float64)  # m, when last judged
        self.goal = torch.zeros(n, dtype=torch.float64)  # m, as far as success asks for
        self.success = torch.zeros(n, dtype=torch.bool)

    @classmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        driven = [a.target for a in spec.actuators]
        if driven != list(settings.robot.joints):
            raise ModelError(f"robot.joints = {list(settings.robot.joints)}; the model's actuators drive {driven}")
        spec.camera("track").name = "overview"
        _draw_floor(spec)

    @property
    def signals(self) -> tuple[SignalSpec, ...]:
        n = len(self.settings.robot.joints)
        if self.planar:
            return (
                self.signal("height", 1, "m", "of the torso"),
                self.signal("pitch", 1, "rad", "of the torso"),
                self.signal("joint_position", n, "rad", "in the model's order"),
                self.signal("velocity", 2, "m/s", "of the torso, forward and up"),
                self.signal("pitch_velocity", 1, "rad/s", "of the torso"),
                self.signal("joint_velocity", n, "rad/s", "in the model's order"),
            )
        return (
            self.signal("height", 1, "m", "of the torso"),
            self.signal("orientation", 4, "1", "of the torso: quaternion, w first"),
            self.signal("joint_position", n, "rad", "in the model's order"),
            self.signal("velocity", 3, "m/s", "of the torso, in the world's frame"),
            self.signal("angular_velocity", 3, "rad/s", "of the torso, in its own frame"),
            self.signal("joint_velocity", n, "rad/s", "in the model's order"),
        )

    def signal(self, name: str, size: int, unit: str, description: str) -> SignalSpec:
        stale = 5 * self.settings.control_dt
        return SignalSpec(name=name, size=size, unit=unit, kind="measurement", max_age=stale, description=description)

    @property
    def privileged_size(self) -> int:
        return 0

    def measure(self) -> Tensor:
        speeds = self.world.qvel
        if self.fastest_seen is not None:
            speeds = speeds.clamp(-self.fastest_seen, self.fastest_seen)
        return torch.cat((self.world.qpos[:, self._unseen :], speeds), 1).float()

    def goal_command(self) -> Tensor:
        return self._nothing

    def privileged(self) -> Tensor:
        return self._nothing

    def forward_position(self) -> Tensor:
        """What forward reward is counted by: live [N] m."""
        return self.world.qpos[:, 0]

    @abstractmethod
    def healthy(self) -> Tensor | None:
        """Mask [N] of worlds whose episode goes on; None where that is all, always."""

    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        x, healthy = self.forward_position(), self.healthy()
        terms = [x - self.x, self.world.ctrl.square().sum(1)]
        self.x = x.clone()
        self.success = self.x >= self.goal
        if healthy is None:
            terminated = torch.zeros_like(self.success)
        else:
            terms.append(healthy.double())
            terminated, self.success = ~healthy, self.success & healthy
        rewards = torch.stack(terms, 1).float().mul_(self._weights)
        return StepOutcome(rewards, terminated, self.success)

    def place(self, ids: Tensor, u: Tensor) -> None:
        model, noise, u = self.world.model, self.reset_noise, u.double()
        positions, speeds = u[:, : model.nq], u[:, model.nq : self.num_uniforms]
        # Uniforms stand on a grid of 2^-24 from 0 on: half a cell further, none of them is at an end.
        speeds = torch.special.ndtri(speeds + 2.0**-25) if self.normal_speeds else 2 * speeds - 1
        self.world.qpos.index_copy_(0, ids, self._start + noise * (2 * positions - 1))
        self.world.qvel.index_copy_(0, ids, noise * speeds)

    def begin(self, ids: Tensor, u: Tensor) -> None:
        x = self.forward_position().index_select(0, ids)
        self.x.index_copy_(0, ids, x)
        self.goal.index_copy_(0, ids, x + self._distance)
        self.success.index_fill_(0, ids, False)

    def state_dict(self) -> dict[str, Any]:
        return {"x": self.x.clone(), "goal": self.goal.clone(), "success": self.success.clone()}


def feel_forces(spec: mujoco.MjSpec) -> None:
    """Add what makes the engine compute external forces: a sensor that depends on accelerations."""
    body = spec.worldbody.first_body()
    spec.add_sensor(
        name="acceleration",
        type=mujoco.mjtSensor.mjSENS_FRAMELINACC,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        objname=body.name,
    )


def _draw_floor(spec: mujoco.MjSpec) -> None:
    """Draw the floor as far as a runner comes in an episode, which is further than in the original's pictures."""
    floor = spec.geom("floor")
    material = spec.material(floor.material)
    material.texrepeat = [n * FLOOR / size for n, size in zip(material.texrepeat, floor.size, strict=False)]
    floor.size = [FLOOR, FLOOR, floor.size[2]]
    spec.stat.extent = FLOOR / 50  # pictures end 50 extents away, and begin at a hundredth of one
    for light in spec.lights:
        light.castshadow = False  # a shadow map that wide is too coarse

"""One world as a robot for the twin: stepped at the physics rate by a controller's setpoints, measured as encoders would."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ashore.configs.entries import longest_command_delay
from ashore.configs.laws import rng
from ashore.configs.schema import TaskSettings
from ashore.sim.channel.signals import Channel
from ashore.sim.engine.threads import on_one_core
from ashore.sim.env import Env
from ashore.sim.randomizer_interface import Randomizer
from ashore.sim.tasks.task import TaskError

Array = NDArray[np.float64]
JOINTS_ALONE = ("joint_position", "joint_velocity")


@dataclass(frozen=True)
class Episode:
    """What a new episode begins with. `world` is lambda, which the policy is not told."""

    index: int
    world: dict[str, float]


class EpisodeProgress(NamedTuple):
    """How the episode stands."""

    success: bool  # latched
    failed: str  # why the episode is over, or empty
    elapsed: float  # s
    time_limit: float  # s
    metrics: dict[str, float]  # the task's, the mean over the episode's control steps so far


class RobotSimulator:
    """The task's robot in real size and time.

    An arm alone stays where it is between episodes, and the world around it changes. Where there are things for it to handle,
    or the robot stands on its own legs, each episode begins as one of training does, `starts_anew`: somebody has put everything
    in its place, and the robot too.

    What goes on in the world and in the drives is here too, drives at the physics rate: fields, kicks, pulses, backlash, dead
    zone, friction. What imitates the way of a command is not, for here it has a real one: jitter and loss of commands, action
    noise, the adversary.
    """

    def __init__(self, settings: TaskSettings, randomizer: Randomizer | None, *, seed: int, publish_dt: float) -> None:
        """publish_dt: s between calls of `measure`, as near as whole physics steps come to it."""
        self.publish_dt = max(1, round(publish_dt / settings.physics_dt)) * settings.physics_dt
        self._env = env = Env(settings.on_cpu(), 1, seed=seed, randomizer=None, num_threads=1)
        self.interface = env.interface
        if not env.interface.joints:
            raise TaskError(f"task {settings.name} drives no joint targets; allowed for a twin: a robot's joints")
        # Measured at its own rate, not at the policy's.
        longest, tool = env.channel.longest_delay, env.channel.tool
        env.channel = Channel(env.interface.signals, 1, self.publish_dt, longest, tool=tool)
        self._randomizer = env.randomizer = randomizer
        if randomizer is not None:
            randomizer.bind(env)
        self._world, self._task = env.world, env.task
        self.starts_anew = not {s.name for s in env.interface.signals} <= {*JOINTS_ALONE, "goal_position"}
        self._one = torch.zeros(1, dtype=torch.int64)
        self._settings = settings = env.settings
        self.physics_dt = settings.physics_dt
        self._index, self._steps, self._failed = -1, 0, ""
        self._judged, self._metric_sums = 0, torch.zeros(len(self._task.metrics))
        self._measurements = 0
        env.reset(seed)
        self.home = (
            self._task.joint_position()[0].double().numpy()
        )  # where the joints are when the controllers start, rad
        # The controller's setpoints, newest last, as far back as any delay reaches.
        depth = 2 + int(np.ceil(longest_command_delay(settings.randomization) / settings.physics_dt))
        self._setpoints: deque[Array] = deque([self.home] * depth, maxlen=depth)

    @on_one_core
    def begin_episode(self) -> Episode:
        """The next episode in the next world: wherever the arm is now, or from a start; see `starts_anew`."""
        self._index += 1
        self._steps, self._failed = 0, ""
        self._judged, self._metric_sums = 0, torch.zeros(len(self._task.metrics))
        env = self._env
        num_uniforms = self._task.num_uniforms + (self._randomizer.num_uniforms if self._randomizer else 0)
        drives = (env.actuation.num_episode_uniforms, env.disturbance.num_episode_uniforms)
        counts = (num_uniforms, *drives, env.channel.num_uniforms if self.starts_anew else 0)
        index = np.array([self._index + 1])  # the environment's reset took episode 0
        words = rng.words(env.seed, rng.EPISODE, index * 0, index, None, sum(counts))
        own, driving, disturbing, sensing = rng.parted(words, counts)
        u = torch.from_numpy(rng.uniform(own))
        own_u, worlds_u = u[:, : self._task.num_uniforms], u[:, self._task.num_uniforms :]
        if self.starts_anew:
            self._world.reset(self._one)
        if self._randomizer is not None:
            self._randomizer.reset(self._one, worlds_u)
            env.actuation.restart(self._one, driving)
        if self.starts_anew:
            self._place(own_u)
        if self._randomizer is not None:
            env.disturbance.restart(self._one, torch.from_numpy(self._setpoints[-1])[None].float(), disturbing)
            if not self.starts_anew:
                self._settle_servos()
        self._task.begin(self._one, own_u)
        if self.starts_anew:
            seen = env.channel.restart(self._one, self._task.measure(), env.channel.noise(sensing))
            self.home = seen[0, env.channel.columns("joint_position")].double().numpy()
            self._setpoints.extend([self.home] * len(self._setpoints))
        return Episode(self._index, self._lambda())

    def _place(self, u: torch.Tensor) -> None:
        """Put robot and things into a start state, the servos where the joints are."""
        self._task.place(self._one, u)
        self._world.act.copy_(self._world.qpos[:, self._task.qpos_of])
        self._world.forward(self._one)

    @on_one_core
    def step(self, setpoint: Array) -> None:
        """One physics step; setpoint [n] rad is the controller's at the end of it."""
        env = self._env
        velocity = torch.from_numpy((setpoint - self._setpoints[-1]) / self.physics_dt).unsqueeze(0)
        self._world.ctrl.copy_(env.actuation.transmit(velocity, self.physics_dt))
        self._setpoints.append(setpoint.copy())
        if env.disturbance.sources and self._steps % self._settings.decimation == 0:
            env.disturbance.strike(
                self._chance(np.zeros(1, np.int64), env.disturbance.num_uniforms, rng.STEP), self._chance
            )
        self._world.step(1)
        self._steps += 1
        if self._steps % self._settings.decimation == 0 and not self._failed:
            still = torch.zeros(1, len(self.home))
            outcome = self._task.judge(still, still)
            if outcome.metrics is not None:
                self._judged, self._metric_sums = self._judged + 1, self._metric_sums + outcome.metrics[0]
            if bool(outcome.terminated[0]):
                self._failed = "the task's own end" if self.starts_anew else "contact"
            if self._world.diverged() is not None:
                self._failed = "the simulation diverged"

    @on_one_core
    def measure(self) -> dict[str, Array]:
        """All signals by name, [size] each: what sensors and cameras tell, late and noisy, and the present commands."""
        channel = self._env.channel
        at = np.array([self._measurements])
        bits = rng.words(self._env.seed, rng.STEP, at * 0, at * 0, at, channel.num_uniforms)
        seen = channel.observe(self._task.measure(), channel.noise(bits))
        self._measurements += 1
        values = torch.cat((seen, self._task.goal_command()), 1)[0].double()
        sizes = [s.size for s in self.interface.signals]
        return {s.name: x.numpy().copy() for s, x in zip(self.interface.signals, values.split(sizes), strict=True)}

    def joints(self) -> tuple[Array, Array]:
        """Where the joints are and how fast, whatever their encoders say: [n] rad and rad/s."""
        position, velocity = self._task.joint_position(), self._task.joint_velocity()
        return position[0].double().numpy().copy(), velocity[0].double().numpy().copy()

    def _chance(self, worlds: NDArray[np.int64], count: int, stream: int = rng.EVENT) -> NDArray[np.uint32]:
        """Random words of the control period that begins, [k, count], keyed as world 1: `measure` takes those of world 0."""
        at = worlds * 0 + self._steps // self._settings.decimation
        return rng.words(self._env.seed, stream, at * 0 + 1, at * 0 + self._index + 1, at, count)

    def progress(self) -> EpisodeProgress:
        elapsed, limit = self._steps * self.physics_dt, self._settings.episode_seconds
        lasts = self._task.success_lasts or elapsed >= limit - 0.5 * self.physics_dt
        success = bool(self._task.success[0]) and lasts and not self._failed
        means = (self._metric_sums / max(self._judged, 1)).tolist()
        return EpisodeProgress(success, self._failed, elapsed, limit, dict(zip(self._task.metrics, means, strict=True)))

    def _settle_servos(self) -> None:
        """Put the servos where the new world's delay and encoders have them. They integrate what leaves the delay buffer:
        one that grows or shrinks under way would play some of it twice, or never, and the difference would stay."""
        delays = self._world.field("actuator_delay")[0].double().numpy()
        ages = np.ceil(delays / self.physics_dt - 1e-9).astype(int)  # of what leaves each servo's delay
        leaving = [self._setpoints[-1 - age][servo] for servo, age in enumerate(ages)]
        joints = self._env.channel.columns("joint_position")
        bias = self._env.channel.bias[0, joints].double()
        self._world.act[0] = torch.tensor(leaving, dtype=torch.float64) - bias

    def _lambda(self) -> dict[str, float]:
        if self._randomizer is None:
            return {}
        values = self._randomizer.lambdas[0].tolist()
        return {d.name: v for d, v in zip(self._randomizer.dimensions, values, strict=True)}

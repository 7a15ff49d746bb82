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


@dataclass(frozen=True)
class Episode:
    """What a new episode begins with. `world` is lambda, which the policy is not told."""

    index: int
    goal_position: Array  # [3] m, frame of the robot's base
    world: dict[str, float]


class EpisodeProgress(NamedTuple):
    """How the episode stands."""

    success: bool  # latched
    failed: str  # why the episode is over, or empty
    elapsed: float  # s
    time_limit: float  # s


def twin_signals(settings: TaskSettings) -> dict[str, int]:
    """What can be told on the twin's wire, with sizes."""
    joints = len(settings.robot.joints)
    return {"joint_position": joints, "joint_velocity": joints, "goal_position": 3}


class RobotSimulator:
    """The task's robot in real size and time. Between episodes the arm stays where it is; the world around it changes.

    What goes on in the world and in the drives is here too, drives at the physics rate: fields, kicks, pulses, backlash, dead
    zone, friction. What imitates the way of a command is not, for here it has a real one: jitter and loss of commands, action
    noise, the adversary.
    """

    def __init__(self, settings: TaskSettings, randomizer: Randomizer | None, *, seed: int, publish_dt: float) -> None:
        """publish_dt: s between calls of `measure`, as near as whole physics steps come to it."""
        self.publish_dt = max(1, round(publish_dt / settings.physics_dt)) * settings.physics_dt
        self._env = env = Env(settings, 1, seed=seed, randomizer=None, num_threads=1)
        # Measured at its own rate, not at the policy's.
        env.channel = Channel(env.interface.signals, 1, self.publish_dt, env.channel.longest_delay)
        self._randomizer = env.randomizer = randomizer
        if randomizer is not None:
            randomizer.bind(env)
        self._world, self._task = env.world, env.task
        shown = {s.name: s.size for s in env.interface.signals}
        if shown != (known := twin_signals(settings)):
            raise TaskError(f"task {settings.name} has the signals (and sizes) {shown}; allowed for a twin: {known}")
        self._one = torch.zeros(1, dtype=torch.int64)
        self._settings = settings
        self.physics_dt = settings.physics_dt
        self.joint_names = settings.robot.joints
        self._index, self._steps, self._failed = -1, 0, ""
        self._measurements = 0
        env.reset(seed)
        self.home = self._task.joint_position()[0].double().numpy()  # where the arm stands at first, rad
        # The controller's setpoints, newest last, as far back as any delay reaches.
        depth = 2 + int(np.ceil(longest_command_delay(settings.randomization) / settings.physics_dt))
        self._setpoints: deque[Array] = deque([self.home] * depth, maxlen=depth)

    @on_one_core
    def begin_episode(self) -> Episode:
        """The next goal in the next world, wherever the arm is now."""
        self._index += 1
        self._steps, self._failed = 0, ""
        env = self._env
        num_uniforms = self._task.num_uniforms + (self._randomizer.num_uniforms if self._randomizer else 0)
        counts = (num_uniforms, env.actuation.num_episode_uniforms, env.disturbance.num_episode_uniforms)
        index = np.array([self._index + 1])  # the environment's reset took episode 0
        words = rng.words(env.seed, rng.EPISODE, index * 0, index, None, sum(counts))
        own, driving, disturbing = rng.parted(words, counts)
        u = torch.from_numpy(rng.uniform(own))
        if self._randomizer is not None:
            self._randomizer.reset(self._one, u[:, self._task.num_uniforms :])
            env.actuation.restart(self._one, driving)
            env.disturbance.restart(self._one, torch.from_numpy(self._setpoints[-1])[None].float(), disturbing)
            self._settle_servos()
        self._task.begin(self._one, u[:, : self._task.num_uniforms])
        return Episode(self._index, self._task.goal_command()[0].double().numpy().copy(), self._lambda())

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
            still = torch.zeros(1, len(self.joint_names))
            outcome = self._task.judge(still, still)
            if bool(outcome.terminated[0]):
                self._failed = "contact"
            if self._world.diverged() is not None:
                self._failed = "the simulation diverged"

    @on_one_core
    def measure(self) -> tuple[Array, Array]:
        """Joint positions [n] rad and velocities [n] rad/s as the encoders report them, late and noisy."""
        channel, n = self._env.channel, len(self.joint_names)
        at = np.array([self._measurements])
        bits = rng.words(self._env.seed, rng.STEP, at * 0, at * 0, at, channel.num_uniforms)
        seen = channel.observe(self._task.measure(), channel.noise(bits))
        self._measurements += 1
        position = channel.columns("joint_position").start
        velocity = channel.columns("joint_velocity").start
        values = seen[0].double().numpy()
        return values[position : position + n].copy(), values[velocity : velocity + n].copy()

    def _chance(self, worlds: NDArray[np.int64], count: int, stream: int = rng.EVENT) -> NDArray[np.uint32]:
        """Random words of the control period that begins, [k, count], keyed as world 1: `measure` takes those of world 0."""
        at = worlds * 0 + self._steps // self._settings.decimation
        return rng.words(self._env.seed, stream, at * 0 + 1, at * 0 + self._index + 1, at, count)

    def progress(self) -> EpisodeProgress:
        success = bool(self._task.success[0]) and not self._failed
        return EpisodeProgress(success, self._failed, self._steps * self.physics_dt, self._settings.episode_seconds)

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

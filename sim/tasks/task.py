"""What a task is: a scene, signals, rewards, success, an end. One task a file in `tasks/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import mujoco
import torch
from pydantic import ValidationError
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.errors import AshoreError
from ashore.configs.faults import MOST_FAULTS
from ashore.configs.schema import Settings, TaskSettings, Workspace
from ashore.sim.engine.world import World
from ashore.sim.robots.name_clashes import give_way
from ashore.sim.robots.own_robot import adopt
from ashore.sim.robots.robot import joint_addresses
from ashore.sim.scene.visual_assets import furnish
from ashore.sim.tasks.rewards import RewardWeights, fault_lines

LONGEST_HOLD = 3600.0  # s


class TaskError(AshoreError, ValueError):
    """A task that does not exist, or options or reward terms it does not have."""


class StepOutcome(NamedTuple):
    """One control step, judged from the true state."""

    rewards: Tensor  # [N, terms], weighted, in the order of `Task.reward_terms`
    terminated: Tensor  # [N] bool: the episode failed or cannot go on
    success: Tensor  # [N] bool: would the episode count as a success if it ended here
    metrics: Tensor | None = None  # [N, metrics], in the order of `Task.metrics`


class Marker(NamedTuple):
    """A sphere, or a box where `half_size` is given, that only a viewer sees: a goal, say."""

    position: list[float]  # m, in the frame of the robot's base
    radius: float  # m
    rgba: tuple[float, float, float, float]
    half_size: list[float] | None = None  # m
    rotation: list[float] | None = None  # matrix of a box, row by row


class Task(ABC):
    """Base of all tasks. Subclasses name their signals and reward terms and judge the true state, never a measured one.

    Numbers a task draws at reset come in as uniforms, keyed by world and episode: [k, num_uniforms].
    """

    Options: ClassVar[type[Settings]]
    Rewards: ClassVar[
        type[RewardWeights]
    ]  # a field a reward term, in the order of the columns of `StepOutcome.rewards`
    num_uniforms: int
    differences: ClassVar[tuple[tuple[str, str], ...]] = ()  # of signals: the actor also sees the first less the second
    heading: ClassVar[tuple[str, str] | None] = None  # of those the way that actions of the tool are counted along
    metrics: ClassVar[tuple[str, ...]] = ()  # further quantities, logged as their mean over each episode
    success: Tensor  # [N] bool, as last judged
    success_lasts: ClassVar[bool] = False  # within an episode, once it is there
    uses_gripper: ClassVar[bool] = False
    raw_actuators: ClassVar[bool] = (
        False  # actions go to the model's own actuators as they are; such a policy is not exported
    )

    def __init__(self, settings: TaskSettings, world: World) -> None:
        self.settings = settings
        self.options: Any = self.read_options(settings)
        self.rewards: Any = self.read_rewards(settings)
        self.reward_terms: tuple[str, ...] = tuple(type(self.rewards).model_fields)
        self.weights = torch.tensor(self.rewards.values())  # [terms]
        self.world = world
        qpos, dof = joint_addresses(world.model, settings.robot.joints)
        self.qpos_of, self.dof_of = _indices(qpos), _indices(dof)

    @classmethod
    def read_options(cls, settings: TaskSettings) -> Any:
        """The task's own settings, checked; TaskError names the field, its value and what is allowed."""
        try:
            options = cls.Options(**settings.options)
        except ValidationError as error:
            known, faults = sorted(cls.Options.model_fields), error.errors()
            raise TaskError("\n".join(_fault(e, known) for e in faults[:MOST_FAULTS])) from None
        hold, dt = getattr(options, "hold_seconds", None), settings.control_dt
        if (
            hold is not None and not dt <= hold <= LONGEST_HOLD
        ):  # beyond a short episode it may reach: no success, but it runs
            raise TaskError(
                f"task.options.hold_seconds = {hold:g} s; allowed: control_dt = {dt:g} s to {LONGEST_HOLD:g} s"
            )
        return options

    @classmethod
    def rewards_model(cls, settings: TaskSettings) -> type[RewardWeights]:
        """The weights there are: another set where options add terms."""
        return cls.Rewards

    @classmethod
    def read_rewards(cls, settings: TaskSettings) -> Any:
        """The weights of all reward terms, checked as `read_options` checks; what is not given has its default."""
        model = cls.rewards_model(settings)
        try:
            return model(**settings.rewards)
        except ValidationError as error:
            raise TaskError(fault_lines(model, error)) from None

    @classmethod
    def with_rewards(cls, settings: TaskSettings) -> TaskSettings:
        """The same settings with the weight of every reward term in them."""
        return settings.model_copy(update={"rewards": cls.read_rewards(settings).model_dump()})

    @classmethod
    def resolve(cls, settings: TaskSettings) -> TaskSettings:
        """Settings whose robot stands on its own and names every joint that this task drives."""
        if cls.raw_actuators:
            return settings
        robot = adopt(settings.robot)
        robot = robot.with_gripper() if cls.uses_gripper else robot
        return give_way(settings.model_copy(update={"robot": robot}), cls.furnished)

    @classmethod
    def furnished(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        """Build the scene around the robot with all that a picture of it may need."""
        cls.build(spec, settings)
        furnish(spec, settings.randomization)

    @classmethod
    def grip(cls, settings: TaskSettings) -> float:
        """Where the gripper's joints stand, rad or m, if the task does not drive them."""
        return 0.0

    @classmethod
    @abstractmethod
    def build(cls, spec: mujoco.MjSpec, settings: TaskSettings) -> None:
        """Add what the task needs to the robot's spec: props, sensors, cameras."""

    @property
    @abstractmethod
    def signals(self) -> tuple[SignalSpec, ...]:
        """What the actor sees: measurements and estimates first, then commands."""

    @property
    def goal_box(self) -> Workspace | None:
        """Where the positions of goals are drawn from, whatever else an episode draws; None where no box holds them."""
        return None

    @property
    @abstractmethod
    def privileged_size(self) -> int:
        """Values that `privileged` gives."""

    @abstractmethod
    def measure(self) -> Tensor:
        """True values of the measured and estimated signals, in order: fresh float32 [N, m]."""

    @abstractmethod
    def goal_command(self) -> Tensor:
        """Present values of the command signals, in order: float32 [N, c]."""

    @abstractmethod
    def privileged(self) -> Tensor:
        """What only a simulator knows, for the critic: float32 [N, privileged_size]."""

    @abstractmethod
    def judge(self, requested_velocity: Tensor, previous_velocity: Tensor) -> StepOutcome:
        """Judge the step just taken. [N, joints] rad/s: the target velocity that was asked for, and the one in force before."""

    @abstractmethod
    def place(self, ids: Tensor, u: Tensor) -> None:
        """Put these worlds into a start state: writes qpos, qvel. u: [k, num_uniforms]."""

    def begin(self, ids: Tensor, u: Tensor) -> None:  # noqa: B027 - a task without a goal has nothing to do here
        """Begin an episode in these worlds wherever they are: a new goal, counters at zero. u: [k, num_uniforms]."""

    def frame(self, model: mujoco.MjModel) -> None:  # noqa: B027 - a camera that follows its robot needs none
        """Move the scene's cameras to where they show all of the robot. `model` is the one that pictures are drawn of."""

    def adapt(self) -> None:  # noqa: B027 - most tasks are as hard at the end as at the start
        """From now on let worlds be as learning needs them: growing harder as the policy gets better, or with starts that are
        rare otherwise. Asked for by training alone, so that an evaluation depends on nothing but the policy and the seed."""

    def warnings(self) -> list[str]:
        """What makes the task hard or impossible on these settings, one line each. Asked for when a training begins."""
        return []

    def markers(self, world: int) -> list[Marker]:
        """What to draw besides the scene."""
        return []

    def joint_position(self) -> Tensor:
        """True positions of the driven joints: float32 [N, joints] rad."""
        return self.world.qpos[:, self.qpos_of].float()

    def joint_velocity(self) -> Tensor:
        """True velocities of the driven joints: float32 [N, joints] rad/s."""
        return self.world.qvel[:, self.dof_of].float()

    def state_dict(self) -> dict[str, Any]:
        """What the task itself remembers between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            getattr(self, name).copy_(value)


def _fault(error: Any, known: list[str]) -> str:
    """One of pydantic's errors in our words."""
    field = ".".join(["task.options", *map(str, error["loc"])])
    if error["type"] == "extra_forbidden":
        return f"{field} does not exist; allowed: {known}"
    return f"{field} = {error['input']!r}: {error['msg'].removeprefix('Value error, ')}"


def sensor_columns(model: mujoco.MjModel, name: str) -> slice:
    """Where a sensor's values stand in `sensordata`."""
    sensor = model.sensor(name)
    start = int(sensor.adr[0])
    return slice(start, start + int(sensor.dim[0]))


def _indices(values: Any) -> slice | Tensor:
    """Consecutive indices as a slice, which reads without a gather."""
    first, last = int(values[0]), int(values[-1])
    if list(values) == list(range(first, last + 1)):
        return slice(first, last + 1)
    return torch.as_tensor(values)

"""Settings as typed, validated, frozen models. A preset in YAML is read into these; nothing else configures a run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ashore.configs.algorithms import AlgorithmSettings, PPOSettings
from ashore.configs.base import Count, Fraction, Positive, Settings
from ashore.configs.entries import LONGEST_DELAY, ParameterSettings, longest_command_delay, longest_signal_delay
from ashore.configs.robot_settings import RobotSettings, Workspace
from ashore.configs.sampler import SamplerSettings, UniformSettings

__all__ = [
    "RobotSettings",
    "RunSettings",
    "Settings",
    "TaskSettings",
    "TrainSettings",
    "Workspace",
]


class TaskSettings(Settings):
    """A task on a robot in randomized worlds."""

    name: str
    source: str | None = Field(
        default=None, description="FILE.py:CLASS of a task outside of this package; its code is run"
    )
    robot: RobotSettings
    engine: Literal["cpu", "warp"] = Field(default="cpu", description="mujoco.batch, or MuJoCo Warp: extra `gpu`")
    device: str = Field(
        default="cpu", pattern=r"^(cpu|cuda(:\d{1,3})?)$", description="where engine warp computes: cpu, cuda or cuda:N"
    )
    physics_dt: Positive = Field(description="s")
    control_dt: Positive = Field(description="s, a whole multiple of physics_dt")
    episode_seconds: Positive
    action: Literal["velocity", "position", "tool"] = Field(
        default="velocity",
        description="what an action asks for: a velocity of the target, its offset from home, or a velocity of the tool",
    )
    action_scale: Positive = Field(
        default=1.0,
        description="at action 1: fraction of the joints' velocity limit, rad from home, or m/s of the tool",
    )
    turn_scale: Positive = Field(default=1.5, description="rad/s of the tool about the vertical at action 1")
    options: dict[str, Any] = Field(default_factory=dict, description="the task's own settings, checked by the task")
    rewards: dict[str, float] = Field(
        default_factory=dict,
        description="weights of reward terms, by name, checked by the task; left out: its defaults",
    )
    randomization: dict[str, ParameterSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole_multiples(self) -> TaskSettings:
        ratio = self.control_dt / self.physics_dt
        if ratio < 1 or abs(ratio - round(ratio)) > 1e-6:
            raise ValueError(
                f"control_dt = {self.control_dt} s; allowed: a whole multiple of physics_dt = {self.physics_dt} s"
            )
        if self.action == "velocity" and self.action_scale > 1:
            raise ValueError(f"action_scale = {self.action_scale:g}; allowed: at most 1, the joints' velocity limit")
        if self.episode_seconds < self.control_dt:
            raise ValueError(
                f"episode_seconds = {self.episode_seconds} s; allowed: at least control_dt = {self.control_dt} s"
            )
        return self

    @model_validator(mode="after")
    def _engine_of_device(self) -> TaskSettings:
        if self.engine == "cpu" and self.device != "cpu":
            raise ValueError(f"device = {self.device} is of engine warp; allowed: engine = warp, or device = cpu")
        return self

    @model_validator(mode="after")
    def _buffers(self) -> TaskSettings:
        for name, entry in self.randomization.items():
            delay = max(longest_command_delay({name: entry}), longest_signal_delay({name: entry}))
            if delay > LONGEST_DELAY:
                raise ValueError(
                    f"randomization.{name} delays by up to {delay:g} s; allowed: at most {LONGEST_DELAY:g} s"
                )
        return self

    def on_cpu(self) -> TaskSettings:
        """The same task on the CPU engine, which every machine has."""
        return self.model_copy(update={"engine": "cpu", "device": "cpu"})

    @property
    def decimation(self) -> int:
        """Physics steps in a control step."""
        return round(self.control_dt / self.physics_dt)

    @property
    def episode_steps(self) -> int:
        """Control steps in a full episode."""
        return round(self.episode_seconds / self.control_dt)


class TrainSettings(Settings):
    """How long, on how many worlds, with which algorithm."""

    total_steps: Count = Field(description="control steps over all worlds")
    num_envs: Annotated[int, Field(ge=1, le=2**18)] = 256
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    torch_threads: Annotated[int, Field(ge=1, le=512)] = Field(
        default=2, description="part of the run: another number gives other bits"
    )
    eval_every: Count = Field(default=200_000, description="control steps between evaluations")
    eval_episodes: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    checkpoint_every: Count = Field(default=200_000, description="control steps between checkpoints")
    keep_checkpoints: Count = 3
    stop_at_success: Fraction | None = Field(default=None, description="end early once an evaluation reaches this rate")
    log: tuple[Literal["tensorboard", "wandb"], ...] = Field(
        default=("tensorboard",), description="where metrics go, beside `metrics.jsonl` in the run's folder"
    )
    critic_sees_world: bool = Field(
        default=True, description="lambda is among what the critic sees; the actor never sees it"
    )
    start_from: str | None = Field(
        default=None, description="folder of a run, or of one of its checkpoints, whose networks this one starts from"
    )
    replay_failures: tuple[Annotated[dict[str, float], Field(min_length=1)], ...] = Field(
        default=(),
        max_length=100,
        description="worlds that a share of the slots always shows: files of `falsify`, or parameter -> value",
    )
    replay_share: Fraction = Field(default=0.1, gt=0, description="share of num_envs that shows `replay_failures`")
    algorithm: AlgorithmSettings = Field(default=PPOSettings(), description="which algorithm learns, and its settings")

    @property
    def replay_slots(self) -> int:
        """How many of the worlds show `replay_failures`: the last ones."""
        return round(self.replay_share * self.num_envs) if self.replay_failures else 0

    @model_validator(mode="after")
    def _each_failure_has_a_slot(self) -> TrainSettings:
        if self.replay_slots < len(self.replay_failures):
            raise ValueError(
                f"replay_share = {self.replay_share:g} of num_envs = {self.num_envs} are {self.replay_slots} worlds for "
                f"{len(self.replay_failures)} of replay_failures; allowed: at least one each"
            )
        return self


class RunSettings(Settings):
    """All that a run is made of; written to `config.yaml` in the run's folder."""

    task: TaskSettings
    train: TrainSettings
    sampler: SamplerSettings = Field(
        default=UniformSettings(),
        description="which worlds training shows; evaluation and sweeps keep to the declared ranges",
    )

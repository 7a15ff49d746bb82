"""Settings of a run on any environment that is registered with gymnasium: `ashore train gymnasium:CartPole-v1`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ashore.configs.base import Count, Settings
from ashore.configs.schema import TrainSettings

PREFIX = "gymnasium:"
ROOM = "train/gymnasium"  # presets of training, by the environment's name
CANNOT = (
    "has no robot and no randomization, so that it cannot be swept, compared, exported, deployed or looked at; "
    "allowed: train, evaluate, play, config"
)


def _own_arguments(values: dict[str, Any]) -> dict[str, Any]:
    if reserved := {"render_mode", "max_episode_steps", "num_envs", "vectorization_mode"} & set(values):
        raise ValueError(f"kwargs has {', '.join(sorted(reserved))}; allowed: arguments of the environment's own")
    return values


class GymnasiumSettings(Settings):
    """Which environment, and what is passed to it."""

    id: str = Field(description="as gymnasium.make takes it: CartPole-v1, or my_package:MyEnv-v0")
    kwargs: Annotated[dict[str, Any], AfterValidator(_own_arguments)] = Field(
        default_factory=dict, description="arguments of the environment, checked by it"
    )
    max_episode_steps: Count | None = Field(default=None, description="left out: as the environment is registered")
    success_return: float | None = Field(
        default=None,
        description="an episode of this return is a success; left out: as the environment says or is registered",
    )

    @property
    def name(self) -> str:
        """Of files and folders: MyEnv-v0 of my_package:MyEnv-v0, ALE-Pong-v5 of ALE/Pong-v5."""
        return self.id.rpartition(":")[2].replace("/", "-")


class GymnasiumRunSettings(Settings):
    """All that a run on such an environment is made of; written to `config.yaml` in the run's folder."""

    gymnasium: GymnasiumSettings
    train: TrainSettings


def is_gymnasium(data: Any) -> bool:
    """Whether plain data of a run, or what differs from a preset, is of a gymnasium environment."""
    return isinstance(data, dict) and ("gymnasium" in data or str(data.get("preset")).startswith(PREFIX))


def name_in(environment: Any) -> str:
    """The environment's name in plain data of its settings."""
    identity = environment.get("id") if isinstance(environment, dict) else None
    return GymnasiumSettings(id=identity).name if isinstance(identity, str) else ""

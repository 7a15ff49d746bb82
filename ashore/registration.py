"""Every task as a gymnasium environment, `ashore/<task>`: one world by `gymnasium.make`, many by `gymnasium.make_vec`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def make_gym_env(
    preset: str, overrides: Sequence[str] = (), render_mode: str | None = None, observation: str = "dict"
) -> Any:
    """One world as a gymnasium environment: what `gymnasium.make("ashore/<task>")` gives."""
    from ashore.sim.gym import AshoreEnv

    return AshoreEnv(*_task_and_randomizer(preset, overrides), render_mode, observation)  # type: ignore[arg-type]


def make_gym_vec(
    num_envs: int, preset: str, overrides: Sequence[str] = (), render_mode: str | None = None, observation: str = "dict"
) -> Any:
    """N worlds as a gymnasium vector environment: what `gymnasium.make_vec("ashore/<task>", num_envs=N)` gives."""
    from ashore.sim.gym import AshoreVectorEnv

    task, randomizer = _task_and_randomizer(preset, overrides)
    return AshoreVectorEnv(num_envs, task, randomizer, render_mode=render_mode, observation=observation)  # type: ignore[arg-type]


def _task_and_randomizer(preset: str, overrides: Sequence[str]) -> tuple[Any, Any]:
    from ashore.configs.loader import load_run
    from ashore.environments import make_randomizer

    task = load_run(preset, list(overrides)).task
    return task, make_randomizer(task)


def register_environments() -> None:
    """Register every task preset with gymnasium; where gymnasium is not installed, as on a robot, do nothing."""
    try:
        import gymnasium
    except ImportError:
        return
    for path in sorted((Path(__file__).parent / "configs" / "tasks").glob("*.yaml")):
        gymnasium.register(
            id=f"ashore/{path.stem}",
            entry_point="ashore.registration:make_gym_env",
            vector_entry_point="ashore.registration:make_gym_vec",
            kwargs={"preset": path.stem},
        )

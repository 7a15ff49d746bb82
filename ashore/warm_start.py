"""`train.start_from`: from which networks of another run a training starts, and whether they mean the same here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.configs.schema import RunSettings
from ashore.environments import make_env
from ashore.policies.checkpoint import complete, latest
from ashore.policies.trainer import CHECKPOINTS
from ashore.policies.warm_start import Start
from ashore.sim.env import Env

NETWORK = ("actor_hidden", "activation", "memory")  # settings that the actor's weights belong to


def at_checkpoint(run: RunSettings) -> RunSettings:
    """The run with its start as one checkpoint, the newest of a run's folder: what `config.yaml` records."""
    if run.train.start_from is None:
        return run
    path = Path(run.train.start_from)
    found = path if path in complete(path.parent) else latest(path / CHECKPOINTS)
    if found is None and path.parent.name != CHECKPOINTS:
        raise UsageError(
            f"train.start_from = {str(path)!r} holds no checkpoint; allowed: a run's folder, or a checkpoint's"
        )
    return run.model_copy(update={"train": run.train.model_copy(update={"start_from": str(found or path)})})


def source_of(run: RunSettings) -> RunSettings | None:
    """Settings of the run that this one starts from, if any."""
    if run.train.start_from is None:
        return None
    folder = Path(run.train.start_from).parents[1]
    return load_run(folder) if folder.is_dir() else None  # gone: a resumed run needs it no more


def start_of(source: RunSettings, run: RunSettings, env: Env) -> Start:
    """The start, where the source's policy saw and did what this one does.

    The critic's networks are taken too where its observation is the same; it sees the world's parameters, so that with other
    randomization it begins anew.
    """
    assert run.train.start_from is not None
    before = make_env(source.task, 1, critic_sees_world=source.train.critic_sees_world)
    for what, there, here in (
        ("signals", before.interface.seen, env.interface.seen),
        ("task.action", before.interface.action, env.interface.action),
        *((f"train.ppo.{name}", getattr(source.train.ppo, name), getattr(run.train.ppo, name)) for name in NETWORK),
    ):
        if there != here:
            raise UsageError(
                f"train.start_from: {what} were {_shown(there)} there, are {_shown(here)} here; allowed: the same"
            )
    same_worlds = list(source.task.randomization) == list(run.task.randomization)
    critic = (
        source.task.name == run.task.name
        and same_worlds
        and source.train.critic_sees_world == run.train.critic_sees_world
        and before.observation_sizes == env.observation_sizes
        and source.train.ppo.critic_hidden == run.train.ppo.critic_hidden
    )
    return Start(Path(run.train.start_from), critic)


def _shown(value: Any) -> str:
    """Signals with their sizes; any other value as it is."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return ", ".join(f"{name} [{size}]" for name, size in value)
    return repr(value)

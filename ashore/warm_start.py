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

# Settings that the actor's weights belong to, and the critic's, of algorithms with and without a replay.
ACTOR = ("actor_hidden", "hidden", "activation", "memory")
CRITIC = ("critic", "critic_hidden", "hidden", "layer_norm")


def at_checkpoint(run: RunSettings) -> RunSettings:
    """The run with its start as one checkpoint, the newest where it is a run's folder: what `config.yaml` records."""
    start = run.train.start_from
    found = latest(Path(start) / CHECKPOINTS) if start is not None else None
    if found is None:
        return run
    return run.model_copy(update={"train": run.train.model_copy(update={"start_from": str(found)})})


def start_of(run: RunSettings, env: Env, folder: Path) -> Start | None:
    """Where a run in `folder` starts from; UsageError where that policy saw or did something else than this one will.

    The critic's networks are taken too where its observation is the same; it sees the world's parameters, so that with other
    randomization it begins anew. A run that has checkpoints of its own goes on from those.
    """
    if run.train.start_from is None or latest(folder / CHECKPOINTS) is not None:
        return None
    path = Path(run.train.start_from)
    if path not in complete(path.parent):
        raise UsageError(
            f"train.start_from = {str(path)!r} holds no checkpoint; allowed: a run's folder, or a checkpoint's"
        )
    source = load_run(path.parents[1])

    def of(which: RunSettings, name: str) -> Any:
        return getattr(which.train.algorithm, name, "none, for it has another kind of network")

    before = make_env(source.task.on_cpu(), 1, critic_sees_world=source.train.critic_sees_world)
    for what, there, here in (
        ("signals", before.interface.seen, env.interface.seen),
        ("task.action", before.interface.action, env.interface.action),
        *((f"train.algorithm.{name}", of(source, name), of(run, name)) for name in ACTOR),
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
        and all(of(source, name) == of(run, name) for name in CRITIC)
    )
    return Start(path, critic)


def _shown(value: Any) -> str:
    """Signals with their sizes; any other value as it is."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return ", ".join(f"{name} [{size}]" for name, size in value)
    return repr(value)

"""Episodes recorded from a policy, and a run whose policy is cloned from recorded episodes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from ashore.configs.cloning import CloneSettings
from ashore.configs.errors import UsageError
from ashore.configs.loader import dump, load_run, of_task, run_settings
from ashore.configs.schema import RunSettings
from ashore.environments import make_env
from ashore.files import write_atomically
from ashore.policies import checkpoint
from ashore.policies.algorithms import make_learner
from ashore.policies.cloning import Cloned, fit
from ashore.policies.metrics import FILE
from ashore.policies.process import reproducible
from ashore.policies.recording import Recording, RecordingHeader, joined, load, save
from ashore.policies.trainer import CHECKPOINTS
from ashore.runs import POLICY_FILE, evaluation_of, export_run, portable_settings, self_contained
from ashore.sim.env import Env
from ashore.sim.evaluate import run_episodes, worlds_and_rounds
from ashore.trained_policy import TrainedPolicy, carried_settings, load_trained

EPISODES = "episodes.safetensors"  # in a run's folder: what it was cloned from, where it was recorded for it
SEEN, DONE, BEGAN = 0, 1, 2


class CloneOutcome(NamedTuple):
    """How a run was cloned."""

    fit: Cloned
    episodes: int
    success: float  # of the clone, over the run's eval_episodes


def record_episodes(policy: TrainedPolicy, episodes: int, *, seed: int = 0) -> Recording:
    """Whole episodes of a policy without exploration, each in a world of its own randomization."""
    if policy.targets:
        raise UsageError(
            f"{policy.name} is an exported file, which gives joint targets, not actions; allowed: a run's folder"
        )
    worlds, rounds = worlds_and_rounds(episodes)
    env = make_env(policy.run.task, worlds, seed=seed)
    act, rows = policy.act_in(env), []

    def watched(obs: dict[str, torch.Tensor]) -> torch.Tensor:
        action = act(obs)
        done = action if env.discrete else action.clip(-1.0, 1.0)
        rows.append((obs["actor"], done, env.began))
        return action

    run_episodes(env, watched, rounds, seed=seed)
    seen, action, began = (torch.stack([row[i] for row in rows], 1) for i in (SEEN, DONE, BEGAN))
    kept = _whole_episodes(began, episodes, rounds)
    return Recording(recording_header(policy.run, env), seen[kept], action[kept], began[kept])


def _whole_episodes(began: torch.Tensor, episodes: int, rounds: int) -> torch.Tensor:
    """Mask [N, T] of each world's first `rounds` episodes, `episodes` in all; began [N, T]."""
    number = began.long().cumsum(1) - 1
    world = torch.arange(len(began)).unsqueeze(1)
    return (number < rounds) & (number * len(began) + world < episodes)


def recording_header(run: RunSettings, env: Env) -> RecordingHeader:
    """What is recorded in an environment, and of which settings."""
    face, settings = env.interface, portable_settings(run)
    task = json.dumps(settings["task"], sort_keys=True)
    return RecordingHeader(
        task=face.task,
        robot=face.robot,
        signals=face.seen,
        action=face.action,
        action_size=env.action_size,
        discrete=env.discrete,
        control_dt=face.control_dt,
        settings_sha256=hashlib.sha256(task.encode()).hexdigest(),
        settings=settings,
    )


def clone_run(
    sources: Sequence[str],
    folder: Path,
    *,
    episodes: int = 64,
    seed: int = 0,
    overrides: Sequence[str] = (),
    settings: CloneSettings | None = None,
) -> CloneOutcome:
    """Clone the policy of a run, or what recordings hold, into a run of its own in `folder`."""
    if (folder / "config.yaml").exists():
        raise UsageError(f"{folder} holds a run already; name another folder: --run DIR")
    recording, run = _recorded(sources, episodes, seed, overrides)
    run = self_contained(run.model_copy(update={"train": run.train.model_copy(update={"start_from": None})}))
    env = make_env(run.task, 1, critic_sees_world=run.train.critic_sees_world)
    _require_same(recording.header, recording_header(run, env))
    began = time.monotonic()
    with reproducible(run.train.torch_threads):
        learner = make_learner(run.train.algorithm, env, run.train.seed)
        acting = learner.acting()
        cloned = fit(recording, acting.actor, acting.normalizer, settings or CloneSettings(), seed)
        evaluation = evaluation_of(run)(acting)
    steps = len(recording.began)
    state = {
        "settings": run.train.model_dump_json(),
        "sizes": env.observation_sizes | {"action": env.action_size} | ({"discrete": True} if env.discrete else {}),
        "learner": learner.state_dict() | {"steps": steps},
        "env": None,
        "steps": steps,
        "iterations": len(cloned.epochs),
        "seconds": time.monotonic() - began,
        "evaluation": evaluation,
    }
    if not any(Path(source).is_file() for source in sources):
        save(recording, folder / EPISODES)
    write_atomically(folder / FILE, _metrics(cloned, steps, evaluation))
    checkpoint.save(folder / CHECKPOINTS, steps, state, run.train.keep_checkpoints)
    write_atomically(folder / "config.yaml", dump(run))
    if not env.task.raw_actuators:
        export_run(folder, folder / POLICY_FILE)
    return CloneOutcome(cloned, recording.num_episodes, evaluation["success"])


def _recorded(
    sources: Sequence[str], episodes: int, seed: int, overrides: Sequence[str]
) -> tuple[Recording, RunSettings]:
    """What is to be cloned, and the settings of the run that it comes from, after overrides."""
    if len(sources) == 1 and not Path(sources[0]).is_file():
        policy = load_trained(sources[0])
        return record_episodes(policy, episodes, seed=seed), load_run(sources[0], overrides)
    for source in sources:
        if not Path(source).is_file():
            raise UsageError(f"{source} is no file; allowed: one run's folder, or files of recorded episodes")
    recording = joined([load(Path(source)) for source in sources])
    return recording, of_task(run_settings(carried_settings(Path(sources[0]), recording.header.settings), overrides))


def _require_same(there: RecordingHeader, here: RecordingHeader) -> None:
    for name in ("task", "robot", "signals", "action", "action_size", "discrete", "control_dt"):
        a, b = getattr(there, name), getattr(here, name)
        if a != b:
            raise UsageError(f"the episodes have {name} = {a!r}, the task as it is now {b!r}; allowed: the same")


def _metrics(cloned: Cloned, steps: int, evaluation: dict[str, float]) -> str:
    """One line an epoch, and the evaluation with the last."""
    rows = [
        {"iteration": i + 1, "steps": steps, **{f"train/{name}": x for name, x in epoch.items()}}
        for i, epoch in enumerate(cloned.epochs)
    ]
    rows[-1] |= {f"eval/{name}": x for name, x in evaluation.items()}
    return "".join(json.dumps(row) + "\n" for row in rows)

"""A trained policy, from a run's folder or an exported file, acting in environments and measured there."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import ValidationError

from ashore.configs.contract import Interface
from ashore.configs.errors import UsageError
from ashore.configs.faults import explain
from ashore.configs.loader import load_run, of_task, run_settings
from ashore.configs.schema import RunSettings
from ashore.configs.space import Dimension
from ashore.deploy_ros import bundle
from ashore.environments import Act, make_env, policy_act
from ashore.policies.checkpoint import MANIFEST, latest
from ashore.policies.metrics import read
from ashore.policies.policy import LearnedPolicy, load_policy
from ashore.policies.trainer import CHECKPOINTS
from ashore.runs import POLICY_FILE, as_trained, sampler_state
from ashore.seeds import is_set
from ashore.sim.env import Env
from ashore.sim.evaluate import MOST_WORLDS, Episodes, run_episodes, worlds_and_rounds
from ashore.sim.given_worlds import Played, Worlds, play
from ashore.sim.observations import Obs
from ashore.sim.robots.robot import is_portable


class TrainedPolicy(NamedTuple):
    """A trained policy under examination, from a run's folder or from an exported file."""

    name: str  # of the run's folder, or of the file; of its folder where the file is named as `export` names it
    run: RunSettings
    act_in: Callable[[Env], Act]  # the policy at work in an environment; it gives joint targets if `targets`
    targets: bool
    steps: int
    sha256: str  # of the file, or of the checkpoint's manifest
    trained_on: Callable[[], tuple[Dimension, ...]]  # lambda and the ranges that training reached
    metrics: tuple[dict[str, Any], ...] = ()  # of a run's folder


def load_trained(where: str, overrides: Sequence[str] = ()) -> TrainedPolicy:
    """`where`: a run's folder, or an exported `.onnx`. On the CPU engine, unless `overrides` name another."""
    policy = _load(where, overrides)
    if any(change.startswith("task.engine") for change in overrides):
        return policy
    return policy._replace(run=policy.run.model_copy(update={"task": policy.run.task.on_cpu()}))


def _load(where: str, overrides: Sequence[str]) -> TrainedPolicy:
    path = Path(where)
    if path.is_dir():
        checkpoint = latest(path / CHECKPOINTS)
        if checkpoint is None and is_set(path):
            raise UsageError(f"{path} holds seeds of a training; allowed: one of them, as {path / 'seed0'}")
        if checkpoint is None:
            raise UsageError(f"{path} holds no checkpoint; train first: ashore train PRESET --run {path}")
        policy = load_policy(checkpoint)
        ranges, run = functools.partial(_trained_on, path, checkpoint), load_run(path, overrides)
        metrics = read(path)
        act = functools.partial(_acting, policy)
        digest = hashlib.sha256((checkpoint / MANIFEST).read_bytes()).hexdigest()  # which has the hashes of the rest
        return TrainedPolicy(path.resolve().name, run, act, False, policy.steps, digest, ranges, metrics)
    if not path.is_file():
        raise UsageError(f"{where} is neither a run's folder nor a policy file")
    exported = bundle.load_policy(path)
    contract = exported.contract
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run = of_task(run_settings(carried_settings(path, contract.settings), overrides))
    if contract.settings["task"].get("source") and run.task.source is None:
        raise UsageError(
            f"{path} is of task {run.task.name}, which is not in this package, and no policy file makes code run; "
            "allowed: --task FILE.py:CLASS"
        )
    act = functools.partial(graph_act, exported)
    name = path.resolve().parent.name if path.name == POLICY_FILE else path.stem
    return TrainedPolicy(name, run, act, True, contract.trained_steps, digest, lambda: contract.trained_on)


def _acting(policy: LearnedPolicy, env: Env) -> Act:
    return policy_act(policy.acting(), env)


def _trained_on(folder: Path, checkpoint: Path) -> tuple[Dimension, ...]:
    run = load_run(folder)
    return as_trained(run, 1, sampler_state(checkpoint))[1]


def carried_settings(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings in a file, which may be a stranger's: whole, so that they lead to no other file and no download."""
    try:
        run = RunSettings.model_validate_json(json.dumps(settings), strict=True)
    except ValidationError as error:
        raise explain(error, settings) from None
    if not is_portable(run.task.robot.model):
        raise UsageError(
            f"{path}: task.robot.model = {run.task.robot.model!r}; allowed in a file from elsewhere: the model's text, "
            "a file of sim/robots, gymnasium:FILE"
        )
    data = copy.deepcopy(settings)
    data["task"] |= {"source": None}
    data["train"] |= {"start_from": None}
    return data


def graph_act(policy: bundle.Policy, env: Env) -> Act:
    """An exported graph in an environment's worlds: the columns of the actor's observation are its inputs, and what it
    remembers beyond them goes from step to step here, as on a robot."""
    face = policy.contract.interface
    _same_face(face, env)
    own = [m.name for m in face.memory if m.name not in dict(face.seen)]
    kept: bundle.Memory = {}

    def act(obs: Obs) -> torch.Tensor:
        rows, seen, start = obs["actor"].numpy(), {}, 0
        for name, size in face.seen:
            seen[name] = rows[:, start : start + size]
            start += size
        if own:
            began, first = env.began.numpy()[:, None], policy.initial_memory(seen)
            kept.update({name: np.where(began, first[name], kept.get(name, first[name])) for name in own})
        position, _, following = policy.step(seen, seen | kept)
        kept.update({name: following[name] for name in own})
        return torch.from_numpy(position)

    return act


def _same_face(face: Interface, env: Env) -> None:
    """Raise UsageError, with names, where the file takes or moves something else than the task as it is now."""
    knows, shows = ({"signals": dict(f.seen), "joints": [j.name for j in f.joints]} for f in (face, env.interface))
    for what in ("signals", "joints"):
        a, b = knows[what], shows[what]
        if list(a) != list(b) or a != b:
            raise UsageError(
                f"the policy file has {what} {a}; task {env.settings.name}, as it is now, has {b}: evaluate it with the "
                "version that exported it, or train again"
            )


def measure(
    policy: TrainedPolicy, episodes: int, *, seed: int, pins: dict[str, float] | None = None, progress: Any = None
) -> Episodes:
    """Run whole episodes of the policy, on at most 256 worlds at a time."""
    worlds, rounds = worlds_and_rounds(episodes)
    env = make_env(policy.run.task, worlds, seed=seed, pins=pins)
    results = run_episodes(env, policy.act_in(env), rounds, seed=seed, targets=policy.targets, progress=progress)
    return results.first(episodes)


def measure_in(policy: TrainedPolicy, worlds: Worlds, *, seed: int, progress: Any = None) -> Played:
    """Play each of these worlds for one episode of the policy, at most 256 at a time."""
    env = make_env(policy.run.task, min(len(worlds.numbers), MOST_WORLDS), seed=seed)
    return play(env, policy.act_in(env), worlds, seed=seed, targets=policy.targets, progress=progress)

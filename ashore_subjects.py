"""A trained policy put to the test: measured, swept, shown, or faced with a twin."""

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
from rich.progress import Progress

from ashore_wiring import (
    TEST_SEED,
    Act,
    UsageError,
    as_trained,
    commit,
    make_env,
    make_randomizer,
    policy_act,
    sampler_state,
)
from configs.contract import Contract
from configs.faults import explain
from configs.loader import load_run, run_settings
from configs.schema import RunSettings, TaskSettings
from configs.space import Dimension
from deploy_ros import bundle
from policies.checkpoint import latest
from policies.metrics import read
from policies.policy import Policy, load_policy
from policies.trainer import CHECKPOINTS
from randomization.sweep import Provenance, SweepResult, sweep
from sim.env import Env, Obs
from sim.evaluate import Episodes, run_episodes
from sim.robot import is_portable


class Subject(NamedTuple):
    """A trained policy under examination, from a run's folder or from an exported file."""

    name: str
    run: RunSettings
    on: Callable[[Env], Act]  # the policy at work in an environment; it gives joint targets if `targets`
    targets: bool
    steps: int
    sha256: str
    trained_on: Callable[[], tuple[Dimension, ...]]  # lambda and the ranges that training reached
    metrics: tuple[dict[str, Any], ...] = ()  # of a run's folder


def load_subject(where: str, overrides: Sequence[str] = ()) -> Subject:
    """`where`: a run's folder, or an exported `.onnx`."""
    path = Path(where)
    if path.is_dir():
        checkpoint = latest(path / CHECKPOINTS)
        if checkpoint is None:
            raise UsageError(f"{path} holds no checkpoint; train first: ashore train PRESET --run {path}")
        policy = load_policy(checkpoint)
        ranges, run = functools.partial(_trained_on, path, checkpoint), load_run(path, overrides)
        metrics = read(path)
        act = functools.partial(_acting, policy)
        return Subject(path.name, run, act, False, policy.steps, "", ranges, metrics)
    if not path.is_file():
        raise UsageError(f"{where} is neither a run's folder nor a policy file")
    exported = bundle.load_policy(path)
    contract = exported.contract
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run = run_settings(_carried(path, contract), overrides)
    if contract.settings["task"].get("source") and run.task.source is None:
        raise UsageError(
            f"{path} is of task {run.task.name}, which is not in this package, and no policy file makes code run; "
            "allowed: --task FILE.py:CLASS"
        )
    act = functools.partial(graph_act, exported)
    return Subject(path.stem, run, act, True, contract.trained_steps, digest, lambda: contract.trained_on)


def _acting(policy: Policy, env: Env) -> Act:
    return policy_act(policy.acting(), env)


def _trained_on(folder: Path, checkpoint: Path) -> tuple[Dimension, ...]:
    run = load_run(folder)
    return as_trained(run, 1, sampler_state(checkpoint))[1]


def _carried(path: Path, contract: Contract) -> dict[str, Any]:
    """The settings in a policy file, which may be a stranger's: whole, so that they lead to no other file and no download."""
    try:
        run = RunSettings.model_validate_json(json.dumps(contract.settings), strict=True)
    except ValidationError as error:
        raise explain(error, contract.settings) from None
    if not is_portable(run.task.robot.model):
        raise UsageError(
            f"{path}: task.robot.model = {run.task.robot.model!r}; allowed in a policy file: the model's text, "
            "a file of sim/robots, gymnasium:FILE"
        )
    data = copy.deepcopy(contract.settings)
    data["task"] |= {"source": None}
    data["train"] |= {"start_from": None}
    return data


def graph_act(policy: bundle.Policy, env: Env) -> Act:
    """An exported graph in an environment's worlds: the columns of the actor's observation are its inputs, and what it
    remembers beyond them goes from step to step here, as on a robot."""
    face = policy.contract.interface
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


def measure(
    subject: Subject, episodes: int, *, seed: int, pins: dict[str, float] | None = None, progress: Any = None
) -> Episodes:
    """Run whole episodes of the subject, on at most 256 worlds at a time."""
    worlds = min(episodes, 256)
    env = make_env(subject.run.task, worlds, seed=seed, pins=pins)
    rounds = -(-episodes // worlds)
    results = run_episodes(env, subject.on(env), rounds, seed=seed, targets=subject.targets, progress=progress)
    return results.first(episodes)


def run_sweep(
    subject: Subject, over: Sequence[str], episodes: int, points: int, seed: int, command: str
) -> tuple[SweepResult, tuple[Dimension, ...], tuple[Dimension, ...]]:
    """Move one parameter at a time, the others as declared; gives the curves, and the space as trained on and as declared."""
    env = make_env(subject.run.task, 1)
    declared = env.randomizer.dimensions if env.randomizer else ()
    dimensions = _with_ranges(declared, subject.trained_on())
    provenance = Provenance(
        command=command,
        commit=commit(),
        policy=subject.name,
        policy_sha256=subject.sha256,
        task=subject.run.task.name,
        seeds=(seed,),
    )

    def evaluate(pins: dict[str, float]) -> Episodes:
        return measure(subject, episodes, seed=TEST_SEED + seed, pins=pins)

    with Progress(transient=True) as bar:
        line = bar.add_task("sweep")

        def progress(done: int, total: int, text: str) -> None:
            bar.update(line, completed=done, total=total, description=text)

        try:
            result = sweep(over, dimensions, evaluate, points=points, provenance=provenance, progress=progress)
        except ValueError as error:
            raise UsageError(str(error)) from None
    return result, dimensions, declared


def _with_ranges(dimensions: Sequence[Dimension], trained_on: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions with the ranges that training reached, those it had."""
    reached = {d.name: (d.low, d.high) for d in trained_on}
    ranges = [reached.get(d.name, (d.low, d.high)) for d in dimensions]
    low, high = (
        [min(max(r[i], d.widest[0]), d.widest[1]) for r, d in zip(ranges, dimensions, strict=True)] for i in (0, 1)
    )
    return tuple(d.model_copy(update={"low": a, "high": b}) for d, a, b in zip(dimensions, low, high, strict=True))


def play_to_file(subject: Subject, path: Path, episodes: int, seed: int) -> int:
    """Episodes of one world as a GIF or MP4 at 25 pictures a second; gives their number."""
    from sim.render import frames, write_video

    dt = subject.run.task.control_dt
    every = max(1, round(0.04 / dt))
    env = make_env(subject.run.task, 1, seed=seed)
    pictures = frames(env, subject.on(env), episodes, seed=seed, targets=subject.targets, every=every)
    return write_video(path, pictures, fps=1 / (dt * every))


def look_to_file(task: TaskSettings, path: Path, camera: str, worlds: int, size: tuple[int, int], seed: int) -> None:
    """What a camera sees at the start of an episode in each of some worlds, side by side in one PNG. size: width, height."""
    from sim.cameras import Cameras
    from sim.render import write_sheet

    env = make_env(task, worlds, seed=seed)
    env.reset(seed)
    cameras = Cameras(env, (camera,), size[1], size[0], samples=4, shadows=2048)
    try:
        write_sheet(path, cameras.take()[camera].numpy())
    finally:
        cameras.close()


def play_in_viewer(subject: Subject, seed: int) -> None:
    """Episodes of one world in MuJoCo's own window, until it is closed."""
    from sim.viewer import watch

    env = make_env(subject.run.task, 1, seed=seed)
    watch(env, subject.on(env), seed=seed, targets=subject.targets)


def play_in_browser(subject: Subject, seed: int, port: int) -> None:
    """Episodes of one world on a page of this machine, until Ctrl-C. Port 0: the first free one from 8080 on."""
    from sim.browser import Player, serve

    env = make_env(subject.run.task, 1, seed=TEST_SEED + seed)
    serve(env, Player(env, subject.on(env), seed=seed, first_seed=TEST_SEED, targets=subject.targets), port)


def serve_twin(where: str, overrides: Sequence[str], episodes: int, seed: int, wait: float) -> dict[str, Any]:
    """The robot of a policy's task as a twin on the wire; gives what became of its episodes."""
    from deploy_ros.settings import NodeSettings
    from deploy_ros.twin import PUBLISH_DT, run_twin, summarize
    from sim.plant import Plant

    task = load_subject(where, overrides).run.task
    if wait <= 0:
        raise UsageError(f"--wait = {wait:g} s; allowed: above 0")
    plant = Plant(task, make_randomizer(task), seed=TEST_SEED + seed, publish_dt=PUBLISH_DT)
    return summarize(run_twin(plant, episodes, settings=NodeSettings(wait=wait)), episodes)

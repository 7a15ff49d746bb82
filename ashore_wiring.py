"""Where the rooms meet: an environment with its randomizer, a run trained and exported, a policy put to the test.

The commands of `ashore.py`, the demo and the benchmarks are written in these few functions.
"""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import ValidationError
from rich.progress import Progress

from ashore import __version__
from configs.card import Card
from configs.contract import Contract
from configs.errors import AshoreError
from configs.faults import explain
from configs.loader import dump, load_run, run_settings
from configs.sampler import SamplerSettings
from configs.schema import RunSettings, TaskSettings, TrainSettings
from configs.space import Dimension
from deploy_ros import bundle
from policies.acting import Acting
from policies.checkpoint import latest, load
from policies.export import export_policy
from policies.metrics import read
from policies.networks import make_actor
from policies.normalize import Normalizer
from policies.policy import Policy, load_policy
from policies.trainer import CHECKPOINTS, FREE, Outcome, train
from randomization.randomizer import Randomizer
from randomization.sweep import Provenance, SweepResult, sweep
from sim import tasks
from sim.env import Env, Obs
from sim.evaluate import Episodes, record_signals, run_episodes
from sim.own_robot import adopt
from sim.robot import is_portable

POLICY_FILE = "policy.onnx"
GOLDEN_STEPS = 20  # of each golden sequence, beside those that fill a history
TEST_SEED = 2**31  # seeds from here on are for tests alone: no training episode is among them


class UsageError(AshoreError):
    """Something the user can mend; the text says how."""


def make_env(
    task: TaskSettings,
    num_envs: int,
    *,
    seed: int = 0,
    pins: dict[str, float] | None = None,
    sampler: SamplerSettings | None = None,
    **how: bool,
) -> Env:
    """The batched environment with its randomizer; `pins` holds parameters at one value, as a sweep does; `how` as in Env.

    `sampler` is for training: what measures a policy draws uniformly from the declared ranges, whatever it was trained on.
    """
    return Env(task, num_envs, seed=seed, randomizer=make_randomizer(task, pins, sampler), **how)


def make_randomizer(
    task: TaskSettings, pins: dict[str, float] | None = None, sampler: SamplerSettings | None = None
) -> Randomizer | None:
    """The task's randomizer, where it randomizes anything."""
    return Randomizer(task.randomization, sampler, pins) if task.randomization else None


def self_contained(run: RunSettings) -> RunSettings:
    """The same run with the robot's model in its settings, where it came from a file of the user's."""
    if tasks.find(run.task.name).direct:  # on a model that gymnasium ships, as it is
        return run
    robot = adopt(run.task.robot)
    return run.model_copy(update={"task": run.task.model_copy(update={"robot": robot})})


Act = Callable[[Obs], torch.Tensor]  # observation -> actions, or joint targets


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
    act = functools.partial(graph_act, exported)
    return Subject(path.stem, run, act, True, contract.trained_steps, digest, lambda: contract.trained_on)


def _acting(policy: Policy, env: Env) -> Act:
    return policy_act(policy.acting(), env)


def _trained_on(folder: Path, checkpoint: Path) -> tuple[Dimension, ...]:
    run = load_run(folder)
    return _as_trained(run, 1, sampler_state(checkpoint))[1]


def _as_trained(
    run: RunSettings, num_envs: int, state: dict[str, Any] | None
) -> tuple[Env, tuple[Dimension, ...], Card | None]:
    """An environment whose sampler is as training left it, the ranges it reached, and its card."""
    randomizer = make_randomizer(run.task, sampler=run.sampler)
    env = Env(run.task, num_envs, seed=TEST_SEED, randomizer=randomizer)
    if randomizer is None:
        return env, (), None
    if state is not None:
        randomizer.sampler.load_state_dict(state)
    return env, randomizer.trained_on(), randomizer.card()


def sampler_state(checkpoint: Path) -> dict[str, Any] | None:
    """What the sampler of training had learned at a checkpoint."""
    env = load(checkpoint)["env"] or {}
    return env.get("randomizer", {}).get("sampler")


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
    return contract.settings


def policy_act(acting: Acting, env: Env) -> Act:
    """A trained policy in an environment's worlds; its memory begins anew where an episode does."""
    return lambda obs: acting(obs["actor"], env.began)


def graph_act(policy: bundle.Policy, env: Env) -> Act:
    """An exported graph in an environment's worlds: the columns of the actor's observation are its inputs, and what it
    remembers beyond them goes from step to step here, as on a robot."""
    face = policy.contract.interface
    own = [m.name for m in face.memory if m.name not in dict(face.seen)]
    kept: bundle.Memory = {}

    def act(obs: Obs) -> torch.Tensor:
        columns = torch.split(obs["actor"], [size for _, size in face.seen], dim=1)
        seen = {name: x.numpy() for (name, _), x in zip(face.seen, columns, strict=True)}
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


def commit() -> str:
    """The commit of this code, where it is a checkout."""
    try:
        here = Path(__file__).parent
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def write_atomically(path: Path, text: str) -> None:
    """Never leave half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    temporary.replace(path)


def train_run(run: RunSettings, folder: Path, *, resume: bool) -> Outcome:
    """Train into `folder`, and export the policy when it is done. Gives the trainer's outcome."""
    config, run = folder / "config.yaml", self_contained(run)
    if resume:
        if not config.is_file():
            raise UsageError(f"{folder} holds no run to resume; leave --resume out to begin one")
        saved = load_run(folder)
        kept = {"task": saved.task != run.task, "sampler": saved.sampler != run.sampler}
        kept |= {n: getattr(saved.train, n) != getattr(run.train, n) for n in set(TrainSettings.model_fields) - FREE}
        if changed := sorted(name for name, differs in kept.items() if differs):
            raise UsageError(
                f"{config} has other settings in {changed}; a resumed run keeps them; free: {sorted(FREE)}"
            )
    elif config.exists():
        raise UsageError(f"{folder} holds a run already; go on with it: --resume, or name another folder: --run DIR")
    settings = run.train
    env = make_env(
        run.task,
        settings.num_envs,
        seed=settings.seed,
        sampler=run.sampler,
        stagger=True,
        critic_sees_world=settings.critic_sees_world,
    )
    env.task.adapt()
    test = make_env(run.task, min(settings.eval_episodes, 256), seed=settings.seed)
    rounds = -(-settings.eval_episodes // test.num_envs)
    write_atomically(config, dump(run))  # only now: settings that build no environment leave nothing behind

    def evaluate(acting: Acting) -> dict[str, float]:
        return run_episodes(test, policy_act(acting, test), rounds, seed=TEST_SEED + settings.seed).summary()

    outcome = train(settings, env, folder, evaluate=evaluate, resume=resume)
    if not outcome.interrupted and not env.task.direct:
        export_run(folder, folder / POLICY_FILE)
    return outcome


def export_run(folder: Path, path: Path) -> Contract:
    """Write the newest checkpoint of a run as one `.onnx`."""
    run = load_run(folder)
    checkpoint = latest(folder / CHECKPOINTS)
    if checkpoint is None:
        raise UsageError(f"{folder} holds no checkpoint to export")
    return _export(run, load_policy(checkpoint), path, sampler_state(checkpoint))


def export_untrained(run: RunSettings, path: Path) -> Contract:
    """A policy that has learned nothing, of the run's shape: for tests and timing."""
    run = self_contained(run)
    env, ppo = make_env(run.task, 1), run.train.ppo
    size = env.observation_sizes["actor"]
    actor = make_actor(ppo, size, env.action_size)
    return _export(run, Policy(actor.eval(), Normalizer(size).eval(), 0, None), path)


def _export(run: RunSettings, policy: Policy, path: Path, state: dict[str, Any] | None = None) -> Contract:
    """Its golden vectors are episodes of the task itself, in worlds as the last ones of training."""
    env, trained_on, card = _as_trained(run, 4, state)
    if env.task.direct:
        raise UsageError(f"task {run.task.name} mirrors a benchmark, not a robot: its policies are not exported")
    settings, memory = run.model_dump(mode="json"), run.train.ppo.memory
    steps = GOLDEN_STEPS + (memory.steps if memory.kind == "history" else 0)
    return export_policy(
        policy.actor,
        policy.normalizer,
        env.interface,
        path,
        trained_on=trained_on,
        card=card,
        settings=settings,
        settings_sha256=hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        trained_steps=policy.steps,
        success=(policy.evaluation or {}).get("success"),
        ashore_version=__version__,
        golden=record_signals(env, policy_act(policy.acting(), env), steps),
    )


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

"""A run: trained into its folder, resumed, exported."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.card import Card
from ashore.configs.contract import Contract
from ashore.configs.errors import UsageError
from ashore.configs.loader import dump, load_run
from ashore.configs.schema import RunSettings, TrainSettings
from ashore.configs.space import Dimension
from ashore.environments import TEST_SEED, make_env, make_randomizer, policy_act
from ashore.files import write_atomically
from ashore.policies import metrics
from ashore.policies.acting import Acting
from ashore.policies.algorithms import require_fit
from ashore.policies.checkpoint import latest, load
from ashore.policies.export import export_policy
from ashore.policies.networks import make_actor
from ashore.policies.normalize import Normalizer
from ashore.policies.policy import LearnedPolicy, load_policy
from ashore.policies.trainer import CHECKPOINTS, FREE, TrainingOutcome, train
from ashore.ram import require_ram
from ashore.sim import tasks
from ashore.sim.env import Env
from ashore.sim.evaluate import record_signals, run_episodes, worlds_and_rounds
from ashore.sim.robots.own_robot import adopt
from ashore.version import __version__
from ashore.warm_start import at_checkpoint, start_of

POLICY_FILE = "policy.onnx"
GOLDEN_STEPS = 20  # of each golden sequence, beside those that fill a history


def self_contained(run: RunSettings) -> RunSettings:
    """The same run with the robot's model in its settings, where it came from a file of the user's, and every reward weight."""
    task = tasks.find(run.task.name, run.task.source)
    settings = task.with_rewards(run.task)
    if not task.raw_actuators:  # those are on a model that gymnasium ships, as it is
        settings = settings.model_copy(update={"robot": adopt(settings.robot)})
    return run.model_copy(update={"task": settings})


def as_trained(
    run: RunSettings, num_envs: int, state: dict[str, Any] | None
) -> tuple[Env, tuple[Dimension, ...], Card | None]:
    """An environment, on the CPU engine, whose sampler is as training left it, the ranges it reached, and its card."""
    randomizer = make_randomizer(run.task, sampler=run.sampler)
    env = Env(run.task.on_cpu(), num_envs, seed=TEST_SEED, randomizer=randomizer)
    if randomizer is None:
        return env, (), None
    if state is not None:
        randomizer.sampler.load_state_dict(state)
    return env, randomizer.trained_on(), randomizer.card()


def sampler_state(checkpoint: Path) -> dict[str, Any] | None:
    """What the sampler of training had learned at a checkpoint."""
    env = load(checkpoint)["env"] or {}
    return env.get("randomizer", {}).get("sampler")


def train_run(run: RunSettings, folder: Path, *, resume: bool, console: Console | None = None) -> TrainingOutcome:
    """Train into `folder`, and export the policy when it is done. Gives the trainer's outcome."""
    metrics.require(run.train.log)
    config, run = folder / "config.yaml", at_checkpoint(self_contained(run))
    if resume:
        if not config.is_file():
            raise UsageError(f"{folder} holds no run to resume; leave --resume out to begin one")
        saved = self_contained(load_run(folder))  # one of an older version lacks weights that have their defaults
        refuse_changes(saved, run, config)
    elif config.exists():
        raise UsageError(f"{folder} holds a run already; go on with it: --resume, or name another folder: --run DIR")
    settings = run.train
    if large := require_ram(run):
        print(f"ashore: {large}", file=sys.stderr)
    env = make_env(
        run.task,
        settings.num_envs,
        seed=settings.seed,
        sampler=run.sampler,
        stagger=True,
        critic_sees_world=settings.critic_sees_world,
    )
    if run.task.engine == "warp":
        print("ashore: MuJoCo Warp compiles its kernels for a new model: minutes, the first time", file=sys.stderr)
    replay_failures(env, settings)
    env.task.adapt()
    require_fit(settings.algorithm, env)
    evaluate = evaluation_of(run)
    start = start_of(run, env, folder)
    write_atomically(config, dump(run))  # only now: settings that build no environment leave nothing behind

    for warning in [] if resume else env.task.warnings():
        print(f"ashore: warning: {warning}", file=sys.stderr)

    opening = opening_line(run, folder)
    outcome = train(
        settings, env, folder, evaluate=evaluate, resume=resume, start=start, console=console, opening=opening
    )
    if overflows := env.world.overflows():
        print(
            f"ashore: warning: the engine's buffers were too small in some steps of worlds: {overflows}",
            file=sys.stderr,
        )
    if not outcome.interrupted and not env.task.raw_actuators:
        export_run(folder, folder / POLICY_FILE)
    return outcome


def replay_failures(env: Env, settings: TrainSettings) -> None:
    """Have the last `replay_slots` worlds show `replay_failures`, in turn; other chances differ from episode to episode."""
    worlds, slots = settings.replay_failures, settings.replay_slots
    if worlds and env.randomizer is None:
        raise UsageError("train.replay_failures: the task randomizes nothing; allowed: none")
    for k, world in enumerate(worlds):
        assert env.randomizer is not None
        env.randomizer.hold(torch.arange(env.num_envs - slots + k, env.num_envs, len(worlds)), world)


def evaluation_of(run: RunSettings) -> Callable[[Acting], dict[str, float]]:
    """Plays the run's `eval_episodes`, the same ones each time, in worlds that training never draws."""
    seed = run.train.seed
    worlds, rounds = worlds_and_rounds(run.train.eval_episodes)
    test = make_env(run.task, worlds, seed=seed)

    def evaluate(acting: Acting) -> dict[str, float]:
        return run_episodes(test, policy_act(acting, test), rounds, seed=TEST_SEED + seed).summary()

    return evaluate


def refuse_changes(saved: RunSettings, run: RunSettings, config: Path) -> None:
    """Raise UsageError where a resumed run has other settings than those saved in `config`, apart from the free ones."""
    kept = {"task": saved.task != run.task, "sampler": saved.sampler != run.sampler}
    kept |= {n: getattr(saved.train, n) != getattr(run.train, n) for n in set(TrainSettings.model_fields) - FREE}
    if changed := sorted(name for name, differs in kept.items() if differs):
        raise UsageError(f"{config} has other settings in {changed}; a resumed run keeps them; free: {sorted(FREE)}")


def opening_line(run: RunSettings, folder: Path) -> str:
    """What is trained, on how many worlds, and where it goes."""
    return (
        f"{run.task.name} with {run.task.robot.name}, {run.train.num_envs} worlds, "
        f"{run.train.total_steps:,} steps, into {folder}"
    )


def _without_folders(run: RunSettings) -> RunSettings:
    """The settings for a policy file, which goes to other machines: of files of this one the names alone."""
    task, train = run.task, run.train
    source, start = (None if p is None else Path(p).name for p in (task.source, train.start_from))
    changed = {"task": task.model_copy(update={"source": source})}
    return run.model_copy(update=changed | {"train": train.model_copy(update={"start_from": start})})


def portable_settings(run: RunSettings) -> dict[str, Any]:
    """The settings as a file has them that goes to other machines."""
    return _without_folders(self_contained(run)).model_dump(mode="json")


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
    env = make_env(run.task.on_cpu(), 1)
    size = env.observation_sizes["actor"]
    actor = make_actor(run.train.algorithm, size, env.action_size)
    return _export(run, LearnedPolicy(actor.eval(), Normalizer(size).eval(), 0, None), path)


def _export(run: RunSettings, policy: LearnedPolicy, path: Path, state: dict[str, Any] | None = None) -> Contract:
    """Its golden vectors are episodes of the task itself, in worlds as the last ones of training."""
    env, trained_on, card = as_trained(run, 4, state)
    if env.task.raw_actuators:
        raise UsageError(f"task {run.task.name} mirrors a benchmark, not a robot: its policies are not exported")
    settings, memory = (
        _without_folders(run).model_dump(mode="json"),
        getattr(run.train.algorithm, "memory", MemorySettings()),
    )
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

"""Rounds of preferences: collect pairs -> answers -> fit a reward -> improve the policy, each saved as it is done.

A run's folder has beside the usual files `preferences/`: `settings.json`, `answers.jsonl`, and of each round its clips. A round
that is killed begins again from the checkpoint before it, with its clips and answers, and ends in the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ashore.configs.algorithms import OnPolicySettings, PPOSettings
from ashore.configs.errors import UsageError
from ashore.configs.loader import dump, load_run
from ashore.configs.preferences import PreferenceSettings
from ashore.configs.schema import RunSettings
from ashore.environments import make_env
from ashore.files import write_atomically
from ashore.policies import checkpoint
from ashore.policies.acting import Acting
from ashore.policies.algorithms import make_learner
from ashore.policies.metrics import Metrics
from ashore.policies.on_policy.learner import OnPolicy
from ashore.policies.policy import load_policy
from ashore.policies.preferences import clips as clip_files
from ashore.policies.preferences.answers import Answers
from ashore.policies.preferences.clips import Answer, Clips
from ashore.policies.preferences.preferred_env import PreferredEnv
from ashore.policies.preferences.reward_model import Fit, RewardModel, fit
from ashore.policies.process import reproducible
from ashore.policies.trainer import CHECKPOINTS
from ashore.policies.warm_start import Start, load_start
from ashore.preferences.collect import SIDES, collect
from ashore.preferences.judges import Judge, left_is_better
from ashore.runs import POLICY_FILE, evaluation_of, export_run
from ashore.sim.env import Env
from ashore.warm_start import at_checkpoint, start_of

FOLDER, SETTINGS, ANSWERS = "preferences", "settings.json", "answers.jsonl"
FEWEST = 4  # answers that a reward can be fitted to
COLLECT, FIT, IMPROVE = 1, 2, 3  # what a round draws random numbers for


class Round(NamedTuple):
    """What a round came to."""

    number: int  # from 0
    fit: Fit
    kl: float  # nats a step from the first policy, in the last iteration
    evaluation: dict[str, float]  # by the task's own measure


Heard = Callable[[Round], None]


def begin(source: str, folder: Path, settings: PreferenceSettings, overrides: tuple[str, ...] = ()) -> RunSettings:
    """The settings of a new run, to be in `folder`, that goes on from the run `source`."""
    if (folder / "config.yaml").exists():
        raise UsageError(f"{folder} holds a run already; go on with it: --resume, or name another folder: --run DIR")
    run = load_run(source, overrides)
    algorithm = run.train.algorithm
    if not isinstance(algorithm, OnPolicySettings):
        raise UsageError(f"{source} was trained by {algorithm.kind}; allowed: ppo, which improves by rollouts")
    train = {
        "start_from": str(Path(source).absolute()),
        "total_steps": settings.rounds * settings.steps,
        "algorithm": gentle(algorithm),
    }
    return at_checkpoint(run.model_copy(update={"train": run.train.model_copy(update=train)}))


def gentle(algorithm: OnPolicySettings) -> OnPolicySettings:
    """At first with the smallest learning rate, where it adapts: a fresh optimizer's first steps would undo what is there."""
    if not isinstance(algorithm, PPOSettings):
        return algorithm
    return algorithm.model_copy(update={"learning_rate": algorithm.learning_rate_bounds[0]})


def write_settings(run: RunSettings, folder: Path, settings: PreferenceSettings) -> None:
    """What `go_on` reads."""
    write_atomically(folder / FOLDER / SETTINGS, settings.model_dump_json(indent=1))
    write_atomically(folder / "config.yaml", dump(run))


def go_on(folder: Path) -> tuple[RunSettings, PreferenceSettings]:
    """The settings of a run that `write_settings` wrote."""
    if not (folder / FOLDER / SETTINGS).is_file():
        raise UsageError(f"{folder} holds no rounds of preferences to resume; leave --resume out to begin")
    return load_run(folder), PreferenceSettings.model_validate_json((folder / FOLDER / SETTINGS).read_text())


def run_rounds(run: RunSettings, folder: Path, settings: PreferenceSettings, judge: Judge, heard: Heard) -> None:
    """All rounds that the folder lacks; exports the policy after the last."""
    with reproducible(run.train.torch_threads):
        learner, number = _learner(run, folder)
        evaluate = evaluation_of(run)
        while number < settings.rounds:
            heard(_round(run, folder, settings, judge, learner, number, evaluate))
            number += 1
    if not make_env(run.task, 1).task.raw_actuators:
        export_run(folder, folder / POLICY_FILE)


def _learner(run: RunSettings, folder: Path) -> tuple[OnPolicy, int]:
    """The learner as the last round left it, and the number of the next one."""
    env = _train_env(run)
    learner = make_learner(run.train.algorithm, env, run.train.seed)
    if not isinstance(learner, OnPolicy):
        raise UsageError(f"{run.train.algorithm.kind} does not improve by rollouts; allowed: ppo")
    found = checkpoint.latest(folder / CHECKPOINTS)
    if found is not None:
        state = checkpoint.load(found)
        learner.load_state_dict(state["learner"])
        return learner, state["preferences"]["round"] + 1
    start = start_of(run, env, folder)
    assert start is not None
    load_start(Start(start.checkpoint, critic=False), learner.modules())  # the critic is to predict another reward
    return learner, 0


def _train_env(run: RunSettings) -> Env:
    train = run.train
    return make_env(
        run.task,
        train.num_envs,
        seed=train.seed,
        sampler=run.sampler,
        stagger=True,
        critic_sees_world=train.critic_sees_world,
    )


def _round(
    run: RunSettings,
    folder: Path,
    settings: PreferenceSettings,
    judge: Judge,
    learner: OnPolicy,
    number: int,
    evaluate: Callable[[Acting], dict[str, float]],
) -> Round:
    began = time.monotonic()
    _ask(run, folder, settings, judge, learner, number)
    clips, answers = _answered(folder, number)
    model, fitted = fit_reward(clips, answers, settings, number)
    kl = _improve(run, folder, settings, learner, model, number, fitted)
    evaluation = {name: float(x) for name, x in evaluate(learner.acting()).items()}
    state: dict[str, Any] = {
        "settings": run.train.model_dump_json(),
        "sizes": _train_sizes(learner, model),
        "learner": learner.state_dict(),
        "env": None,
        "steps": learner.steps,
        "iterations": 0,
        "seconds": time.monotonic() - began,
        "evaluation": evaluation,
        "preferences": {"round": number, "reward_model": dict(model.state_dict())},
    }
    checkpoint.save(folder / CHECKPOINTS, learner.steps, state, run.train.keep_checkpoints)
    return Round(number, fitted, kl, evaluation)


def _train_sizes(learner: OnPolicy, model: RewardModel) -> dict[str, int]:
    actor, critic = len(learner.actor_normalizer.mean), len(learner.critic_normalizer.mean)
    return {"actor": actor, "critic": critic, "action": len(model.normalizer.mean) - critic}


def _seed(settings: PreferenceSettings, number: int, what: int) -> int:
    return (settings.seed * 1_000_003 + number * 4 + what) % 2**31


def clips_file(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"round_{number:03d}" / "clips.safetensors"


def _ask(
    run: RunSettings, folder: Path, settings: PreferenceSettings, judge: Judge, learner: OnPolicy, number: int
) -> None:
    """Have every pair of this round answered."""
    file, seed = clips_file(folder, number), _seed(settings, number, COLLECT)
    env = make_env(run.task, 2 * settings.pairs, seed=seed, critic_sees_world=run.train.critic_sees_world)
    if not file.is_file():

        def film(world: int) -> Path:
            return picture_file(file.parent, world // 2, SIDES[world % 2])

        clips = collect(env, learner.acting(), settings.clip_seconds, seed, film if judge.films else None)
        clip_files.save(clips, file)
    answers = Answers(folder / FOLDER / ANSWERS)
    names = {f"{number}-{i}": i for i in range(settings.pairs)}
    judge.answer(
        {pair: i for pair, i in names.items() if pair not in answers.known},
        clip_files.load(file),
        env,
        file.parent,
        answers.add,
    )


def picture_file(folder: Path, pair: int, side: str) -> Path:
    return folder / f"{pair:04d}_{side}.jpg"


def _answered(folder: Path, number: int) -> tuple[Clips, list[Answer]]:
    """The pairs of this round and those before it, but for those that were skipped, and their answers."""
    known, parts = Answers(folder / FOLDER / ANSWERS).known, []
    answers: list[Answer] = []
    for r in range(number + 1):
        clips = clip_files.load(clips_file(folder, r))
        given = [(i, known.get(f"{r}-{i}", "skip")) for i in range(len(clips.valid))]
        rows = [i for i, answer in given if answer != "skip"]
        parts.append(Clips(*(x[rows] for x in clips)))
        answers += [answer for _, answer in given if answer != "skip"]
    if len(answers) < FEWEST:
        raise UsageError(f"{len(answers)} pairs were answered; allowed: at least {FEWEST} that are not skipped")
    return clip_files.joined(parts), answers


def fit_reward(
    clips: Clips, answers: list[Answer], settings: PreferenceSettings, number: int
) -> tuple[RewardModel, Fit]:
    """A fresh reward model fitted to all answers so far."""
    random = torch.Generator().manual_seed(_seed(settings, number, FIT))
    model = RewardModel(clips.critic.shape[-1], clips.action.shape[-1], settings.reward_model, random)
    return model, fit(model, clips, left_is_better(answers), settings.reward_model, random)


def _improve(
    run: RunSettings,
    folder: Path,
    settings: PreferenceSettings,
    learner: OnPolicy,
    model: RewardModel,
    number: int,
    fitted: Fit,
) -> float:
    """The round's steps of learning; gives how far the policy then is from the first one, in nats a step."""
    assert run.train.start_from is not None
    first = load_policy(Path(run.train.start_from)).acting()
    env = PreferredEnv(_train_env(run), model, learner.acting(), first, settings.kl_coefficient)
    observation = env.reset(_seed(settings, number, IMPROVE))
    learner.began.fill_(True)
    if number == 0:
        learner.observe(observation)
    kl, iteration = 0.0, 0
    with Metrics(folder, learner.steps, run.train.log) as metrics:
        while learner.steps < (number + 1) * settings.steps:
            report = learner.improve(env)
            iteration += 1
            means = env.means()
            kl = means["preferences/kl"]
            record: dict[str, float] = {"iteration": iteration, "steps": learner.steps, "preferences/round": number}
            record |= {f"train/{name}": x for name, x in report.losses.items()}
            record |= {f"episode/{name}": x for name, x in report.episode_means().items()} | means
            if iteration == 1:
                record |= {f"preferences/{name}": float(x) for name, x in fitted._asdict().items()}
            metrics.write(record)
        metrics.sync()
    return kl

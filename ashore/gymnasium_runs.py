"""Runs on gymnasium environments: trained into a folder, resumed, evaluated, filmed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ashore.configs.errors import UsageError
from ashore.configs.gymnasium_run import GymnasiumRunSettings
from ashore.configs.loader import dump, load_any
from ashore.configs.schema import TrainSettings
from ashore.environments import TEST_SEED
from ashore.files import write_atomically
from ashore.policies.acting import Acting
from ashore.policies.algorithms import make_learner
from ashore.policies.checkpoint import latest
from ashore.policies.gymnasium_vector import GymnasiumVector, fault_of_resuming, make_gymnasium
from ashore.policies.policy import load_policy
from ashore.policies.process import torch_threads
from ashore.policies.trainer import CHECKPOINTS, FREE, TrainingOutcome, train
from ashore.randomization.robustness.curve import clopper_pearson
from ashore.sim.evaluate import tabulate

MOST_WORLDS = 32  # at a time, where episodes are counted: they step one after another
LONGEST = (
    10_000  # steps of an episode that is counted or filmed without a limit of its own: a policy may walk in circles
)
FILM_RATE = 30.0  # pictures a second, where the environment does not say


@dataclass(frozen=True, repr=False)
class GymnasiumEvaluation:
    """Whole episodes of a policy in a gymnasium environment."""

    terms: dict[str, NDArray[np.float64]]  # "return", "length" and, where it is known, "success", of each: [E]
    seed: int

    @property
    def count(self) -> int:
        """Episodes."""
        return len(self.terms["return"])

    @property
    def means(self) -> dict[str, float]:
        return {name: float(values.mean()) for name, values in self.terms.items()}

    @property
    def success(self) -> float:
        """Fraction of the episodes; NaN where the environment has no notion of it."""
        return self.means.get("success", float("nan"))

    @functools.cached_property
    def interval(self) -> tuple[float, ...]:
        """Of the success, Clopper-Pearson at 95 %; empty where the environment has no notion of it."""
        return clopper_pearson(int(self.terms["success"].sum()), self.count) if "success" in self.terms else ()

    def __repr__(self) -> str:
        returns = self.terms["return"]
        first = f"return {returns.mean():.2f}, standard deviation {returns.std():.2f}, over {self.count} episodes"
        rows = [f"  {name:24} {value:.3f}" for name, value in self.means.items() if name != "return"]
        if self.interval:
            rows.append("  {:24} [{:.3f}, {:.3f}]".format("95 % of success", *self.interval))
        return "\n".join([first, *rows])


def train_gymnasium(
    run: GymnasiumRunSettings, folder: Path, *, resume: bool, console: Console | None = None
) -> TrainingOutcome:
    """Train into `folder`. What cannot be checkpointed exactly is said before the first step."""
    config, settings = folder / "config.yaml", run.train
    _require_startable(run, folder, resume)
    env = make_gymnasium(run.gymnasium, settings.num_envs)
    test = make_gymnasium(run.gymnasium, min(settings.eval_episodes, MOST_WORLDS), longest=LONGEST)
    if fault := fault_of_resuming(run.gymnasium):
        if resume:
            raise UsageError(f"{folder} cannot be resumed: {fault}")
        print(
            f"ashore: warning: this run cannot be resumed, for its worlds cannot be saved: {fault}; its policy is saved",
            file=sys.stderr,
        )
        env.forget_state(fault)
    make_learner(settings.algorithm, env, settings.seed)  # one that does not fit leaves nothing behind
    write_atomically(config, dump(run))

    def evaluate(acting: Acting) -> dict[str, float]:
        terms = run_episodes(test, acting, settings.eval_episodes, TEST_SEED + settings.seed)
        if settings.stop_at_success is not None and "success" not in terms:
            raise UsageError(
                f"train.stop_at_success: {run.gymnasium.id} says of no episode that it was one; allowed: with "
                "gymnasium.success_return"
            )
        return {name: float(values.mean()) for name, values in terms.items()}

    opening = f"{run.gymnasium.id}, {settings.num_envs} worlds, {settings.total_steps:,} steps, into {folder}"
    try:
        return train(settings, env, folder, evaluate=evaluate, resume=resume, console=console, opening=opening)
    finally:
        env.env.close()
        test.env.close()


def _require_startable(run: GymnasiumRunSettings, folder: Path, resume: bool) -> None:
    config = folder / "config.yaml"
    if run.train.replay_failures:
        raise UsageError("train.replay_failures is for tasks on robots; allowed on a gymnasium environment: none")
    if run.train.start_from is not None:
        raise UsageError("train.start_from is for tasks on robots; allowed on a gymnasium environment: leave it out")
    if resume and not config.is_file():
        raise UsageError(f"{folder} holds no run to resume; leave --resume out to begin one")
    if not resume and config.exists():
        raise UsageError(f"{folder} holds a run already; go on with it: --resume, or name another folder: --run DIR")
    if not resume:
        return
    saved = load_any(folder)
    if not isinstance(saved, GymnasiumRunSettings):
        raise UsageError(f"{folder} holds a run of the task {saved.task.name}; allowed: one of {run.gymnasium.id}")
    kept = {n: getattr(saved.train, n) != getattr(run.train, n) for n in set(TrainSettings.model_fields) - FREE}
    kept["gymnasium"] = saved.gymnasium != run.gymnasium
    if changed := sorted(name for name, differs in kept.items() if differs):
        raise UsageError(f"{config} has other settings in {changed}; a resumed run keeps them; free: {sorted(FREE)}")


def run_episodes(
    env: GymnasiumVector, acting: Acting, episodes: int, seed: int, progress: Callable[[int], None] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Terms of whole episodes, [episodes] each, in the order of (round, world): every world plays equally many.

    progress: called with the number of episodes that are done.
    """
    rounds = -(-episodes // env.num_envs)
    seen, began = env.reset(seed), None

    def advance() -> dict[str, Any]:
        nonlocal seen, began
        seen, _, terminated, truncated, info = env.step(acting(seen["actor"], began))
        began = terminated | truncated
        return info

    with torch_threads(1):
        table = tabulate(advance, env.num_envs, rounds, progress)
    return {name: values.flatten()[:episodes].numpy() for name, values in table.items()}


@dataclass(frozen=True)
class TrainedGymnasium:
    """A policy of a run's folder, and the environment that it was trained in."""

    name: str  # of the folder
    run: GymnasiumRunSettings
    checkpoint: Path

    def act_in(self, env: GymnasiumVector) -> Acting:
        """The policy at work; UsageError where the environment shows something else than in training."""
        policy = load_policy(self.checkpoint)
        knows, shows = len(policy.normalizer.mean), env.observation_sizes["actor"]
        if knows != shows:
            raise UsageError(
                f"the policy was trained on {knows} values a step; {self.run.gymnasium.id} shows {shows} now"
            )
        return policy.acting()


def open_trained(folder: Path, run: GymnasiumRunSettings) -> TrainedGymnasium:
    """The newest policy of a run's folder, to act under the settings `run`."""
    checkpoint = latest(folder / CHECKPOINTS)
    if checkpoint is None:
        raise UsageError(f"{folder} holds no checkpoint; train first: ashore train PRESET --run {folder}")
    return TrainedGymnasium(folder.resolve().name, run, checkpoint)


def evaluate_gymnasium(
    trained: TrainedGymnasium, episodes: int, seed: int, progress: Callable[[int], None] | None = None
) -> GymnasiumEvaluation:
    """Whole episodes of a policy, with starts that no training had. seed: of the starts."""
    env = make_gymnasium(trained.run.gymnasium, min(episodes, MOST_WORLDS), longest=LONGEST)
    terms = run_episodes(env, trained.act_in(env), episodes, TEST_SEED + seed, progress)
    env.env.close()
    return GymnasiumEvaluation(terms, seed)


def film_gymnasium(trained: TrainedGymnasium, path: Path, episodes: int, seed: int) -> int:
    """Episodes of one world as an MP4 or GIF, at the environment's own rate; gives the number of pictures."""
    from ashore.sim.view.render import write_video

    env = make_gymnasium(trained.run.gymnasium, 1, render_mode="rgb_array", longest=LONGEST)
    pictures = _pictures(env, trained.act_in(env), episodes, TEST_SEED + seed)
    try:
        return write_video(path, pictures, float(env.env.metadata.get("render_fps") or FILM_RATE))
    finally:
        env.env.close()


def _pictures(env: GymnasiumVector, acting: Acting, episodes: int, seed: int) -> Iterator[Any]:
    """One a step, [height, width, 3] bytes."""
    seen, began, ended = env.reset(seed), None, 0
    yield env.picture()
    while ended < episodes:
        seen, _, terminated, truncated, _ = env.step(acting(seen["actor"], began))
        began = terminated | truncated
        ended += int(began[0])
        yield env.picture()

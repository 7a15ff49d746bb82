"""Falsification of a trained policy: the world nearest to nominal in which it fails, as a file that others can show."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ashore.configs.errors import UsageError
from ashore.configs.failing_world import MAX_COMMAND, FailingParameter, FailingWorld
from ashore.configs.space import Dimension
from ashore.environments import TEST_SEED, make_env
from ashore.files import commit
from ashore.randomization.robustness.falsify import Method, Search
from ashore.randomization.robustness.minimise import minimise
from ashore.randomization.robustness.normalized import Floats, Normalized
from ashore.randomization.robustness.trials import Confirmed, Ints, Play, Trials
from ashore.sim.evaluate import MOST_WORLDS
from ashore.sim.given_worlds import Worlds, play
from ashore.sweeps import with_ranges
from ashore.trained_policy import TrainedPolicy
from ashore.version import __version__

SEARCH_SHARE = 2 / 3  # of the budget; the rest brings what was found back to nominal
SPEED_OVER = 120.0  # s over which the time left is reckoned


class Asked(NamedTuple):
    """How to search."""

    budget: int = 6000  # episodes, minimising included
    method: Method = "cma"
    episodes: int = 8  # in each world that the search looks at
    below: float = 0.5  # the success rate under which a policy fails
    seed: int = 0
    radius: float = math.inf  # farther worlds are of no interest
    command: str = ""


class Falsified(NamedTuple):
    """What a search gave; `world` is None where no failing world was found."""

    world: FailingWorld | None
    spent: int  # episodes
    interrupted: bool
    distances: tuple[tuple[int, float], ...]  # episodes spent -> distance, each time a nearer world was confirmed


def falsify(policy: TrainedPolicy, asked: Asked, console: Console | None = None) -> Falsified:
    """Search, then minimise. Ctrl-C ends either with what is found so far."""
    dimensions = space_of(policy)
    space = Normalized(dimensions)
    seed = TEST_SEED + asked.seed
    trials = Trials(space, playing(policy, seed), below=asked.below)
    search = Search(trials, asked.method, episodes=asked.episodes, radius=asked.radius, seed=asked.seed)
    found: Confirmed | None = None
    distances: list[tuple[int, float]] = []
    interrupted = False

    def keep(confirmed: Confirmed) -> None:
        nonlocal found
        found = confirmed
        distances.append((trials.spent, float(np.linalg.norm(confirmed.point))))

    with _Line(asked.budget, trials, console) as line:

        def progress() -> None:
            if search.best is not None and search.best is not found:
                keep(search.best)
            line.show("searching", found)

        def smaller(confirmed: Confirmed) -> None:
            keep(confirmed)
            line.show("minimising", confirmed)

        try:
            search.run(round(asked.budget * SEARCH_SHARE), progress=progress)
            progress()
            if found is not None:
                line.show("minimising", found)
                minimise(trials, found, asked.budget - trials.spent, keep=smaller)
        except KeyboardInterrupt:
            interrupted = True
            found = found or search.best
    world = None if found is None else _failing_world(policy, dimensions, space, found, asked, trials.spent)
    return Falsified(world, trials.spent, interrupted, tuple(distances))


def space_of(policy: TrainedPolicy) -> tuple[Dimension, ...]:
    """The task's parameters with the ranges that training reached."""
    env = make_env(policy.run.task, 1)
    declared = env.randomizer.dimensions if env.randomizer else ()
    if not any(d.widest[0] < d.widest[1] for d in declared):
        raise UsageError(f"task {policy.run.task.name} randomizes nothing: there is no world to search for")
    return with_ranges(declared, policy.trained_on())


def playing(policy: TrainedPolicy, seed: int, progress: Callable[[int], None] | None = None) -> Play:
    """Plays an episode in each of some lambdas; one environment, built once, for all batches."""
    env = make_env(policy.run.task, MOST_WORLDS // 2, seed=seed)
    act = policy.act_in(env)

    def played(lambdas: Floats, numbers: Ints) -> tuple[Floats, Floats]:
        worlds = Worlds(torch.from_numpy(lambdas), numbers, np.zeros(len(numbers), np.int64))
        episodes = play(env, act, worlds, seed=seed, targets=policy.targets, progress=progress).episodes
        return episodes.success.astype(np.float64), episodes.returns

    return played


def _failing_world(
    policy: TrainedPolicy,
    dimensions: tuple[Dimension, ...],
    space: Normalized,
    found: Confirmed,
    asked: Asked,
    spent: int,
) -> FailingWorld:
    values = space.lambdas(found.point[None])[0]
    return FailingWorld(
        task=policy.run.task.name,
        robot=policy.run.task.robot.name,
        policy=policy.name,
        policy_sha256=policy.sha256,
        parameters=tuple(
            FailingParameter(name=d.name, value=float(v), unit=d.unit, nominal=d.nominal, trained=(d.low, d.high))
            for d, v in zip(dimensions, values, strict=True)
        ),
        distance=float(np.linalg.norm(found.point)),
        below=asked.below,
        failures=found.failures,
        episodes=found.episodes,
        interval=found.interval,
        seed=TEST_SEED + asked.seed,
        number=found.number,
        method=asked.method,
        spent=spent,
        command=asked.command[:MAX_COMMAND],
        commit=commit(),
        versions={name: version for name in ("mujoco", "numpy", "torch") if (version := _version(name))}
        | {"ashore": __version__},
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def table(world: FailingWorld) -> Table:
    """The parameters of a failing world that are off nominal, the farthest first."""
    out = Table(
        title=f"the nearest failing world, {world.distance:.2f} trained ranges from nominal", title_justify="left"
    )
    for heading in ("parameter", "unit", "nominal", "trained", "fails at"):
        out.add_column(heading, justify="left" if heading in ("parameter", "unit") else "right")
    for p in world.moved:
        trained = "not varied" if p.trained[0] == p.trained[1] else f"{p.trained[0]:.4g} to {p.trained[1]:.4g}"
        out.add_row(Text(p.name), p.unit, f"{p.nominal:.4g}", trained, f"{p.value:.4g}")
    return out


def default_path(policy: TrainedPolicy, runs: Path) -> Path:
    """Where the world is written that is told no place: `runs/failing-TASK-POLICY.json`."""
    return runs / ("-".join(dict.fromkeys(("failing", policy.run.task.name, policy.name))) + ".json")


class _Line:
    """A line that counts episodes and says what time is left, and how near the nearest failing world is."""

    def __init__(self, budget: int, trials: Trials, console: Console | None) -> None:
        text = TextColumn("{task.description}", markup=False)
        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("episodes, left"), TimeRemainingColumn(), text)
        self._live = Progress(*columns, console=console, transient=True, speed_estimate_period=SPEED_OVER)
        self._task = self._live.add_task("searching", total=budget)
        self._trials = trials
        self._live.disable = not self._live.console.is_terminal

    def show(self, what: str, found: Confirmed | None) -> None:
        nearest = f", fails at {np.linalg.norm(found.point):.2f}" if found else ""
        self._live.update(self._task, completed=self._trials.spent, description=what + nearest)

    def __enter__(self) -> _Line:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

"""A run: improve, evaluate, report, checkpoint, until the steps are done, the goal is reached or someone interrupts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ashore.configs.malloc import keep_freed_memory
from ashore.configs.schema import TrainSettings
from ashore.policies import checkpoint
from ashore.policies.acting import Acting
from ashore.policies.algorithms import make_learner
from ashore.policies.checkpoint import CheckpointError, train_settings
from ashore.policies.layout import Layout, layout_of
from ashore.policies.learner import Learner
from ashore.policies.metrics import FILE, Metrics
from ashore.policies.process import Interrupt, reproducible
from ashore.policies.progress import RunProgress
from ashore.policies.vector import Reports, VectorEnv
from ashore.policies.warm_start import Start, load_start

# Plays whole episodes; gives at least "success" and "return". Must give the same for the same policy and change nothing else.
Evaluate = Callable[[Acting], Mapping[str, float]]

CHECKPOINTS = "checkpoints"
REPORT_EVERY = 10  # iterations between the environment's reports, which are long and change slowly
# What a resumed run may change: how long it goes on and what is watched. Anything else would give other bits.
FREE = frozenset(
    {"total_steps", "eval_every", "eval_episodes", "checkpoint_every", "keep_checkpoints", "stop_at_success", "log"}
)


@dataclass(frozen=True)
class TrainingOutcome:
    """How a run ended."""

    steps: int  # control steps done, over all worlds
    interrupted: bool  # by Ctrl-C or SIGTERM; `train(..., resume=True)` goes on from the checkpoint
    evaluation: dict[str, float] | None  # the last one
    checkpoint: Path  # of the last step


@dataclass
class _Run:
    """Where a run stands."""

    steps: int = 0
    iterations: int = 0
    seconds: float = 0.0
    evaluation: dict[str, float] | None = None
    checkpoint: Path | None = None


def train(
    settings: TrainSettings,
    env: VectorEnv,
    folder: Path,
    *,
    evaluate: Evaluate | None = None,
    resume: bool = False,
    start: Start | None = None,
    console: Console | None = None,
    opening: str = "",
) -> TrainingOutcome:
    """Train on `env` and leave checkpoints, `metrics.jsonl` and what `settings.log` names in `folder`.

    `opening` is printed before the first step.
    `start`: networks of another run to start from, with a fresh optimizer and steps at 0.
    With `resume`, goes on from the newest checkpoint in `folder`, to the same bits as a run that never stopped.
    Raises FloatingPointError when observations, rewards or losses are not finite; the last checkpoint stays.
    """
    if env.num_envs != settings.num_envs:
        raise ValueError(f"the environment has {env.num_envs} worlds; allowed: num_envs = {settings.num_envs}")
    keep_freed_memory()
    with reproducible(settings.torch_threads), Interrupt() as interrupt:
        learner, run = _begin(settings, env, folder, resume, start)
        interrupted = False
        with (
            Metrics(folder, run.steps, settings.log) as metrics,
            RunProgress(settings.total_steps, run.steps, console) as progress,
        ):
            if opening:
                progress.say(opening)
            while not _finished(settings, run):
                before, began = run.steps, time.monotonic()
                record = _iterate(settings, learner, env, evaluate, run)
                run.seconds += time.monotonic() - began
                record["time/seconds"] = run.seconds
                metrics.write(record)
                progress.update(record)
                interrupted = interrupt.requested
                if interrupted or _finished(settings, run) or _crossed(before, run.steps, settings.checkpoint_every):
                    metrics.sync()
                    run.checkpoint = _save(settings, learner, env, folder, run)
                if interrupted:
                    progress.say(f"interrupted at step {run.steps:,}; saved {run.checkpoint}, to resume from")
                    break
    assert run.checkpoint is not None
    return TrainingOutcome(run.steps, interrupted, run.evaluation, run.checkpoint)


def _begin(
    settings: TrainSettings, env: VectorEnv, folder: Path, resume: bool, start: Start | None
) -> tuple[Learner, _Run]:
    """The learner and the environment as the newest checkpoint has them, or fresh ones where there is none."""
    found = checkpoint.latest(folder / CHECKPOINTS)
    if not resume and (found or (folder / FILE).exists()):
        raise FileExistsError(f"{folder} already holds a run; resume it, or choose another folder")
    if found is None:
        first = env.reset(settings.seed)
        learner = make_learner(settings.algorithm, env, settings.seed, first["actor"].device)
        if start is not None:
            load_start(start, learner.modules())
        learner.observe(first)
        return learner, _Run()
    state = checkpoint.load(found)
    _check_same_run(settings, env, state, found)
    learner = make_learner(settings.algorithm, env, settings.seed, env.reset(settings.seed)["actor"].device)
    learner.load_state_dict(state["learner"])
    there = set()
    for name, arrays in checkpoint.load_parts(found):
        learner.load_part(name, arrays)
        there.add(name)
    if missing := sorted(set(learner.parts()) - there):
        raise CheckpointError(f"{found} lacks {', '.join(missing)}: it cannot be resumed from")
    env.load_state_dict(state["env"])
    return learner, _Run(state["steps"], state["iterations"], state["seconds"], state["evaluation"], found)


def _iterate(
    settings: TrainSettings, learner: Learner, env: VectorEnv, evaluate: Evaluate | None, run: _Run
) -> dict[str, float]:
    """One iteration, evaluated where that is due; gives its record and moves `run` on."""
    before, began = run.steps, time.monotonic()
    report = learner.improve(env)
    run.steps = learner.steps
    speed = (run.steps - before) / (time.monotonic() - began)  # without evaluation
    run.iterations += 1
    record: dict[str, float] = {"iteration": run.iterations, "steps": run.steps, "time/steps_per_second": speed}
    record |= {f"train/{name}": x for name, x in report.losses.items()}
    record["episode/count"] = report.num_episodes()
    record |= {f"episode/{name}": x for name, x in report.episode_means().items()}
    due = _crossed(before, run.steps, settings.eval_every) or run.steps >= settings.total_steps
    if evaluate is not None and due:
        run.evaluation = {name: float(x) for name, x in evaluate(learner.acting()).items()}
        record |= {f"eval/{name}": x for name, x in run.evaluation.items()}
    if isinstance(env, Reports) and (due or run.iterations % REPORT_EVERY == 1):
        record |= env.report()
    return record


def _crossed(before: int, now: int, every: int) -> bool:
    """Whether a multiple of `every` lies in (before, now]."""
    return now // every > before // every


def _finished(settings: TrainSettings, run: _Run) -> bool:
    goal = settings.stop_at_success
    reached = goal is not None and run.evaluation is not None and run.evaluation["success"] >= goal
    return reached or run.steps >= settings.total_steps


def _save(settings: TrainSettings, learner: Learner, env: VectorEnv, folder: Path, run: _Run) -> Path:
    try:
        env_state = env.state_dict()
    except NotImplementedError:
        env_state = None  # such a checkpoint still gives a policy, but cannot be resumed from
    state = {
        "settings": settings.model_dump_json(),
        "sizes": _sizes(env),
        "learner": learner.state_dict(),
        "env": env_state,
        "steps": run.steps,
        "iterations": run.iterations,
        "seconds": run.seconds,
        "evaluation": run.evaluation,
    }
    return checkpoint.save(folder / CHECKPOINTS, run.steps, state, settings.keep_checkpoints, learner.parts())


def _check_same_run(settings: TrainSettings, env: VectorEnv, state: dict[str, Any], path: Path) -> None:
    """Refuse to go on with another environment or other settings than the checkpoint's."""
    saved = train_settings(state["settings"])
    for name in sorted(set(TrainSettings.model_fields) - FREE):
        was, now = getattr(saved, name), getattr(settings, name)
        if was != now:
            raise CheckpointError(f"{path} was written with {name} = {was}, not {now}; a resumed run keeps it")
    sizes = _sizes(env)
    if state["sizes"] != sizes:
        raise CheckpointError(f"{path} is of an environment with sizes {state['sizes']}, not {sizes}")
    if state["env"] is None:
        raise CheckpointError(f"{path} holds a policy, but not its environment: it cannot be resumed from")


def _sizes(env: VectorEnv) -> dict[str, Any]:
    """What the networks' shapes follow from."""
    layout = layout_of(env)
    sizes: dict[str, Any] = env.observation_sizes | {"action": env.action_size}
    sizes |= {"discrete": True} if env.discrete else {}
    return sizes | ({"layout": layout._asdict()} if layout != Layout() else {})

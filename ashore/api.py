"""What one does with policies: train, record, clone, prefer, evaluate, sweep, play, export.

The commands and Python scripts call the same functions.

Settings are given as keywords, `total_steps=8000` or `task={"episode_seconds": 2.0}`; as a mapping with dotted names,
`settings={"task.randomization.payload.high": 1.0}`; or as the command line has them, `overrides=["train.seed=3"]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from ashore import environments
from ashore.cloning import clone_run, record_episodes
from ashore.configs.errors import UsageError
from ashore.configs.faults import ConfigError
from ashore.configs.loader import load_run
from ashore.configs.schema import RunSettings
from ashore.environments import TEST_SEED
from ashore.files import write_atomically
from ashore.policies import metrics, recording
from ashore.policies.trainer import TrainingOutcome
from ashore.randomization.robustness import report
from ashore.randomization.robustness.sweep import SweepResult
from ashore.results import Evaluation, Exported, Recorded, Sweep, Video
from ashore.runs import POLICY_FILE, export_run, train_run
from ashore.settings_arguments import overrides_of
from ashore.showing import play_to_file
from ashore.sim.env import Env
from ashore.sweeps import Space, run_sweep, sweep_name, sweep_report
from ashore.trained_policy import TrainedPolicy, load_trained, measure

RUNS = Path("runs")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A trained run in its folder: `config.yaml`, checkpoints, `metrics.jsonl`, TensorBoard events, `policy.onnx`."""

    folder: Path
    outcome: TrainingOutcome | None = None  # of a training in this process

    @property
    def settings(self) -> RunSettings:
        """What it was trained with."""
        return load_run(self.folder)

    @property
    def policy(self) -> Path:
        """The exported policy, for `ashore.load` and `ashore deploy`; a task that drives no robot exports none."""
        return self.folder / POLICY_FILE

    @property
    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """What training recorded, by name: one value an iteration, NaN where an iteration has none; "steps" is the axis."""
        rows = metrics.read(self.folder)
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: np.array([row.get(name) for row in rows], np.float64) for name in names}

    def evaluate(self, episodes: int = 256, **how: Any) -> Evaluation:
        """As `ashore.evaluate`."""
        return evaluate(self.folder, episodes, **how)

    def sweep(self, over: Sequence[str], episodes: int = 64, **how: Any) -> Sweep:
        """As `ashore.sweep`."""
        return sweep(self.folder, over, episodes, **how)

    def play(self, out: str | Path | None = None, episodes: int = 3, **how: Any) -> Video:
        """As `ashore.play`."""
        return play(self.folder, out, episodes, **how)

    def export(self, out: str | Path | None = None) -> Exported:
        """Write the newest checkpoint's policy as one `.onnx`, into the run's folder if not given."""
        path = self.policy if out is None else Path(out)
        return Exported(path, export_run(self.folder, path))

    def __repr__(self) -> str:
        steps = int(self.metrics.get("steps", np.zeros(1))[-1])
        task = self.settings.task
        return f"Run({str(self.folder)!r}: {task.name} with {task.robot.name}, {steps:,} steps)"


def train(
    preset: str | Path,
    *,
    run_dir: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    **keywords: Any,
) -> Run:
    """Train a preset, or an experiment's YAML, into `run_dir`, `runs/PRESET` if not given. Exports the policy at the end.

    The first Ctrl-C ends after a checkpoint with `KeyboardInterrupt`; `resume=True` goes on from it, to the same bits.
    """
    folder = RUNS / Path(preset).stem if run_dir is None else Path(run_dir)
    source = folder if resume and (folder / "config.yaml").is_file() else preset
    run = _load_run(source, settings, keywords, overrides)
    outcome = train_run(run, folder, resume=resume, console=Console(quiet=quiet))
    if outcome.interrupted:
        raise KeyboardInterrupt(f"stopped after a checkpoint in {folder}; resume=True goes on from it")
    return Run(folder, outcome)


def record(
    policy: str | Path,
    out: str | Path | None = None,
    episodes: int = 64,
    *,
    seed: int = 0,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
) -> Recorded:
    """Write whole episodes of a run's policy, what it saw and did, into a file; `runs/POLICY.safetensors` if not given."""
    _require_count("episodes", episodes)
    trained = _load_trained(policy, settings, overrides)
    path = RUNS / f"{trained.name}.safetensors" if out is None else Path(out)
    recorded = record_episodes(trained, episodes, seed=seed)
    recording.save(recorded, path)
    return Recorded(path, recorded.num_episodes, len(recorded.began))


def clone(
    sources: str | Path | Sequence[str | Path],
    *,
    run_dir: str | Path | None = None,
    episodes: int = 64,
    seed: int = 0,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    **keywords: Any,
) -> Run:
    """Fit a policy to recorded episodes: files that `record` wrote, or a run, of which so many `episodes` are recorded.

    The result is a run, in `runs/clone-SOURCE` if not given; `train(..., start_from=RUN)` goes on from it.
    """
    _require_count("episodes", episodes)
    names = [str(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
    folder = RUNS / f"clone-{Path(names[0]).resolve().stem}" if run_dir is None else Path(run_dir)
    given = overrides_of({**(settings or {}), **keywords})
    with _without_flag(bool(given)):
        clone_run(names, folder, episodes=episodes, seed=seed, overrides=[*overrides, *given])
    return Run(folder)


def prefer(
    policy: str | Path,
    *,
    run_dir: str | Path | None = None,
    judge: str | None = None,
    answers: str | Path | None = None,
    port: int = 0,
    resume: bool = False,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    **keywords: Any,
) -> Run:
    """Improve a run's policy by what is preferred among pairs of its clips; a run in `run_dir`, `runs/prefer-POLICY`.

    judge: `FILE.py:FUNCTION`, or a term of the task's reward; answers: a file. Without either a page asks, in a browser on
    this machine. keywords: of `PreferenceSettings`, such as `rounds=3`.
    """
    from ashore.preferences.command import preferred

    folder = RUNS / f"prefer-{Path(policy).resolve().name}" if run_dir is None else Path(run_dir)
    given = overrides_of(settings or {})
    with _without_flag(bool(given)):
        preferred(
            str(policy), folder, judge, answers, port, resume, keywords, (*overrides, *given), Console(quiet=quiet)
        )
    return Run(folder)


def open_run(folder: str | Path) -> Run:
    """The run in a folder, trained by whomever."""
    if not (Path(folder) / "config.yaml").is_file():
        raise UsageError(f"{folder} holds no run; allowed: a folder that training has written")
    return Run(Path(folder))


def evaluate(
    policy: str | Path,
    episodes: int = 256,
    *,
    seed: int = 0,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
) -> Evaluation:
    """Whole episodes of a policy, from a run's folder or an exported file, in the task's randomized worlds."""
    _require_count("episodes", episodes)
    trained = _load_trained(policy, settings, overrides)
    bar = Progress(console=Console(stderr=True, quiet=quiet), transient=True)
    bar.disable = not bar.console.is_terminal
    with bar:
        line = bar.add_task("episodes", total=episodes)

        def progress(done: int) -> None:
            bar.update(line, completed=done)

        return Evaluation(measure(trained, episodes, seed=TEST_SEED + seed, progress=progress), seed)


def sweep(
    policy: str | Path,
    over: Sequence[str],
    episodes: int = 64,
    *,
    points: int = 9,
    seed: int = 0,
    out: str | Path | None = None,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    command: str = "",
) -> Sweep:
    """Move parameters, one at a time, over their widest ranges; `over=["all"]` stands for each.

    Writes `results.json` and `report.html` into `out`, `runs/sweep-TASK-POLICY` if not given, after each parameter.
    """
    _require_count("episodes", episodes)
    _require_count("points", points)
    trained = _load_trained(policy, settings, overrides)
    folder, finished = RUNS / sweep_name(trained) if out is None else Path(out), 0

    def save(result: SweepResult, space: Space, declared: Space) -> None:
        nonlocal finished
        finished = len(result.curves)
        write_atomically(folder / "results.json", result.to_json())
        report.write(folder / "report.html", sweep_report(trained, result, space, declared))

    over = [over] if isinstance(over, str) else list(over)
    try:
        result, *_ = run_sweep(trained, over, episodes, points, seed, command, save, Console(quiet=quiet))
    except KeyboardInterrupt:
        kept = f"{folder / 'results.json'} holds the {finished} finished" if finished else "none was finished"
        raise KeyboardInterrupt(f"interrupted; of the parameters, {kept}") from None
    return Sweep(result, folder)


def play(
    policy: str | Path,
    out: str | Path | None = None,
    episodes: int = 3,
    *,
    seed: int = 0,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
) -> Video:
    """Film episodes of a policy: an `.mp4` or a `.gif`, `runs/POLICY.mp4` if not given. Needs no screen."""
    _require_count("episodes", episodes)
    trained = _load_trained(policy, settings, overrides)
    path = RUNS / f"{trained.name}.mp4" if out is None else Path(out)
    return Video(path, play_to_file(trained, path, episodes, TEST_SEED + seed, Console(quiet=quiet)))


def make_env(
    preset: str | Path,
    num_envs: int,
    *,
    seed: int = 0,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    **keywords: Any,
) -> Env:
    """The batched environment of a preset with its randomization: torch tensors in and out, [num_envs, ...]."""
    _require_count("num_envs", num_envs)
    run = _load_run(preset, settings, keywords, overrides)
    return environments.make_env(run.task, num_envs, seed=seed)


def _load_run(
    preset: str | Path, settings: Settings | None, keywords: Settings, overrides: Sequence[str]
) -> RunSettings:
    given = overrides_of({**(settings or {}), **keywords})
    with _without_flag(bool(given)):
        return load_run(preset, [*overrides, *given])


def _load_trained(policy: str | Path, settings: Settings | None, overrides: Sequence[str]) -> TrainedPolicy:
    given = overrides_of(settings or {})
    with _without_flag(bool(given)):
        return load_trained(str(policy), [*overrides, *given])


@contextmanager
def _without_flag(python: bool) -> Iterator[None]:
    """Where settings came from Python, no message speaks of the command line's `--set`."""
    try:
        yield
    except ConfigError as error:
        if not python:
            raise
        raise ConfigError(str(error).removeprefix("--set ")) from None


def _require_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name} = {value!r}; allowed: a whole number of at least 1")

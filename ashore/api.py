"""What one does with policies: train, clone, prefer, evaluate, ... Commands and scripts call the same functions.

Settings are given as keywords, `total_steps=8000` or `task={"episode_seconds": 2.0}`; as a mapping with dotted names,
`settings={"task.randomization.payload.high": 1.0}`; or as the command line has them, `overrides=["train.seed=3"]`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from ashore import environments
from ashore.cloning import clone_run, record_episodes
from ashore.comparing import compare_folders
from ashore.configs.errors import UsageError
from ashore.configs.faults import ConfigError
from ashore.configs.gymnasium_run import PREFIX, GymnasiumRunSettings, GymnasiumSettings, is_gymnasium
from ashore.configs.loader import AnyRun, load_any, of_task, read_mapping
from ashore.configs.sweep_plan import SweepPlan, read_plan
from ashore.environments import TEST_SEED
from ashore.policies import metrics, recording
from ashore.policies.trainer import TrainingOutcome
from ashore.randomization.robustness import comparison
from ashore.results import Comparison, Evaluation, Exported, Recorded, Sweep, Video
from ashore.run_sets import RunSet
from ashore.runs import POLICY_FILE, export_run, train_run
from ashore.seeds import LOG, SETTINGS, failure, is_set, own_cores, read_result, seed_folder, train_seeds
from ashore.settings_arguments import overrides_of
from ashore.showing import ANY, play_to_file, shown_world
from ashore.sim.env import Env
from ashore.sweep_set import named_policies, sweep_all
from ashore.sweeps import plan_for, sweep_name
from ashore.trained_policy import TrainedPolicy, load_trained, measure
from ashore.verdicts import Judged, judge

if TYPE_CHECKING:
    from ashore.gymnasium_runs import GymnasiumEvaluation, TrainedGymnasium

RUNS = Path("runs")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A trained run in its folder: `config.yaml`, checkpoints, `metrics.jsonl`, TensorBoard events, `policy.onnx`."""

    folder: Path
    outcome: TrainingOutcome | None = None  # of a training in this process

    @property
    def settings(self) -> AnyRun:
        """What it was trained with."""
        return load_any(self.folder)

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

    def evaluate(self, episodes: int = 256, **how: Any) -> Evaluation | GymnasiumEvaluation:
        """As `ashore.evaluate`."""
        return evaluate(self.folder, episodes, **how)

    def sweep(self, over: Sequence[str] | None = None, episodes: int | None = None, **how: Any) -> Sweep:
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
        settings = self.settings
        if isinstance(settings, GymnasiumRunSettings):
            what = settings.gymnasium.id
        else:
            what = f"{settings.task.name} with {settings.task.robot.name}"
        return f"Run({str(self.folder)!r}: {what}, {steps:,} steps)"


@overload
def train(preset: str | Path, *, seeds: None = None, **how: Any) -> Run: ...


@overload
def train(preset: str | Path, *, seeds: Sequence[int], **how: Any) -> RunSet: ...


def train(
    preset: str | Path,
    *,
    seeds: Sequence[int] | None = None,
    run_dir: str | Path | None = None,
    resume: bool = False,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    **keywords: Any,
) -> Run | RunSet:
    """Train a preset, an experiment's YAML, or `gymnasium:ID`, into `run_dir`, `runs/PRESET` if not given; exports the policy.

    The first Ctrl-C ends after a checkpoint with `KeyboardInterrupt`; `resume=True` goes on from it, to the same bits.
    `seeds`: several runs side by side, in processes of their own, into `seed0`, ... of that folder.
    """
    folder = run_folder(preset) if run_dir is None else Path(run_dir)
    if seeds is not None:
        return _train_seeds(preset, seeds, folder, resume, quiet, settings, keywords, overrides)
    if is_set(folder):
        raise UsageError(f"{folder} holds seeds of a training; name another folder for a single run: --run DIR")
    source = folder if resume and (folder / "config.yaml").is_file() else preset
    run = _load_run(source, settings, keywords, overrides)
    console = Console(quiet=quiet)
    if isinstance(run, GymnasiumRunSettings):
        from ashore.gymnasium_runs import train_gymnasium

        outcome = train_gymnasium(run, folder, resume=resume, console=console)
    else:
        outcome = train_run(run, folder, resume=resume, console=console)
    if outcome.interrupted:
        raise KeyboardInterrupt(f"stopped after a checkpoint in {folder}; resume=True goes on from it")
    return Run(folder, outcome)


def run_folder(preset: str | Path) -> Path:
    """Where a training goes that names no folder: `runs/PRESET`, `runs/CartPole-v1` of gymnasium:CartPole-v1."""
    text = str(preset)
    if text.startswith(PREFIX):
        return RUNS / GymnasiumSettings(id=text.removeprefix(PREFIX)).name
    return RUNS / Path(preset).stem


def _train_seeds(
    preset: str | Path,
    seeds: Sequence[int],
    folder: Path,
    resume: bool,
    quiet: bool,
    settings: Settings | None,
    keywords: Settings,
    overrides: Sequence[str],
) -> RunSet:
    given = [*overrides, *overrides_of({**(settings or {}), **keywords})]
    if any(text.partition("=")[0].strip() in ("seed", "train.seed") for text in given):
        raise UsageError("both a seed and seeds are given; allowed: one of them")
    source = folder / SETTINGS if resume and is_set(folder) else preset
    read = _load_run(source, settings, keywords, overrides)
    if isinstance(read, GymnasiumRunSettings):
        raise UsageError(
            f"seeds: {read.gymnasium.id} trains one seed a run; allowed: seed=N, each into a folder of its own"
        )
    run = own_cores(read)
    if train_seeds(run, seeds, folder, resume=resume, console=Console(quiet=quiet)):
        raise KeyboardInterrupt(f"stopped after checkpoints in {folder}; resume=True goes on from them")
    runs = open_runs(folder)
    for seed, code in runs.failed.items() if quiet else ():
        print(f"ashore: warning: seed {seed} {failure(code)}; see {seed_folder(folder, seed) / LOG}", file=sys.stderr)
    return runs


def compare(runs: Sequence[str | Path | Run | RunSet], out: str | Path | None = None) -> Comparison:
    """Draw runs, and sets of seeds as one each, beside each other: a page for a browser, `runs/compare.html` if not given."""
    folders = [run.folder if isinstance(run, Run | RunSet) else Path(run) for run in runs]
    path = RUNS / "compare.html" if out is None else Path(out)
    sections = compare_folders(folders)
    comparison.write(path, sections)
    return Comparison(path, sections)


def open_runs(folder: str | Path) -> RunSet:
    """The seeds of a training in a folder, trained by whomever."""
    folder = Path(folder)
    rows = read_result(folder)["seeds"]
    began = [row for row in rows if (folder / row["folder"] / "config.yaml").is_file()]
    return RunSet(folder, {row["seed"]: Run(folder / row["folder"]) for row in began})


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
    world: str | Path | None = None,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
) -> Evaluation | GymnasiumEvaluation:
    """Whole episodes of a policy, from a run's folder or an exported file, in the task's randomized worlds.

    world: all of them in this one instead: a file of `ashore falsify`, or a JSON mapping of parameters to values.
    """
    _require_count("episodes", episodes)
    gym = _gymnasium_run(policy, settings, overrides, world)
    trained = None if gym else _load_trained(policy, settings, overrides)
    pins = None if trained is None or world is None else shown_world(Path(world), trained).pins
    bar = Progress(console=Console(stderr=True, quiet=quiet), transient=True)
    bar.disable = not bar.console.is_terminal
    with bar:
        line = bar.add_task("episodes", total=episodes)

        def progress(done: int) -> None:
            bar.update(line, completed=done)

        if gym is not None:
            from ashore.gymnasium_runs import evaluate_gymnasium

            return evaluate_gymnasium(gym, episodes, seed, progress)
        assert trained is not None
        return Evaluation(measure(trained, episodes, seed=TEST_SEED + seed, pins=pins, progress=progress), seed)


def sweep(
    policy: str | Path | Sequence[str | Path],
    over: str | Sequence[str] | None = None,
    episodes: int | None = None,
    *,
    points: int | None = None,
    plan: str | Path | SweepPlan | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    command: str = "",
) -> Sweep:
    """Measure where a policy works: by a plan, a name in configs/sweeps or a YAML file, or over single parameters.

    Several policies of one task meet the same worlds, and are shown beside each other on one page.
    `over`: parameters that are moved, one at a time, over their widest ranges; `["all"]` stands for each. With neither, the
    plan `default`. Into `out`, `runs/sweep-TASK-POLICY` if not given, go `results.json`, `report.html`, CSV tables and the
    episodes as they come: the same call goes on where an interrupted one stopped.
    """
    for name, value in (("episodes", episodes), ("points", points)):
        if value is not None:
            _require_count(name, value)
    given = plan if plan is None or isinstance(plan, SweepPlan) else read_plan(plan)
    chosen = plan_for(given, [over] if isinstance(over, str) else over, episodes, points)
    paths = [policy] if isinstance(policy, str | Path) else list(policy)
    policies = named_policies([_load_trained(path, settings, overrides) for path in paths], paths)
    folder = RUNS / sweep_name(*policies.values()) if out is None else Path(out)
    try:
        found = sweep_all(policies, chosen, folder, seed=seed, command=command, console=Console(quiet=quiet))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {folder} keeps its episodes, and the same command goes on") from None
    return Sweep({name: swept.result for name, swept in found.swept.items()}, folder, found.pairs)


def gate(
    policy: str | Path,
    require: str | Path | Mapping[str, Any] = "deploy",
    *,
    seed: int = 0,
    quiet: bool = False,
    task: str | None = None,
    command: str = "",
) -> Judged:
    """Judge whether a policy file may go to a robot, by what YAML or a mapping requires; a stamp beside it says so.

    task: `FILE.py:CLASS` of a policy whose task is not in this package.
    """
    return judge(policy, require, seed=seed, source=task, command=command, console=Console(quiet=quiet))


def play(
    policy: str | Path,
    out: str | Path | None = None,
    episodes: int = 3,
    *,
    seed: int = 0,
    world: str | Path | None = None,
    quiet: bool = False,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
) -> Video:
    """Film episodes of a policy: an `.mp4` or a `.gif`, `runs/POLICY.mp4` if not given. Needs no screen.

    world: a file of `ashore falsify`, whose failing episode is the first then, or a JSON mapping of parameters to values.
    """
    _require_count("episodes", episodes)
    if gym := _gymnasium_run(policy, settings, overrides, world):
        from ashore.gymnasium_runs import film_gymnasium

        path = RUNS / f"{gym.name}.mp4" if out is None else Path(out)
        return Video(path, film_gymnasium(gym, path, episodes, seed))
    trained = _load_trained(policy, settings, overrides)
    path = RUNS / f"{trained.name}.mp4" if out is None else Path(out)
    shown = ANY if world is None else shown_world(Path(world), trained)
    return Video(path, play_to_file(trained, path, episodes, TEST_SEED + seed, Console(quiet=quiet), shown))


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
    run = of_task(_load_run(preset, settings, keywords, overrides))
    return environments.make_env(run.task, num_envs, seed=seed)


def _load_run(preset: str | Path, settings: Settings | None, keywords: Settings, overrides: Sequence[str]) -> AnyRun:
    given = overrides_of({**(settings or {}), **keywords})
    with _without_flag(bool(given)):
        return load_any(preset, [*overrides, *given])


def _gymnasium_run(
    policy: str | Path, settings: Settings | None, overrides: Sequence[str], world: str | Path | None = None
) -> TrainedGymnasium | None:
    """The policy in a folder, where it was trained in a gymnasium environment."""
    folder = Path(policy)
    if not (folder / "config.yaml").is_file() or not is_gymnasium(read_mapping(folder / "config.yaml")):
        return None
    from ashore.gymnasium_runs import open_trained

    run = _load_run(folder, settings, {}, overrides)
    assert isinstance(run, GymnasiumRunSettings)
    gym = open_trained(folder, run)
    if world is not None:
        raise UsageError(f"{gym.name} is of a gymnasium environment, which has no parameters; allowed: no world")
    return gym


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

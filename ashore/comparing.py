"""Runs beside each other: which seeds belong together, their curves and scores, and what differs between their settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ashore.configs.errors import UsageError
from ashore.configs.loader import load_run
from ashore.configs.schema import RunSettings
from ashore.policies.metrics import read
from ashore.randomization.robustness.comparison import Entry, LearningCurve, Score, Section
from ashore.randomization.robustness.curve import clopper_pearson
from ashore.seeds import FINAL, SETTINGS, is_set, read_result
from ashore.sim.evaluate import worlds_and_rounds
from ashore.statistics import Floats, band, interval

POINTS = 200  # of a curve over seeds, at most
MOST_SETTINGS = 40  # rows of the table of what differs
MOST_WORDS = 3  # settings beside a label
UNSHOWN = ("train.seed", "train.log", "train.keep_checkpoints", "train.checkpoint_every")  # which change no score

ROBOT, ALGORITHM = "task.robot.name", "train.algorithm.kind"

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Group:
    """Runs that differ by their seed alone."""

    path: Path  # whose name is the label
    settings: RunSettings
    runs: Sequence[Rows]  # of each seed, what metrics.jsonl holds
    remark: str = ""  # about seeds that are not shown

    @property
    def seeds(self) -> str:
        return f"{len(self.runs)}{self.remark}"


def compare_folders(folders: Sequence[Path]) -> list[Section]:
    """A section for each task among the runs and sets of seeds."""
    groups = _together([_group(folder) for folder in folders])
    tasks = dict.fromkeys(group.settings.task.name for group in groups)
    return [_section(task, [group for group in groups if group.settings.task.name == task]) for task in tasks]


def _group(folder: Path) -> Group:
    folder = folder.resolve()
    if is_set(folder):
        rows = read_result(folder)["seeds"]
        shown = [read(folder / row["folder"]) for row in rows if row["state"] != "failed"]
        runs = [run for run in shown if run]
        failed, empty = len(rows) - len(shown), len(shown) - len(runs)
        remark = (f", {failed} failed" if failed else "") + (f", {empty} not begun" if empty else "")
        return Group(folder, load_run(folder / SETTINGS), _require(runs, folder), remark)
    if not (folder / "config.yaml").is_file():
        raise UsageError(
            f"{folder} holds no run; allowed: a folder that training has written, or the folder of its seeds"
        )
    return Group(folder, load_run(folder), _require([run for run in [read(folder)] if run], folder))


def _require(runs: list[tuple[dict[str, Any], ...]], folder: Path) -> list[tuple[dict[str, Any], ...]]:
    if not runs:
        raise UsageError(f"{folder} holds no metrics yet; train first")
    return runs


def _together(groups: Sequence[Group]) -> list[Group]:
    """The groups, with single runs that differ by their seed alone made one."""
    merged: dict[str, Group] = {}
    for group in groups:
        single = len(group.runs) == 1 and not is_set(group.path)
        settings = group.settings.model_dump(mode="json")
        seed = settings["train"].pop("seed")
        key = json.dumps(settings, sort_keys=True) if single else str(group.path)
        found = merged.get(key)
        if found is None:
            merged[key] = group
        elif single and (seed != found.settings.train.seed or group.path != found.path):
            merged[key] = Group(_common(found.path, group.path), found.settings, [*found.runs, *group.runs])
    return list(merged.values())


def _common(first: Path, second: Path) -> Path:
    """The folder that both are in, or the first run itself where that says more."""
    return first.parent if first.parent == second.parent and first.name.startswith("seed") else first


def _section(task: str, groups: Sequence[Group]) -> Section:
    differing = _differing([group.settings for group in groups])
    entries = [
        _entry(group, label, _words(differing, k))
        for k, (group, label) in enumerate(zip(groups, labels([group.path for group in groups]), strict=True))
    ]
    return Section(task=task, entries=entries, settings=list(differing.items())[:MOST_SETTINGS])


def labels(paths: Sequence[Path]) -> list[str]:
    """Names of folders, each with as many of the folders above it as tell it from the others."""
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            return names
    return [str(path) for path in paths]


def _entry(group: Group, label: str, differs: str) -> Entry:
    seconds = [_last(run, "time/seconds") or 0.0 for run in group.runs]
    scores = {name: _score(group, name) for name in FINAL}
    curves = {(name, axis): _curve(group.runs, name, axis) for name in FINAL for axis in ("steps", "seconds")}
    return Entry(
        label=label,
        differs=differs,
        seeds=group.seeds,
        steps=int(max(_last(run, "steps") or 0 for run in group.runs)),
        seconds=float(np.median(seconds)),
        curves={key: curve for key, curve in curves.items() if curve},
        scores={name: score for name, score in scores.items() if score},
    )


def _last(run: Rows, name: str) -> float | None:
    return next((row[name] for row in reversed(run) if row.get(name) is not None), None)


def _score(group: Group, name: str) -> Score | None:
    """The last evaluations: over seeds, or of one seed over its episodes."""
    values = [value for run in group.runs if (value := _last(run, f"eval/{name}")) is not None]
    if not values:
        return None
    if len(values) == 1 and name == "success":
        worlds, rounds = worlds_and_rounds(group.settings.train.eval_episodes)
        low, high = clopper_pearson(round(values[0] * worlds * rounds), worlds * rounds)
        return Score(value=values[0], low=low, high=high, over=f"{worlds * rounds} episodes")
    over = interval([values])
    return Score(value=over.iqm, low=over.low, high=over.high)


def _curve(runs: Sequence[Rows], name: str, axis: str) -> LearningCurve | None:
    """Over seeds at common points; as it is of a single run. Of evaluations, where there are any, else of training."""
    key = f"{'eval' if any(_last(run, f'eval/{name}') is not None for run in runs) else 'episode'}/{name}"
    at = "steps" if axis == "steps" else "time/seconds"
    points = [
        np.array(
            [(row[at], row[key]) for row in run if row.get(key) is not None and row.get(at) is not None], np.float64
        )
        for run in runs
    ]
    points = [found for found in points if len(found)]
    if not points:
        return None
    if len(points) == 1:
        x, y = points[0].T.tolist()
        return LearningCurve(x=x, middle=y)
    grid = _grid([found[:, 0] for found in points])
    middle, low, high = band(np.array([np.interp(grid, *found.T) for found in points]))
    return LearningCurve(x=grid.tolist(), middle=middle.tolist(), low=low.tolist(), high=high.tolist())


def _grid(each: Sequence[Floats]) -> Floats:
    """Points from where all seeds have begun to where the last ends."""
    begin = max(x[0] for x in each)
    points = np.unique(np.concatenate(each))
    points = points[points >= begin]
    return points if len(points) <= POINTS else np.linspace(begin, points[-1], POINTS)


def _differing(settings: Sequence[RunSettings]) -> dict[str, list[str]]:
    """Name of each setting that is not the same everywhere, and its values as text; empty text where one has no such setting.

    Of another robot its name alone is told, and of another algorithm what both have, not all that comes with it.
    """
    flat = [_flat(run.model_dump(mode="json")) for run in settings]
    robots, algorithms = _several(flat, ROBOT), _several(flat, ALGORITHM)
    table = {}
    for name in dict.fromkeys(name for found in flat for name in found):
        values = [found.get(name, "") for found in flat]
        with_robot = robots and name != ROBOT and (name.startswith("task.robot.") or name.endswith(".match"))
        with_algorithm = algorithms and name.startswith("train.algorithm.") and not all(values)
        if len(set(values)) > 1 and name not in UNSHOWN and not with_robot and not with_algorithm:
            table[name] = values
    return table


def _several(flat: Sequence[Mapping[str, str]], name: str) -> bool:
    return len({found.get(name) for found in flat}) > 1


def _flat(data: Mapping[str, Any], above: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            out |= _flat(value, f"{above}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            out[above + name] = text if len(text) <= 80 else text[:77] + "..."
    return out


def _words(differing: Mapping[str, Sequence[str]], k: int) -> str:
    """A few of the settings in which entry k is not as most are, algorithm and robot first."""
    own = []
    for name, values in differing.items():
        commonest, count = Counter(values).most_common(1)[0]
        if values[k] and (count == 1 or values[k] != commonest or 2 * count <= len(values)):
            own.append(name)
    own.sort(key=lambda name: name not in (ALGORITHM, ROBOT))
    return ", ".join(f"{_short(name)} {differing[name][k]}" for name in own[:MOST_WORDS])


def _short(name: str) -> str:
    """`payload.high` of `task.randomization.payload.high`, `learning_rate` of `train.algorithm.learning_rate`."""
    parts = name.split(".")
    if name in (ALGORITHM, ROBOT):
        return parts[1]
    return ".".join(parts[-2:] if "randomization" in parts else parts[-1:])

"""Presets in YAML, and overrides from the command line, become a run's settings.

A preset is a name, `arm_reach`, or a path to an experiment (`experiment.py`), such as a run's resolved `config.yaml`, or to a
run's folder. A name stands for `tasks/arm_reach.yaml` and `train/arm_reach.yaml`, or `train/default.yaml` where that is not.
A task names its robot,
`robots/panda.yaml`, and may take shared entries of `randomization` from `randomization/NAME.yaml`: by name alone, or as
`preset: NAME` beside entries of its own; an entry given as `catalogue` is that of its name in `randomization/catalogue.yaml`,
where every effect stands with an ordinary range. The name `robot` there means what the robot's own YAML gives as its
`randomization`, which changes with the robot. `--set train=hand_reorient_large` names another training: the same task at
another size; `--algorithm sac` takes the training that the task has for that algorithm; `--set sampler=adr` names who chooses
its worlds, `samplers/adr.yaml`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ashore.configs.experiment import REPLAYED, SOURCES, anchored_source, read_experiment, replayed, training_room
from ashore.configs.faults import ENTRIES, ConfigError, allowed_keys, alternatives, dotted, explain, run_model, sections
from ashore.configs.gymnasium_run import CANNOT, GymnasiumRunSettings, is_gymnasium, name_in
from ashore.configs.older import bring_up_to_date
from ashore.configs.paths import anchored
from ashore.configs.preset_files import CONFIGS, locate, presets, read_mapping, read_robot, training_by
from ashore.configs.random_entries import (
    CATALOGUE,
    Layers,
    anchored_preset,
    catalogue,
    from_catalogue,
    merge_entries,
    name_joints,
)
from ashore.configs.schema import RunSettings, TaskSettings
from ashore.configs.yaml_text import dump_text, load_text

__all__ = [
    "CONFIGS",
    "ConfigError",
    "catalogue",
    "dump",
    "load_any",
    "load_run",
    "presets",
    "read_mapping",
    "run_settings",
]

ALGORITHM = ("train", "algorithm")
WITH_ROBOT = {
    "task",
    "sampler",
    *TaskSettings.model_fields,
}  # first names of settings that a gymnasium environment lacks
REFERENCES = (
    ("task", "robot"),
    ENTRIES,
    ("train",),
    ALGORITHM,
    ("sampler",),
)  # what may be a name or a path that stands for more


AnyRun = RunSettings | GymnasiumRunSettings


def load_any(preset: str | Path, overrides: Sequence[str] = (), *, folder: Path = CONFIGS) -> AnyRun:
    """Settings of a preset after overrides such as `train.seed=3`; `folder` holds the presets."""
    return run_settings(read_experiment(preset, folder), overrides, folder=folder)


def load_run(preset: str | Path, overrides: Sequence[str] = (), *, folder: Path = CONFIGS) -> RunSettings:
    """The same of a task on a robot; ConfigError where it is of a gymnasium environment."""
    return of_task(load_any(preset, overrides, folder=folder))


def of_task(run: AnyRun) -> RunSettings:
    """The run, which must be of a task on a robot."""
    if isinstance(run, GymnasiumRunSettings):
        raise ConfigError(f"the gymnasium environment {run.gymnasium.id} {CANNOT}")
    return run


def run_settings(data: Any, overrides: Sequence[str] = (), *, folder: Path = CONFIGS) -> AnyRun:
    """Plain data after overrides, checked: types are not coerced, and a fault is a ConfigError.

    Relative paths start where the command runs. Another robot, another training, or other randomization as a whole comes
    before all other overrides: those change single values of what it brings.
    """
    bring_up_to_date(data)
    parsed = [_parse(text, data) for text in overrides]
    for keys, value, _ in parsed:
        if keys in REFERENCES:
            owner = data.setdefault(keys[0], {}) if len(keys) > 1 else data
            if keys == ALGORITHM and isinstance(value, str):
                data["train"] = {"algorithm": value}
            else:
                owner[keys[-1]] = _from_here(keys, value)
    _resolve_references(data, folder)
    for keys, value, name in parsed:
        if keys not in REFERENCES:
            value = _from_here(keys, value)
            if keys[:-1] == ENTRIES and value == CATALOGUE:
                entry = from_catalogue(keys[-1], folder)
                value = name_joints({name: entry}, data["task"].get("robot"))[name]
            _override(data, keys, value, name)
    _name_after_class(data.get("task"), folder)
    try:
        run = run_model(data).model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise explain(error, data) from None
    assert isinstance(run, RunSettings | GymnasiumRunSettings)
    return run


def dump(settings: AnyRun) -> str:
    """YAML that `load_run` reads back equal."""
    return dump_text(settings.model_dump(mode="json"))


def _resolve_references(data: dict[str, Any], folder: Path) -> None:
    """Put what is named in its place."""
    here = Path()
    for section, kind in (("train", training_room(data)), ("sampler", "samplers")):
        if isinstance(data.get(section), str):
            data[section] = read_mapping(locate(kind, section, data[section], here, folder))
    task, train = data.get("task"), data.get("train")
    if isinstance(train, dict) and isinstance(train.get("algorithm"), str):
        name = task.get("name") if isinstance(task, dict) else name_in(data.get("gymnasium"))
        rest = {key: value for key, value in train.items() if key != "algorithm"}
        data["train"] = training_by(train["algorithm"], str(name), folder, training_room(data)) | rest
    if not isinstance(task, dict):
        return
    robot, where = task.get("robot"), here
    if isinstance(robot, str):
        path = locate("robots", "task.robot", robot, here, folder)
        robot, where = read_robot(path), path.parent
        task["robot"] = robot
    own = robot.pop("randomization", {}) if isinstance(robot, dict) else {}
    entries = task.get("randomization")
    if isinstance(entries, str | dict | Layers):
        own = merge_entries(own, where, folder, {})
        task["randomization"] = name_joints(merge_entries(entries, here, folder, own), robot)


def _name_after_class(task: Any, folder: Path) -> None:
    """Give a task from outside of the package, on a preset of ours, a name of its own: its class's."""
    source = task.get("source") if isinstance(task, dict) else None
    if isinstance(source, str) and task.get("name") in (None, *presets(folder)):
        name = source.rpartition(":")[2]
        task["name"] = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _from_here(keys: tuple[str, ...], value: Any) -> Any:
    """A value of the command line; where it holds a relative path, that starts where the command runs."""
    if keys in SOURCES and isinstance(value, str):
        return anchored_source(value, Path())
    if keys == ("train", REPLAYED):
        return replayed(value, Path())
    if keys == ENTRIES:
        return anchored_preset(value, Path())
    return anchored(value, Path()) if keys in REFERENCES and isinstance(value, str) else value


def _parse(text: str, data: dict[str, Any]) -> tuple[tuple[str, ...], Any, str]:
    """Keys, value and name as written of `task.randomization.link_mass.high=1.3`; the section may be left out, `seed=3`."""
    name, equals, written = (part.strip() for part in text.partition("="))
    if not re.fullmatch(r"[^.]+(\.[^.]+)*", name) or not equals or not written:
        raise ConfigError(f"--set {text!r}; allowed: NAME=VALUE, as train.seed=3")
    keys = name.split(".")
    if keys[keys[0] == "train" :][:1] == ["ppo"]:  # as it was when there was no other algorithm
        now = ".".join(["algorithm", *keys[keys.index("ppo") + 1 :]])
        raise ConfigError(f"--set {name} is --set {now} now: train.algorithm has the settings of whatever learns")
    known = sections(data)
    if is_gymnasium(data) and set(keys[:1]) & WITH_ROBOT:
        raise ConfigError(f"--set {name}: the gymnasium environment {name_in(data.get('gymnasium'))} {CANNOT}")
    if keys[0] not in known:
        keys = [s for s in known if keys[0] in (allowed_keys((s,), data) or ())] + keys
    return tuple(keys), load_text(written, f"--set {name}"), name


def _override(data: dict[str, Any], keys: tuple[str, ...], value: Any, name: str) -> None:
    """Set one value in place."""
    parents, last = keys[:-1], keys[-1]
    node: Any = data
    for depth, key in enumerate(parents):
        _require_known(parents[:depth], key, data)
        node = node.setdefault(key, {})
        inside = parents[: depth + 1]
        if not isinstance(node, dict) or (inside != ENTRIES and allowed_keys(inside, data) == []):
            raise ConfigError(f"--set {name}: {dotted(inside)} has no parts; allowed: set {dotted(inside)} as a whole")
    if parents != ENTRIES or not isinstance(value, dict):
        _require_known(parents, last, data)
    if parents == ENTRIES and value is None:
        del node[last]
    else:
        node[last] = value


def _require_known(parents: tuple[str, ...], key: str, data: dict[str, Any]) -> None:
    known = allowed_keys(parents, data)
    if known is not None and key not in known:
        inside = [
            name for s in sections(data) for name in allowed_keys((s,), data) or ()
        ]  # whose section may be left out
        close = [] if parents else get_close_matches(key, [*sections(data), *inside])
        others = alternatives(key, known or sections(data))
        if close:
            others = (
                f"did you mean {' or '.join(close)}? allowed: {', '.join(sorted(sections(data)))}, or a setting of one"
            )
        raise ConfigError(f"--set {dotted((*parents, key))} does not exist; {others}")

"""Presets in YAML, and overrides from the command line, become a run's settings.

A preset is a name, `arm_reach`, or a path to a resolved `config.yaml`, or to a run's folder that holds one. A name stands
for `tasks/arm_reach.yaml` and `train/arm_reach.yaml`, or `train/default.yaml` where that is missing. A task names its robot,
`robots/panda.yaml`, and may take shared entries of `randomization` from `randomization/NAME.yaml`: by name alone, or as
`preset: NAME` beside entries of its own; an entry given as `catalogue` is that of its name in `randomization/catalogue.yaml`,
where every effect stands with an ordinary range. The name `robot` there means what the robot's own YAML gives as its
`randomization`, which changes with the robot. `--set train=hand_reorient_large` names another training: the same task at
another size; `--set sampler=adr` names who chooses its worlds, `samplers/adr.yaml`.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ashore.configs.faults import ENTRIES, ConfigError, allowed_keys, alternatives, dotted, explain, shown
from ashore.configs.schema import RunSettings
from ashore.configs.yaml_text import dump_text, load_file, load_text

__all__ = ["ConfigError", "catalogue", "dump", "load_run", "presets", "read_mapping", "run_settings"]

CONFIGS = Path(__file__).parent
SECTIONS = tuple(RunSettings.model_fields)
REFERENCES = (("task", "robot"), ENTRIES, ("train",), ("sampler",))  # what may be a name or a path that stands for more
CATALOGUE = "catalogue"
JOINTS = "{joints}"  # in an entry's `match`: the robot's driven joints


def load_run(preset: str | Path, overrides: Sequence[str] = (), *, folder: Path = CONFIGS) -> RunSettings:
    """Settings of a preset after overrides such as `train.seed=3`; `folder` holds the presets."""
    data, base = _read_preset(preset, folder)
    return run_settings(data, overrides, folder=folder, base=base)


def run_settings(
    data: Any, overrides: Sequence[str] = (), *, folder: Path = CONFIGS, base: Path = Path()
) -> RunSettings:
    """Plain data after overrides, checked: types are not coerced, and a fault is a ConfigError.

    Relative paths in the data start at `base`, those in overrides where the command runs. Another robot, another
    training, or other randomization as a whole comes before all other overrides: those change single values of what it brings.
    """
    parsed = [_parse(text, data) for text in overrides]
    for keys, value, _ in parsed:
        if keys in REFERENCES:
            owner = data.setdefault(keys[0], {}) if len(keys) > 1 else data
            owner[keys[-1]] = _from_here(value)
    _resolve_references(data, base, folder)
    for keys, value, name in parsed:
        if keys not in REFERENCES:
            if keys[:-1] == ENTRIES and value == CATALOGUE:
                entry = _from_catalogue(keys[-1], folder)
                value = _name_joints({name: entry}, data["task"].get("robot"))[name]
            _override(data, keys, value, name)
    try:
        return RunSettings.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise explain(error, data) from None


def dump(settings: RunSettings) -> str:
    """YAML that `load_run` reads back equal."""
    return dump_text(settings.model_dump(mode="json"))


def presets(folder: Path = CONFIGS) -> list[str]:
    """Names that `load_run` knows."""
    return [name for name in _names("tasks", folder) if _train_file(name, folder).is_file()]


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file that must hold a mapping."""
    data = load_file(path)
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds {shown(data)}; allowed: a mapping of names to settings")
    return data


def _names(kind: str, folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / kind).glob("*.yaml"))


def _train_file(preset: str, folder: Path) -> Path:
    """How a preset's task is trained: in its own way, or in the usual one."""
    own = folder / "train" / f"{preset}.yaml"
    return own if own.is_file() else folder / "train" / "default.yaml"


def _is_path(reference: str) -> bool:
    return "/" in reference or os.sep in reference or reference.endswith((".yaml", ".yml"))


def _read_preset(preset: str | Path, folder: Path) -> tuple[dict[str, Any], Path]:
    """Its plain data, and the folder that relative paths in it start from."""
    if isinstance(preset, Path) or _is_path(preset):
        path = Path(preset).expanduser()
        path = path / "config.yaml" if os.path.isdir(path) else path
        return read_mapping(path), path.parent
    if preset not in presets(folder):
        raise ConfigError(f"preset = {preset!r}; {alternatives(preset, presets(folder))}, or a path to a config.yaml")
    files = {"task": folder / "tasks" / f"{preset}.yaml", "train": _train_file(preset, folder)}
    return {section: read_mapping(file) for section, file in files.items()}, folder


def _resolve_references(data: dict[str, Any], base: Path, folder: Path) -> None:
    """Put what is named in its place; a relative path starts at `base`."""
    for section, kind in (("train", "train"), ("sampler", "samplers")):
        if isinstance(data.get(section), str):
            data[section] = read_mapping(_locate(kind, section, data[section], base, folder))
    task = data.get("task")
    if not isinstance(task, dict):
        return
    robot, where = task.get("robot"), base
    if isinstance(robot, str):
        path = _locate("robots", "task.robot", robot, base, folder)
        robot, where = _read_robot(path), path.parent
        task["robot"] = robot
    own = robot.pop("randomization", {}) if isinstance(robot, dict) else {}
    entries = task.get("randomization")
    if isinstance(entries, str | dict):
        own = _merge_entries(own, where, folder, {})
        task["randomization"] = _name_joints(_merge_entries(entries, base, folder, own), robot)


def _locate(kind: str, field: str, reference: str, base: Path, folder: Path) -> Path:
    if _is_path(reference):
        return base / Path(reference).expanduser()
    if reference not in _names(kind, folder):
        raise ConfigError(
            f"{field} = {reference!r}; {alternatives(reference, _names(kind, folder))}, or a path to YAML"
        )
    return folder / kind / f"{reference}.yaml"


def _read_robot(path: Path) -> dict[str, Any]:
    """A robot's settings. A model file that lies beside them is meant; any other name is left to the simulator."""
    robot = read_mapping(path)
    model = robot.get("model")
    if isinstance(model, str) and os.path.isfile(path.parent / model):
        robot["model"] = str((path.parent / model).resolve())
    return robot


def _merge_entries(given: Any, base: Path, folder: Path, robots: dict[str, Any]) -> dict[str, Any]:
    """Entries over those of the preset they name: key by key, and null takes an entry away.

    What only changes an entry of the robot's own (it has no unit) falls away on a robot that has no such entry.
    """
    own = {"preset": given} if isinstance(given, str) else dict(given)
    shared: dict[str, Any] = {}
    preset = own.get("preset")
    if preset == "robot":
        del own["preset"]
        shared = robots
    elif isinstance(preset, str):
        path = _locate("randomization", "task.randomization.preset", own.pop("preset"), base, folder)
        shared = _merge_entries(read_mapping(path), path.parent, folder, robots)
    merged = dict(shared)
    for name, entry in own.items():
        if entry is None:
            if name not in merged:
                raise ConfigError(f"task.randomization.{name} = null takes nothing away; {alternatives(name, merged)}")
            del merged[name]
        elif entry == CATALOGUE:
            merged[name] = _from_catalogue(name, folder)
        elif isinstance(entry, dict) and isinstance(merged.get(name), dict):
            merged[name] = {**merged[name], **entry}
        elif preset == "robot" and isinstance(entry, dict) and "unit" not in entry:
            continue
        else:
            merged[name] = entry
    return merged


def catalogue(folder: Path = CONFIGS) -> dict[str, Any]:
    """Every effect there is, as entries by name."""
    file = folder / "randomization" / f"{CATALOGUE}.yaml"
    return _catalogue(file, file.stat().st_mtime_ns)


def _from_catalogue(name: str, folder: Path) -> dict[str, Any]:
    known = catalogue(folder)
    if name not in known:
        raise ConfigError(f"task.randomization.{name} = {CATALOGUE}; {alternatives(name, known)}")
    return copy.deepcopy(known[name])


@functools.lru_cache(maxsize=2)
def _catalogue(file: Path, _changed: int) -> dict[str, Any]:
    """Read once, though a space may take a hundred entries of it."""
    return read_mapping(file)


def _name_joints(entries: dict[str, Any], robot: Any) -> dict[str, Any]:
    """Entries whose `match` names the robot's driven joints where it said `{joints}`."""
    joints = robot.get("joints") if isinstance(robot, dict) else None
    names = "|".join(re.escape(j) for j in joints if isinstance(j, str)) if isinstance(joints, list) else JOINTS
    return {
        name: {**entry, "match": entry["match"].replace(JOINTS, names)}
        if isinstance(entry, dict) and isinstance(entry.get("match"), str)
        else entry
        for name, entry in entries.items()
    }


def _from_here(value: Any) -> Any:
    """A reference of the command line: a relative path starts where the command runs."""
    if isinstance(value, str):
        return str(Path(value).expanduser().absolute()) if _is_path(value) else value
    if isinstance(value, dict) and isinstance(value.get("preset"), str):
        return {**value, "preset": _from_here(value["preset"])}
    return value


def _parse(text: str, data: dict[str, Any]) -> tuple[tuple[str, ...], Any, str]:
    """Keys, value and name as written of `task.randomization.link_mass.high=1.3`; the section may be left out, `seed=3`."""
    name, equals, written = (part.strip() for part in text.partition("="))
    if not re.fullmatch(r"[^.]+(\.[^.]+)*", name) or not equals or not written:
        raise ConfigError(f"--set {text!r}; allowed: NAME=VALUE, as train.seed=3")
    keys = name.split(".")
    if keys[0] not in SECTIONS:
        keys = [s for s in SECTIONS if keys[0] in (allowed_keys((s,), data) or ())] + keys
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
        raise ConfigError(f"--set {dotted((*parents, key))} does not exist; {alternatives(key, known or SECTIONS)}")

"""An experiment: a YAML file that names a preset and says what differs; the preset may be an experiment itself.

Mappings are merged key by key, everything else replaces what the preset says. A section may be left out, as on the command
line: `randomization:` stands for `task: {randomization: ...}`. Entries of `randomization` go over the preset's, unless they
name a `preset` of their own. Relative paths start at the file that holds them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ashore.configs.failing_world import read_world
from ashore.configs.faults import ConfigError, allowed_keys, alternatives, sections, shown
from ashore.configs.gymnasium_run import PREFIX, ROOM, is_gymnasium, name_in
from ashore.configs.paths import anchored, expand, is_path
from ashore.configs.preset_files import locate, presets, read_mapping, read_robot, train_file, with_model_beside
from ashore.configs.random_entries import Layers, anchored_preset, follow

KINDS = {"train": "train", "sampler": "samplers"}  # folders of what these sections may name
REPLAYED = "replay_failures"  # of train: files of worlds, read where they are named
SOURCES = (("task", "source"), ("train", "start_from"))  # values that hold a path


def read_experiment(preset: str | Path, folder: Path, chain: tuple[str, ...] = ()) -> dict[str, Any]:
    """The plain data of a preset, by name or path: what it inherits is filled in, and its paths are absolute."""
    if isinstance(preset, str) and preset.startswith(PREFIX):
        return gymnasium_preset(preset, folder)
    if not isinstance(preset, Path) and not is_path(preset):
        if preset not in presets(folder):
            known = presets(folder)
            raise ConfigError(
                f"preset = {preset!r}; {alternatives(preset, known)}, gymnasium:ID, or a path to a config.yaml"
            )
        files = {"task": folder / "tasks" / f"{preset}.yaml", "train": train_file(preset, folder)}
        return anchor({section: read_mapping(file) for section, file in files.items()}, folder)
    path = expand(preset)
    path = path / "config.yaml" if os.path.isdir(path) else path
    chain = follow(chain, path, "preset")
    data = _with_sections(read_mapping(path), path)
    parent = data.pop("preset", None)
    own = anchor(data, path.parent)
    if parent is None:
        _require_whole(own, path)
        return {"train": str(usual_training(own, folder))} | own
    if not isinstance(parent, str):
        raise ConfigError(f"{path}: preset = {shown(parent)}; allowed: a task's name, or a path to YAML")
    return _overlay(read_experiment(anchored(parent, path.parent), folder, chain), own, folder)


def gymnasium_preset(reference: str, folder: Path) -> dict[str, Any]:
    """The plain data of a run on `gymnasium:ID`, trained by its file in `train/gymnasium`, else by the default there."""
    environment = {"id": reference.removeprefix(PREFIX)}
    return {"gymnasium": environment, "train": read_mapping(train_file(name_in(environment), folder, ROOM))}


def usual_training(data: dict[str, Any], folder: Path) -> Path:
    """The training of a run that names none."""
    return train_file(name_in(data.get("gymnasium")), folder, ROOM) if is_gymnasium(data) else train_file("", folder)


def anchor(data: dict[str, Any], base: Path) -> dict[str, Any]:
    """The data with absolute paths in the place of those that start at `base`."""
    data = dict(data)
    for section in ("train", "sampler"):
        if isinstance(data.get(section), str):
            data[section] = anchored(data[section], base)
    if isinstance(data.get("task"), dict):
        task = data["task"] = dict(data["task"])
        robot = task.get("robot")
        if isinstance(robot, str):
            task["robot"] = anchored(robot, base)
        elif isinstance(robot, dict):
            task["robot"] = _anchored_robot(robot, base)
        if "randomization" in task:
            task["randomization"] = anchored_preset(task["randomization"], base)
    for section, name in SOURCES:
        if isinstance(data.get(section), dict) and isinstance(data[section].get(name), str):
            data[section] = data[section] | {name: anchored_source(data[section][name], base)}
    if isinstance(data.get("train"), dict) and REPLAYED in data["train"]:
        data["train"] = data["train"] | {REPLAYED: replayed(data["train"][REPLAYED], base)}
    return data


def replayed(value: Any, base: Path) -> Any:
    """`train.replay_failures` with what files hold in their place: a run carries its worlds, wherever the files go."""
    worlds = [value] if isinstance(value, str | dict) else value
    if not isinstance(worlds, list):
        return value
    return [read_world(base / expand(world)) if isinstance(world, str) else world for world in worlds]


def anchored_source(text: str, base: Path) -> str:
    """`FILE.py:CLASS`, or a folder, with its path absolute."""
    file, colon, name = text.rpartition(":") if text.rpartition(":")[0].endswith(".py") else (text, "", "")
    return str((base / expand(file)).absolute()) + colon + name


def _anchored_robot(robot: dict[str, Any], base: Path) -> dict[str, Any]:
    robot = with_model_beside(robot, base)
    if "randomization" in robot:
        return robot | {"randomization": anchored_preset(robot["randomization"], base)}
    return robot


def _with_sections(data: dict[str, Any], path: Path) -> dict[str, Any]:
    """The data with each key that stands outside of its section put there."""
    known = sections(data)
    sorted_data = {key: value for key, value in data.items() if key in known}
    for key, value in data.items():
        section = next((s for s in known if key in (allowed_keys((s,), data) or ())), None)
        if key in known or section is None:
            sorted_data[key] = value
            continue
        inside = sorted_data.get(section, {})
        if not isinstance(inside, dict) or key in inside:
            raise ConfigError(f"{path}: {key} stands beside {section}; allowed: inside it, once: {section}.{key}")
        sorted_data[section] = inside | {key: value}
    return sorted_data


def training_room(data: Any) -> str:
    """The folder of files that a run's `train` may name."""
    return ROOM if is_gymnasium(data) else KINDS["train"]


def _require_whole(own: dict[str, Any], path: Path) -> None:
    """Refuse a file that only changes a preset and does not say which."""
    if {"joints", "model"} <= set(own):
        raise ConfigError(
            f"{path} is a robot's YAML; allowed: an experiment, as ashore train arm_reach --set robot={path}"
        )
    task = own.get("task", {})
    if not is_gymnasium(own) and isinstance(task, dict) and not {"name", "source"} & set(task):
        raise ConfigError(f"{path} does not say what it changes; allowed: one more line, as preset: arm_reach")


def _overlay(under: dict[str, Any], over: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What an experiment says over what its preset says."""
    merged = dict(under)
    for section, value in over.items():
        below = merged.get(section)
        if section in ("train", "sampler") and isinstance(below, str) and isinstance(value, dict):
            kind = training_room(merged) if section == "train" else KINDS[section]
            below = read_mapping(locate(kind, section, below, Path(), folder))
        if section == "task" and isinstance(below, dict) and isinstance(value, dict):
            merged[section] = _overlay_task(below, value, folder)
        elif section == "sampler" and isinstance(value, dict) and "kind" in value:
            merged[section] = value  # of another kind it has other fields
        elif section == "train" and isinstance(value, dict) and isinstance(value.get("algorithm"), str):
            merged[section] = value  # another algorithm has its own training
        else:
            merged[section] = _merge(below, value)
    return merged


def _overlay_task(under: dict[str, Any], over: dict[str, Any], folder: Path) -> dict[str, Any]:
    under, over = dict(under), dict(over)
    robot, entries = under.get("robot"), over.pop("randomization", None)
    if isinstance(robot, str) and isinstance(over.get("robot"), dict):
        path = locate("robots", "task.robot", robot, Path(), folder)
        under["robot"] = _anchored_robot(read_robot(path), path.parent)
    merged: dict[str, Any] = _merge(under, over)
    below = under.get("randomization", {})
    if isinstance(entries, dict) and "preset" not in entries and isinstance(below, str | dict | Layers):
        merged["randomization"] = Layers((*(below if isinstance(below, Layers) else (below,)), entries))
    elif entries is not None:
        merged["randomization"] = entries
    return merged


def _merge(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return under | {key: _merge(under.get(key), value) for key, value in over.items()}

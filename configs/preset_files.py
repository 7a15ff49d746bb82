"""The files that names and paths of presets stand for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ashore.configs.algorithms import ALGORITHMS, algorithm_of
from ashore.configs.faults import ConfigError, alternatives, shown
from ashore.configs.paths import expand, is_path
from ashore.configs.yaml_text import load_file

CONFIGS = Path(__file__).parent


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file that must hold a mapping."""
    data = load_file(path)
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds {shown(data)}; allowed: a mapping of names to settings")
    return data


def names(kind: str, folder: Path) -> list[str]:
    """Names of the presets in `folder/kind`."""
    return sorted(path.stem for path in (folder / kind).glob("*.yaml"))


def presets(folder: Path = CONFIGS) -> list[str]:
    """Names that `load_run` knows."""
    return [name for name in names("tasks", folder) if train_file(name, folder).is_file()]


def train_file(preset: str, folder: Path, room: str = "train") -> Path:
    """How a preset's task is trained: in its own way, or in the usual one. room: the folder of such files."""
    own = folder / room / f"{preset}.yaml"
    return own if own.is_file() else folder / room / "default.yaml"


def training_by(algorithm: str, task: str, folder: Path, room: str = "train") -> dict[str, Any]:
    """How a task is trained by an algorithm: `train/TASK_ALGORITHM.yaml`, else `train/default_ALGORITHM.yaml`, else the
    algorithm's own defaults for as many steps as `train/default.yaml`."""
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"train.algorithm = {algorithm!r}; {alternatives(algorithm, ALGORITHMS)}")
    for name in (f"{task}_{algorithm}", task, f"default_{algorithm}", "default"):
        path = folder / room / f"{name}.yaml"
        if path.is_file() and algorithm_of((training := read_mapping(path)).get("algorithm")) == algorithm:
            return training
    return read_mapping(folder / room / "default.yaml") | {"algorithm": {"kind": algorithm}}


def locate(kind: str, field: str, reference: str, base: Path, folder: Path) -> Path:
    """The file that `reference` stands for: a path that starts at `base`, or a name in `folder/kind`."""
    if is_path(reference):
        return base / expand(reference)
    known = names(kind, folder)
    if reference not in known:
        raise ConfigError(f"{field} = {reference!r}; {alternatives(reference, known)}, or a path to YAML")
    return folder / kind / f"{reference}.yaml"


def read_robot(path: Path) -> dict[str, Any]:
    """A robot's settings from its YAML file."""
    return with_model_beside(read_mapping(path), path.parent)


def with_model_beside(robot: dict[str, Any], base: Path) -> dict[str, Any]:
    """The robot's settings with the path of a model file that lies at `base`; any other name is left to the simulator."""
    model = robot.get("model")
    if isinstance(model, str) and os.path.isfile(base / model):
        return robot | {"model": str((base / model).resolve())}
    return robot

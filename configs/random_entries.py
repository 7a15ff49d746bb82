"""Entries of `randomization`: those of presets, of the catalogue and of the robot, with a file's own on top."""

from __future__ import annotations

import copy
import functools
import re
from pathlib import Path
from typing import Any

from ashore.configs.faults import ConfigError, alternatives
from ashore.configs.paths import anchored
from ashore.configs.preset_files import CONFIGS, locate, read_mapping

CATALOGUE = "catalogue"
JOINTS = "{joints}"  # in an entry's `match`: the robot's driven joints
MOST_PRESETS = 8  # files in a chain, each of which names the next as its preset


class Layers(tuple[Any, ...]):
    """Entries as several files give them, the lowest first; each is a name or a mapping."""


def merge_entries(
    given: Any, base: Path, folder: Path, robots: dict[str, Any], chain: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Entries over those of the preset they name: key by key, and null takes an entry away.

    What only changes an entry of the robot's own (it has no unit) falls away on a robot that has no such entry.
    `chain`: the files that led here.
    """
    if isinstance(given, Layers):
        merged: dict[str, Any] = merge_entries(given[0], base, folder, robots)
        for layer in given[1:]:
            merged = _over(merged, layer, folder, optional=False)
        return merged
    own = {"preset": given} if isinstance(given, str) else dict(given)
    shared: dict[str, Any] = {}
    preset = own.get("preset")
    if preset == "robot":
        del own["preset"]
        shared = robots
    elif isinstance(preset, str):
        path = locate("randomization", "task.randomization.preset", own.pop("preset"), base, folder)
        chain = follow(chain, path, "task.randomization.preset")
        shared = merge_entries(read_mapping(path), path.parent, folder, robots, chain)
    return _over(shared, own, folder, optional=preset == "robot")


def follow(chain: tuple[str, ...], path: Path, field: str) -> tuple[str, ...]:
    """The chain of presets with one more file; ConfigError where it is there already, or the chain is too long."""
    here = str(path.resolve())
    longer = (*chain, here)
    if here in chain or len(longer) > MOST_PRESETS:
        names = " -> ".join(Path(p).name for p in longer)
        fault = "comes back to itself" if here in chain else f"is longer than {MOST_PRESETS} files"
        raise ConfigError(f"{field}: the chain of presets {names} {fault}; allowed: at most {MOST_PRESETS}, each once")
    return longer


def _over(shared: dict[str, Any], own: dict[str, Any], folder: Path, *, optional: bool) -> dict[str, Any]:
    """`own` entries over shared ones; with `optional`, what only changes a missing entry falls away."""
    merged = dict(shared)
    for name, entry in own.items():
        if entry is None:
            if name not in merged:
                raise ConfigError(f"task.randomization.{name} = null takes nothing away; {alternatives(name, merged)}")
            del merged[name]
        elif entry == CATALOGUE:
            merged[name] = from_catalogue(name, folder)
        elif isinstance(entry, dict) and isinstance(merged.get(name), dict):
            merged[name] = {**merged[name], **entry}
        elif optional and isinstance(entry, dict) and "unit" not in entry:
            continue
        else:
            merged[name] = entry
    return merged


def catalogue(folder: Path = CONFIGS) -> dict[str, Any]:
    """Every effect there is, as entries by name."""
    file = folder / "randomization" / f"{CATALOGUE}.yaml"
    return _catalogue(file, file.stat().st_mtime_ns)


def from_catalogue(name: str, folder: Path) -> dict[str, Any]:
    """The catalogue's entry of this name."""
    known = catalogue(folder)
    if name not in known:
        raise ConfigError(f"task.randomization.{name} = {CATALOGUE}; {alternatives(name, known)}")
    return copy.deepcopy(known[name])


@functools.lru_cache(maxsize=2)
def _catalogue(file: Path, _changed: int) -> dict[str, Any]:
    """Read once, though a space may take a hundred entries of it."""
    return read_mapping(file)


def name_joints(entries: dict[str, Any], robot: Any) -> dict[str, Any]:
    """Entries whose `match` names the robot's driven joints where it said `{joints}`."""
    joints = robot.get("joints") if isinstance(robot, dict) else None
    written = "|".join(re.escape(j) for j in joints if isinstance(j, str)) if isinstance(joints, list) else JOINTS
    return {
        name: {**entry, "match": entry["match"].replace(JOINTS, written)}
        if isinstance(entry, dict) and isinstance(entry.get("match"), str)
        else entry
        for name, entry in entries.items()
    }


def anchored_preset(value: Any, base: Path) -> Any:
    """A reference to entries, or entries that name their preset, with a path that starts at `base` made absolute."""
    if isinstance(value, str):
        return anchored(value, base)
    if isinstance(value, dict) and isinstance(value.get("preset"), str):
        return {**value, "preset": anchored(value["preset"], base)}
    return value

"""Tasks from outside of this package: a class in a Python file, or an installed entry point of the group `ashore.tasks`."""

from __future__ import annotations

import functools
import importlib.util
import sys
import traceback
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from ashore.sim.tasks.task import Task, TaskError

GROUP = "ashore.tasks"
FORM = "FILE.py:CLASS"


def installed() -> dict[str, EntryPoint]:
    """Tasks that installed packages declare, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def from_entry_point(point: EntryPoint) -> type[Task]:
    """The class that an installed package declares as a task."""
    try:
        found = point.load()
    except Exception as error:
        raise TaskError(f"task {point.name!r} of {point.value} does not load: {_said(error)}") from error
    return _checked(found, f"{point.value}, entry point {point.name!r} of {GROUP}")


def from_file(source: str) -> type[Task]:
    """The class that `FILE.py:CLASS` names. Runs the file's code, once in a process."""
    file, _, name = source.rpartition(":")
    path = Path(file)
    if not file.endswith(".py") or not name.isidentifier():
        raise TaskError(f"task.source = {source!r}; allowed: {FORM}")
    if not path.is_file():
        raise TaskError(f"task.source: {file} does not exist; allowed: {FORM}")
    module = _load(path.resolve())
    if not hasattr(module, name):
        mine = [n for n, v in vars(module).items() if _is_task(v) and v.__module__ == module.__name__]
        raise TaskError(f"task.source: {file} has no class {name!r}; allowed: {sorted(mine) or 'a subclass of Task'}")
    return _checked(getattr(module, name), source)


@functools.cache
def _load(path: Path) -> ModuleType:
    """The file as a module. Modules beside it can be imported, unless another of that name is installed."""
    name = f"ashore_task_{path.stem}_{abs(hash(path)):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"task.source: {path} cannot be loaded as Python; allowed: {FORM}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pydantic and dataclasses look the names in annotations up
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise TaskError(f"task.source: {path} does not load: {_said(error, path)}") from error
    return module


def _said(error: Exception, path: Path | None = None) -> str:
    """The error in one line, with the line of the file that raised it."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if path and f.filename == str(path)]
    where = f"line {frames[-1].lineno}: " if frames else ""
    return f"{where}{type(error).__name__}: {error}".split("\n")[0]


def _is_task(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Task)


def _checked(found: Any, source: str) -> type[Task]:
    """A class that can be built, or an error that names what it lacks."""
    if not _is_task(found):
        raise TaskError(f"{source} is no subclass of Task; allowed: a class derived from ashore.sim.tasks.task.Task")
    missing = sorted(found.__abstractmethods__)
    missing += [name for name in ("Options", "Rewards", "num_uniforms") if not hasattr(found, name)]
    if missing:
        raise TaskError(f"{source} lacks {missing}; allowed: a Task that defines all of them")
    task: type[Task] = found
    return task

"""Which tasks there are, read from their files: importing them would take the time that torch and the engine take."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from ashore.configs.preset_files import CONFIGS, presets
from ashore.configs.yaml_text import load_file

TASKS = Path(__file__).parent / "sim" / "tasks"


class ListedTask(NamedTuple):
    """A preset of the package."""

    preset: str
    robot: str
    summary: str  # the first line of what the task's file says


def list_tasks() -> list[ListedTask]:
    """Every preset, by name."""
    files = _files()
    found = []
    for preset in presets():
        task = load_file(CONFIGS / "tasks" / f"{preset}.yaml")
        text = ast.get_docstring(ast.parse((TASKS / f"{files[task['name']]}.py").read_text("utf-8"))) or ""
        found.append(ListedTask(preset, task["robot"], text.split("\n")[0]))
    return found


def _files() -> dict[str, str]:
    """Task name -> its module, as `ashore.sim.tasks` has them."""
    for node in ast.parse((TASKS / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["TASKS"]:
            classes: dict[str, str] = ast.literal_eval(node.value)
            return {name: path.partition(".")[0] for name, path in classes.items()}
    raise LookupError(f"{TASKS / '__init__.py'} has no TASKS")

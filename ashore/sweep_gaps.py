"""What training never showed: entries that a sweep adds to a task's randomization, nominal but where it looks at them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ashore.configs.errors import UsageError
from ashore.configs.loader import of_task, run_settings
from ashore.configs.random_entries import CATALOGUE
from ashore.configs.schema import RunSettings, TaskSettings
from ashore.environments import make_env
from ashore.randomization.effects.base import SpaceError


class SweptTask(NamedTuple):
    """A task for a sweep, and the gaps that are not added to it, each with the reason."""

    task: TaskSettings
    left_out: Mapping[str, str]


def with_gaps(run: RunSettings, gaps: Mapping[str, Any]) -> SweptTask:
    """The run's task with these entries too. What stands in the plan as `catalogue` is left out where the task has it already
    or has nothing that it acts on; an entry of the plan's own must fit."""
    task, left_out = run.task, dict[str, str]()
    for name, entry in gaps.items():
        if name in run.task.randomization:
            if entry != CATALOGUE:
                raise UsageError(f"gaps.{name} is a parameter of task {task.name} already; allowed: another name")
            left_out[name] = "a parameter of the task"
            continue
        try:
            task = _with_entry(run, task, name, entry)
        except SpaceError as error:
            if entry != CATALOGUE:
                raise UsageError(f"gaps.{error}") from None
            left_out[name] = str(error).partition("; there is")[0]
    return SweptTask(task, left_out)


def _with_entry(run: RunSettings, task: TaskSettings, name: str, entry: Any) -> TaskSettings:
    """The task with one more parameter, which stays nominal; SpaceError where there is nothing that it acts on."""
    data = run.model_dump(mode="json")
    added = of_task(run_settings(data, [f"task.randomization.{name}={json.dumps(entry)}"])).task.randomization[name]
    still = added.model_copy(update={"low": added.nominal, "high": added.nominal, "bounds": added.widest})
    longer = task.model_copy(update={"randomization": {**task.randomization, name: still}})
    make_env(longer, 1)  # binds every name
    return longer

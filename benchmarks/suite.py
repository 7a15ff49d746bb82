"""Many tasks, many numbers of worlds, with and without randomization: one table and one JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ashore.benchmarks.peers.envpool_peer import ENVPOOL, EnvPool
from ashore.benchmarks.sim import bench_sim
from ashore.configs.cores import usable_cores
from ashore.configs.loader import load_run, presets
from ashore.configs.schema import TaskSettings
from ashore.environments import make_env
from ashore.files import commit

ALL = "all"
COLUMNS = {
    "task": "task",
    "parameters": "randomized",
    "num_envs": "worlds",
    "steps_per_second": "steps/s",
    "raw_steps_per_second": "raw engine",
    "ratio": "ratio",
    "raw_us_per_step": "raw us/step",
    "physics_us_per_step": "its physics",
    "overhead_us_per_step": "overhead us/step",
    "us_per_world_step": "us/world-step",
    "resets_per_step": "resets/step",
    "kb_per_world": "kB/world",
    "envpool_steps_per_second": "EnvPool",
    "envpool_ratio": "ratio",
}


def bench_all(
    names: Sequence[str],
    worlds: Sequence[int],
    overrides: Sequence[str],
    *,
    seconds: float,
    envpool: Path | None,
    command: str,
) -> dict[str, Any]:
    """Every task as its preset has it and, where that randomizes, without; on every number of worlds."""
    work = [(task, n) for name in every(names) for task in _variants(name, overrides) for n in worlds]
    rows: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("bench", total=len(work))
        for task, n in work:
            bar.update(line, description=f"{task.name}, {n} worlds")
            rows.append(_measure(task, n, seconds, envpool) | {"load_average": round(os.getloadavg()[0], 2)})
            bar.advance(line)
    return {"commit": commit(), "machine": machine(), "command": command, "results": rows}


def every(names: Sequence[str]) -> list[str]:
    """The presets that are meant: `all` stands for all of them."""
    return presets() if ALL in names else list(names)


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """A row a measurement, the columns that any of them has."""
    out = Table()
    shown = [key for key in COLUMNS if any(key in row for row in rows)]
    for key in shown:
        out.add_column(COLUMNS[key], justify="left" if key == "task" else "right")
    for row in rows:
        out.add_row(*(_text(row.get(key)) for key in shown))
    return out


def machine() -> str:
    """What the figures were measured on."""
    versions = (f"{name} {version(name)}" for name in ("mujoco", "torch"))
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {', '.join(versions)}"


def _variants(name: str, overrides: Sequence[str]) -> Iterator[TaskSettings]:
    task = load_run(name, overrides).task
    yield task
    if task.randomization:
        yield task.model_copy(update={"randomization": {}})


def _measure(task: TaskSettings, num_envs: int, seconds: float, envpool: Path | None) -> dict[str, Any]:
    env = make_env(task, num_envs)
    if envpool is None or task.name not in ENVPOOL:
        return bench_sim(env, seconds)
    peer = EnvPool(envpool, task.name, num_envs, usable_cores())
    try:
        return bench_sim(env, seconds, peer)
    finally:
        peer.close()


def _text(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)

"""Which engine simulates the worlds of a task: `task.engine` and `task.device`."""

from __future__ import annotations

import mujoco
import torch

from ashore.configs.schema import TaskSettings
from ashore.sim.engine.capacity import EngineError
from ashore.sim.engine.cpu import CpuWorld
from ashore.sim.engine.world import World


def make_world(
    settings: TaskSettings, model: mujoco.MjModel, num_worlds: int, num_threads: int = 0, *, fresh: bool = True
) -> World:
    """Arguments as of `CpuWorld`. EngineError where the engine or its device cannot be had."""
    if settings.engine == "cpu":
        return CpuWorld(model, num_worlds, num_threads, fresh=fresh)
    if not fresh:
        raise EngineError(
            f"task {settings.name} mirrors a benchmark on the engine that its numbers come from; allowed: task.engine=cpu"
        )
    require_device(settings.device, torch.cuda.device_count())
    from ashore.sim.engine.gpu import WarpWorld  # of the extra `gpu`

    return WarpWorld(model, num_worlds, settings.device, views="cpu")  # where environments compute


def require_device(name: str, num_gpus: int) -> None:
    """EngineError where this machine, or its torch, has no such device."""
    if name == "cpu" or int(name.removeprefix("cuda").removeprefix(":") or 0) < num_gpus:
        return
    there = ", ".join(["cpu", *(f"cuda:{i}" for i in range(num_gpus))])
    built = "" if torch.version.cuda else "; this torch is built without CUDA: see https://pytorch.org/get-started"
    raise EngineError(f"task.device = {name}; allowed: {there}{built}")

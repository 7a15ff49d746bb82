"""Physics alone on MuJoCo Warp: `python -m ashore.benchmarks.engine TASK --device cuda --num-envs 1024,4096`. JSON lines.

All that a step touches stays on the device. Commands are constant, worlds nominal and never reset; beside it what they take.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from ashore.configs.loader import load_run
from ashore.sim.engine.choice import require_device
from ashore.sim.engine.gpu import WarpWorld
from ashore.sim.env import Env

ROUNDS = 5


def bench_engine(task: str, device: str, num_worlds: int, seconds: float) -> dict[str, object]:
    """World control steps a second, the median of ROUNDS stretches; bytes that a world takes."""
    require_device(device, torch.cuda.device_count())
    settings = load_run(task).task
    start = Env(settings.on_cpu().model_copy(update={"randomization": {}}), 1)
    start.reset(0)
    world = WarpWorld(start.world.model, num_worlds, device)
    for name in ("qpos", "qvel", "act"):
        getattr(world, name).copy_(getattr(start.world, name).to(device))
    world.ctrl.copy_(torch.rand(world.ctrl.shape, generator=torch.Generator().manual_seed(0)) - 0.5)
    world.forward(torch.arange(num_worlds, device=device))
    for _ in range(3):  # kernels are loaded, then recorded
        world.step(settings.decimation)
    rates = sorted(_rate(world, settings.decimation, seconds / ROUNDS) for _ in range(ROUNDS))
    row: dict[str, object] = {"task": task, "device": device, "num_worlds": num_worlds}
    row |= {"steps_per_second": round(rates[ROUNDS // 2]), "bytes_per_world": round(world.nbytes() / num_worlds)}
    return row | {"capacity": world.capacity._asdict(), "overflows": world.overflows()}


def _rate(world: WarpWorld, decimation: int, seconds: float) -> float:
    _wait(world)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        world.step(decimation)
        steps += 1
        if steps % 8 == 0:
            _wait(world)  # the host would run ahead of the device
    _wait(world)
    return steps * world.num_worlds / (time.perf_counter() - start)


def _wait(world: WarpWorld) -> None:
    if world.device.type == "cuda":
        torch.cuda.synchronize(world.device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+", metavar="TASK")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--num-envs", default="1024,4096,8192,16384", metavar="N,M")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    for task in options.tasks:
        for count in options.num_envs.split(","):
            row = bench_engine(task, options.device, int(count), options.seconds)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()

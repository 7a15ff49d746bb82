"""`ashore bench sim`: control steps a second of an environment, beside a bare loop over the same engine."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch

from sim.cpu import CpuWorld
from sim.env import Env

WARMUP = 1.2  # episodes' worth of steps before timing: resets are spread out by then


def bench_sim(env: Env, seconds: float = 12.0, rounds: int = 6) -> dict[str, Any]:
    """Alternate timed stretches of the environment and of the raw engine, and compare their medians.

    The raw loop gets what the environment did: the same compiled model, the same commands, the same resets, the same stage,
    by the same calls.
    """
    generator = torch.Generator().manual_seed(0)
    actions = [torch.rand(env.num_envs, env.action_size, generator=generator) * 2 - 1 for _ in range(32)]
    env.reset(0)
    # Spread the ages, so that resets come evenly instead of all at once.
    env.age.copy_(torch.randint(0, env.settings.episode_steps, (env.num_envs,), generator=generator))
    for k in range(int(WARMUP * env.settings.episode_steps)):
        env.step(actions[k % 32])
    raw = CpuWorld(env.world.model, env.num_envs, env.world.batch.nthread)
    raw.batch.state[:] = env.world.batch.state
    commands, resets = _record(env, actions)
    home = env.world.qpos.clone()
    steps = _steps_for(env, actions, seconds / (2 * rounds))
    ours, engine = [], []
    for _ in range(rounds):
        ours.append(env.num_envs * steps / _timed(lambda: _run(env, actions, steps)))
        engine.append(env.num_envs * steps / _timed(lambda: _run_raw(raw, env, commands, resets, home, steps)))
    rate, raw_rate = median(ours), median(engine)
    return {
        "task": env.settings.name,
        "num_envs": env.num_envs,
        "steps_per_second": round(rate),
        "raw_steps_per_second": round(raw_rate),
        "ratio": round(median(a / b for a, b in zip(ours, engine, strict=True)), 3),
        "overhead_us_per_step": round(env.num_envs * (1 / rate - 1 / raw_rate) * 1e6),
        "parameters": env.randomizer.values.shape[1] if env.randomizer is not None else 0,
        "resets_per_step": round(sum(map(len, resets)) / len(resets), 3),
    }


def _record(env: Env, actions: list[torch.Tensor], steps: int = 64) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The commands that reached the engine and the worlds that were reset, over some steps."""
    commands, resets = [], []
    for k in range(steps):
        info = env.step(actions[k % 32])[4]
        commands.append(env.world.ctrl.clone())
        resets.append(info.get("final_ids", torch.empty(0, dtype=torch.int64)))
    return commands, resets


def _steps_for(env: Env, actions: list[torch.Tensor], seconds: float) -> int:
    """How many steps fill this time."""
    return max(8, int(seconds / _timed(lambda: _run(env, actions, 16)) * 16))


def _timed(run: Any) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _run(env: Env, actions: list[torch.Tensor], steps: int) -> None:
    for k in range(steps):
        env.step(actions[k % len(actions)])


def _run_raw(
    raw: CpuWorld, env: Env, commands: list[torch.Tensor], resets: list[torch.Tensor], home: torch.Tensor, steps: int
) -> None:
    for k in range(steps):
        raw.ctrl.copy_(commands[k % len(commands)])
        raw.step(env.settings.decimation)
        ids = resets[k % len(resets)]
        if len(ids):
            raw.reset(ids)
            raw.qpos.index_copy_(0, ids, home.index_select(0, ids))
            if not env.task.direct:
                raw.act.index_copy_(0, ids, raw.qpos[:, env.task.qpos_of].index_select(0, ids))
            raw.forward(ids)

"""`ashore bench sim`: control steps a second of an environment, beside a bare loop over the same engine, and beside EnvPool."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor

from ashore.benchmarks.peers.envpool_peer import EnvPool
from ashore.sim.engine.choice import make_world
from ashore.sim.engine.world import World
from ashore.sim.env import Env

WARMUP = 1.2  # episodes' worth of steps before timing, where time allows: resets are spread out by then
ROUNDS = 6
RECORDED = 64  # steps whose commands and resets the raw loop repeats
Actions = list[Tensor]


def bench_sim(env: Env, seconds: float = 12.0, peer: EnvPool | None = None) -> dict[str, Any]:
    """Alternate timed stretches of the environment, of the raw engine and of the peer, and compare their medians.

    The raw loop gets what the environment did: the same compiled model, the same commands, the same resets, the same stage.
    Its worlds are nominal, and those of the environment are as they are: what physics takes there is told beside the overhead,
    which has the difference in it. seconds: of timing, and at most as much again of warming up, for each of them.
    """
    generator = torch.Generator().manual_seed(0)
    actions = [torch.rand(env.num_envs, env.action_size, generator=generator) * 2 - 1 for _ in range(32)]
    _warm_up(env, actions, generator, seconds)
    raw = _Raw(env, actions)
    stretch = seconds / (ROUNDS * (2 if peer is None else 3))
    steps = max(4, int(stretch / raw.seconds_per_step))
    physics = _clocked(env.world)
    runs: dict[str, Callable[[], float]] = {
        "ours": lambda: _timed(lambda: _run(env, actions, steps)),
        "raw": lambda: _timed(lambda: raw.run(steps)),
    }
    if peer is not None:
        peer.run(max(steps, int(seconds / 2 / raw.seconds_per_step)))
        runs["envpool"] = lambda: peer.run(steps)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            taken[name].append(run())
    rates = {name: [env.num_envs * steps / s for s in each] for name, each in taken.items()}
    return _row(env, raw, rates) | {"physics_us_per_step": round(median(physics) * 1e6)}


def _row(env: Env, raw: _Raw, rates: dict[str, list[float]]) -> dict[str, Any]:
    """Rates in world-steps a second -> what the table shows."""
    rate, raw_rate = median(rates["ours"]), median(rates["raw"])
    row = {
        "task": env.settings.name,
        "parameters": env.randomizer.values.shape[1] if env.randomizer is not None else 0,
        "num_envs": env.num_envs,
        "steps_per_second": round(rate),
        "raw_steps_per_second": round(raw_rate),
        "ratio": _ratio(rates, "raw"),
        "us_per_world_step": round(1e6 / rate, 3),
        "overhead_us_per_step": round(env.num_envs * (1 / rate - 1 / raw_rate) * 1e6),
        "raw_us_per_step": round(env.num_envs / raw_rate * 1e6),
        "resets_per_step": round(sum(map(len, raw.resets)) / len(raw.resets), 3),
        "kb_per_world": round(_bytes(env) / env.num_envs / 1000, 2),
    }
    if "envpool" in rates:
        row |= {"envpool_steps_per_second": round(median(rates["envpool"])), "envpool_ratio": _ratio(rates, "envpool")}
    return row


def _ratio(rates: dict[str, list[float]], other: str) -> float:
    """Ours to another's, the median over the rounds: what slows a whole round slows both."""
    return round(median(a / b for a, b in zip(rates["ours"], rates[other], strict=True)), 3)


def _warm_up(env: Env, actions: Actions, generator: torch.Generator, seconds: float) -> None:
    env.reset(0)
    # Spread the ages, so that resets come evenly instead of all at once.
    env.age.copy_(torch.randint(0, env.settings.episode_steps, (env.num_envs,), generator=generator))
    end = time.perf_counter() + seconds
    for k in range(int(WARMUP * env.settings.episode_steps)):
        env.step(actions[k % len(actions)])
        if time.perf_counter() > end:
            break


class _Raw:
    """The bare loop, from the state that the environment is in, with the commands and resets of its next steps."""

    def __init__(self, env: Env, actions: Actions) -> None:
        world = env.world
        self.env = env
        self.world = make_world(env.settings, world.model, env.num_envs, fresh=not env.task.raw_actuators)
        self.world.load_state_dict(world.state_dict() | {"fields": {}})
        self.home = world.qpos.clone()
        self.commands: list[Tensor] = []
        self.resets: list[Tensor] = []
        start = time.perf_counter()
        while len(self.commands) < RECORDED and (len(self.commands) < 8 or time.perf_counter() - start < 4.0):
            info = env.step(actions[len(self.commands) % len(actions)])[4]
            self.commands.append(world.ctrl.clone())
            self.resets.append(info.get("final_ids", torch.empty(0, dtype=torch.int64)))
        self.seconds_per_step = (time.perf_counter() - start) / len(self.commands)

    def run(self, steps: int) -> None:
        task, world = self.env.task, self.world
        for k in range(steps):
            world.ctrl.copy_(self.commands[k % len(self.commands)])
            world.step(self.env.settings.decimation)
            ids = self.resets[k % len(self.resets)]
            if len(ids):
                world.reset(ids)
                start = self.home.index_select(0, ids)
                world.qpos.index_copy_(0, ids, start)
                if not task.raw_actuators:
                    world.act.index_copy_(0, ids, start[:, task.qpos_of])
                world.forward(ids)


def _clocked(world: World) -> list[float]:
    """How long each of a world's steps takes from now on, s."""
    advance, taken = world.step, list[float]()

    def step(count: int) -> None:
        start = time.perf_counter()
        advance(count)
        taken.append(time.perf_counter() - start)

    world.step = step  # type: ignore[method-assign]
    return taken


def _run(env: Env, actions: Actions, steps: int) -> None:
    for k in range(steps):
        env.step(actions[k % len(actions)])


def _timed(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _bytes(env: Env) -> int:
    """What grows with the number of worlds: the engine's rows and what the environment remembers between steps."""
    state = {name: part for name, part in env.state_dict().items() if name != "world"}
    return env.world.nbytes() + _tensor_bytes(state)


def _tensor_bytes(tree: Any) -> int:
    if isinstance(tree, dict):
        return sum(_tensor_bytes(part) for part in tree.values())
    return tree.nbytes if isinstance(tree, Tensor) else 0

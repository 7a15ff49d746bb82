"""Run whole episodes and count: each world is given its episodes beforehand, so that short ones are not over-counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.sim.engine.threads import on_one_core
from ashore.sim.env import Env
from ashore.sim.observations import Obs

MOST_WORLDS = 256  # at a time, where episodes are counted


class Episodes(NamedTuple):
    """What became of E episodes, in the order of (round, world)."""

    success: NDArray[np.bool_]
    returns: NDArray[np.float64]
    lengths: NDArray[np.int64]  # control steps
    terms: dict[str, NDArray[np.float64]]  # "reward/<term>" its sum, "metric/<name>" its mean

    @classmethod
    def of(cls, terms: dict[str, Tensor]) -> Episodes:
        """From the terms of each episode, [E] each, as an environment tells them."""
        values = {name: table.numpy() for name, table in terms.items()}
        success, returns, lengths = values.pop("success"), values.pop("return"), values.pop("length")
        return cls(success=success > 0.5, returns=returns, lengths=lengths.astype(np.int64), terms=values)

    def first(self, count: int) -> Episodes:
        """The first so many of them."""
        terms = {k: v[:count] for k, v in self.terms.items()}
        return Episodes(self.success[:count], self.returns[:count], self.lengths[:count], terms)

    def summary(self) -> dict[str, float]:
        """Means over the episodes."""
        means = {"success": self.success.mean(), "return": self.returns.mean(), "length": self.lengths.mean()}
        means |= {name: values.mean() for name, values in self.terms.items()}
        return {name: float(value) for name, value in means.items()}


def worlds_and_rounds(episodes: int, most: int = MOST_WORLDS) -> tuple[int, int]:
    """How many worlds run how many episodes each, so that they are `episodes` in all, or up to rounds - 1 more."""
    rounds = -(-episodes // most)
    return -(-episodes // rounds), rounds


def tabulate(
    advance: Callable[[], dict[str, Any]], worlds: int, rounds: int, progress: Callable[[int], None] | None = None
) -> dict[str, Tensor]:
    """Terms of whole episodes, [rounds, worlds] each: every world plays `rounds`, and what it plays beyond is not counted.

    advance: one step of all worlds, which gives its `info`; progress: called with the number of episodes that are done.
    """
    done = torch.zeros(worlds, dtype=torch.int64)
    slots: dict[str, Tensor] = {}
    while int(done.min()) < rounds:
        info = advance()
        if "final_ids" not in info:
            continue
        counted = done[info["final_ids"]] < rounds
        ids = info["final_ids"][counted]
        for name, values in info["episode"].items():
            table = slots.setdefault(name, torch.zeros(rounds, worlds, dtype=torch.float64))
            table[done[ids], ids] = values[counted].double()
        done[ids] += 1
        if progress is not None:
            progress(int(done.clamp(max=rounds).sum()))
    return slots


@on_one_core
def run_episodes(
    env: Env,
    act: Callable[[Obs], Tensor],
    rounds: int = 1,
    *,
    seed: int = 0,
    targets: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Episodes:
    """Every world runs `rounds` episodes; what it does beyond them is not counted.

    act: observation -> action [N, joints] in [-1, 1], or joint targets [N, joints] rad if `targets`.
    progress: called with the number of episodes that are done.
    """
    step = env.step_towards if targets else env.step
    obs = env.reset(seed)

    def advance() -> dict[str, Any]:
        nonlocal obs
        obs, _, _, _, info = step(act(obs))
        return info

    slots = tabulate(advance, env.num_envs, rounds, progress)
    return Episodes.of({name: table.flatten() for name, table in slots.items()})


@on_one_core
def record_signals(
    env: Env, act: Callable[[Obs], Tensor], steps: int, *, seed: int = 0
) -> list[dict[str, NDArray[np.float32]]]:
    """What the signals of each world read over the first steps of an episode: for each world, name -> [steps, size]."""
    obs, rows = env.reset(seed), []
    for _ in range(steps):
        rows.append(obs["actor"])
        obs = env.step(act(obs))[0]
    table = torch.stack(rows, 1)
    sizes = [s.size for s in env.interface.signals]
    parts = torch.split(table[:, :, : sum(sizes)], sizes, dim=2)
    names = [s.name for s in env.interface.signals]
    return [{n: p[w].numpy() for n, p in zip(names, parts, strict=True)} for w in range(env.num_envs)]

"""Play episodes in given worlds. However many share a batch, each is what it would be alone: its number and its lambda say all.

Worlds that end early make room for the next ones, so a batch is full until the last of them have begun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.sim.engine.threads import on_one_core
from ashore.sim.env import Env
from ashore.sim.evaluate import Episodes
from ashore.sim.observations import Obs

Ints = NDArray[np.int64]
TIME_TO_SUCCESS = "metric/seconds_to_success"  # NaN where there was none; of tasks whose success lasts
Finished = Callable[[Ints, dict[str, Tensor]], None]


class Worlds(NamedTuple):
    """M episodes to play. Equal `numbers` and `rounds` meet the same chances: start, goal, noise, and lambda where drawn."""

    lambdas: Tensor  # [M, d] float64, in each dimension's unit; NaN: drawn as declared
    numbers: Ints  # [M] of the world
    rounds: Ints  # [M] of the episode in that world

    @classmethod
    def numbered(cls, lambdas: Tensor) -> Self:
        """Row m is episode 0 of world m."""
        count = len(lambdas)
        return cls(lambdas, np.arange(count), np.zeros(count, np.int64))


class Played(NamedTuple):
    """What became of M episodes, in the order in which they were given."""

    episodes: Episodes
    lambdas: Tensor  # [M, d] the worlds that they were played in


class _Queue:
    """Hands the worlds out, one to each slot of the environment whose episode begins."""

    def __init__(self, env: Env, worlds: Worlds) -> None:
        self._env, self._worlds = env, worlds
        self._next = 0
        self.playing = torch.zeros(
            env.num_envs, dtype=torch.int64
        )  # the row that each slot plays; M where none is left

    def __call__(self, ids: Tensor) -> None:
        rows = torch.arange(self._next, self._next + len(ids)).clamp(max=len(self._worlds.numbers))
        self.playing.index_copy_(0, ids, rows)
        self._next += len(ids)
        given = rows.clamp(max=len(self._worlds.numbers) - 1)  # a slot without a world plays the last one, uncounted
        self._env.numbers[ids.numpy()] = self._worlds.numbers[given.numpy()]
        self._env.episode.index_copy_(0, ids, torch.from_numpy(self._worlds.rounds[given.numpy()]))
        if self._env.randomizer is not None:
            self._env.randomizer.pin(ids, self._worlds.lambdas.index_select(0, given))


class _Stopwatch:
    """How long each slot's episode took until its success, s."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._steps = torch.zeros(env.num_envs, dtype=torch.float64)
        self._first = torch.full_like(self._steps, torch.nan)  # steps

    def after_step(self, info: dict[str, Any]) -> None:
        """Read the time of the episodes that ended into `info`, and start anew for those that follow."""
        if not self._env.task.success_lasts:
            return
        self._steps += 1
        succeeded = self._env.task.success.clone()
        if "final_ids" in info:
            succeeded[info["final_ids"]] = info["episode"]["success"] > 0.5
        self._first = torch.where(succeeded & self._first.isnan(), self._steps, self._first)
        if "final_ids" in info:
            ids = info["final_ids"]
            info["episode"][TIME_TO_SUCCESS] = self._first[ids] * self._env.settings.control_dt
            self._steps[ids], self._first[ids] = 0.0, torch.nan


@on_one_core
def play(
    env: Env,
    act: Callable[[Obs], Tensor],
    worlds: Worlds,
    *,
    seed: int = 0,
    targets: bool = False,
    progress: Callable[[int], None] | None = None,
    finished: Finished | None = None,
) -> Played:
    """Play every one of `worlds` for an episode in the environment's slots.

    act: observation -> action [N, joints] in [-1, 1], or joint targets [N, joints] rad if `targets`.
    progress: called with the number of episodes that are done; finished: with the rows [k] of worlds whose episodes just
    ended, and their terms, [k] each.
    """
    count, queue, stopwatch = len(worlds.numbers), _Queue(env, worlds), _Stopwatch(env)
    step = env.step_towards if targets else env.step
    lambdas = torch.full_like(worlds.lambdas, torch.nan)
    slots: dict[str, Tensor] = {}
    done, env.assign = 0, queue
    try:
        obs = env.reset(seed)
        while done < count:
            if env.randomizer is not None:
                fresh = env.began & (queue.playing < count)
                lambdas.index_copy_(0, queue.playing[fresh], env.randomizer.lambdas[fresh])
            played = queue.playing.clone()
            obs, _, _, _, info = step(act(obs))
            stopwatch.after_step(info)
            if "final_ids" not in info:
                continue
            rows = played[info["final_ids"]]
            counted = rows < count
            ended = {name: values[counted].double() for name, values in info["episode"].items()}
            for name, values in ended.items():
                table = slots.setdefault(name, torch.zeros(count, dtype=torch.float64))
                table.index_copy_(0, rows[counted], values)
            done += int(counted.sum())
            if progress is not None:
                progress(done)
            if finished is not None:
                finished(rows[counted].numpy(), ended)
    finally:
        env.assign = None
    return Played(Episodes.of(slots), lambdas)

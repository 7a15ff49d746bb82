"""Plays the episodes that a sweep asks for: all its points share one batch of worlds, which is full until the last few."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from ashore.configs.schema import TaskSettings
from ashore.environments import make_env
from ashore.randomization.robustness.layout import Layout
from ashore.randomization.robustness.outcomes import Floats, Ints, Requests
from ashore.sim.evaluate import MOST_WORLDS
from ashore.sim.given_worlds import Worlds, play
from ashore.trained_policy import TrainedPolicy

CHUNK = MOST_WORLDS  # episodes that are handed on together
UNKEPT = "reward/"  # the terms of the reward are in the return

Keep = Callable[[Requests, Mapping[str, Floats]], None]


class SweepPlayer:
    """A policy in one batch of worlds, for as many rounds of a sweep as there are."""

    def __init__(self, policy: TrainedPolicy, task: TaskSettings, episodes: int, seed: int) -> None:
        self._env = make_env(task, min(MOST_WORLDS, episodes), seed=seed)
        self._act, self._targets, self._seed = policy.act_in(self._env), policy.targets, seed

    def play(self, layout: Layout, requests: Requests, keep: Keep, progress: Callable[[int], None]) -> None:
        """Play these episodes; `keep` is called for each chunk of them, in their order, as soon as it is whole."""
        chunks = _Chunks(requests, keep)
        lambdas = torch.from_numpy(layout.pins[requests.points])
        worlds = Worlds(lambdas, layout.numbers(requests), np.zeros(len(requests.points), np.int64))
        play(
            self._env,
            self._act,
            worlds,
            seed=self._seed,
            targets=self._targets,
            progress=progress,
            finished=chunks.finished,
        )


def split(requests: Requests) -> list[Requests]:
    """The same episodes in chunks."""
    starts = range(0, len(requests.points), CHUNK)
    return [Requests(requests.points[k : k + CHUNK], requests.episodes[k : k + CHUNK]) for k in starts]


class _Chunks:
    """Gathers episodes, which end in any order, into the chunks that they were asked for in."""

    def __init__(self, requests: Requests, keep: Keep) -> None:
        self._chunks, self._keep = split(requests), keep
        self._missing = np.ones(len(requests.points), bool)
        self._columns: dict[str, Floats] = {}
        self._kept = 0  # chunks

    def finished(self, rows: Ints, terms: Mapping[str, torch.Tensor]) -> None:
        for name, values in terms.items():
            if not name.startswith(UNKEPT):
                column = self._columns.setdefault(name.removeprefix("metric/"), np.zeros(len(self._missing)))
                column[rows] = values.numpy()
        self._missing[rows] = False
        while self._kept < len(self._chunks):
            part = slice(self._kept * CHUNK, self._kept * CHUNK + len(self._chunks[self._kept].points))
            if self._missing[part].any():
                return
            self._keep(self._chunks[self._kept], {name: column[part] for name, column in self._columns.items()})
            self._kept += 1

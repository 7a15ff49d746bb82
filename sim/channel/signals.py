"""Signals and the imperfect channel that every measured one passes, from the truth to what the policy is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ashore.configs.contract import SignalSpec
from ashore.configs.laws import rng
from ashore.sim.channel.sensing import Drift, Sources, keep_unit
from ashore.sim.channel.timing import Clock, Outage
from ashore.sim.channel.tool_signals import MeasuredTool


class Draws(NamedTuple):
    """Random numbers for one sample of n worlds; None for what no effect drives."""

    noise: Tensor | None  # [n, size] standard normal
    drift: Tensor | None  # [n, size] standard normal
    dropout: Tensor | None  # [n, sources of dropout] uniform
    freeze: Tensor | None  # [n, sources of freeze] uniform
    tick: Tensor | None  # [n, 1] uniform


class Channel:
    """What the worlds really are -> what their sensors say, for all measured and estimated signals side by side.

    Commands do not pass it. It advances once a sample, by `observe`; `dt` may be any. What is imperfect, in this order:

    - latency: the value of `delay` s ago, interpolated between the two samples around it: exact for what moves linearly;
    - gain: times 1 + gain;
    - the policy's clock, if it has one of its own: what it reads is older by as much as it ticks early, see `Clock`;
    - bias, constant, and drift, which wanders about it (`Drift`); then white noise;
    - quantisation: the nearest multiple of `step`;
    - dropout, where a sample is lost by itself, and freeze, where the sensor hangs for a while (`Outage`): the policy keeps
      what it was told last. The first sample of an episode always arrives.

    Errors are in the signal's own unit, and of each number by itself. Angles are not wrapped. Unit quaternions, which are the
    signals of four numbers named `..._orientation`, are brought back to length 1 and w >= 0 before quantisation, so that a
    small noise of s turns them by 2 s rad about every axis. An orientation told as columns of its matrix is left as noise
    makes it: s turns it by about s rad.
    """

    def __init__(
        self,
        specs: tuple[SignalSpec, ...],
        num_worlds: int,
        dt: float,
        longest_delay: float,
        clock: Clock | None = None,
        tool: MeasuredTool | None = None,
    ) -> None:
        """dt: s between samples; longest_delay: s that any world may ever see; clock: the policy's, where a sample is taken
        each time that it ticks; tool: of an arm whose joints tell where its tool is."""
        self.specs = tuple(s for s in specs if s.kind != "command")
        self.size = sum(s.size for s in self.specs)
        self.dt, self.longest_delay = dt, longest_delay
        depth = 1 + int(-(-longest_delay // dt)) if longest_delay > 0 else 1
        self._age = torch.arange(depth, dtype=torch.float32)[:, None, None]
        self.history = list(torch.zeros(depth, num_worlds, self.size))  # [N, size] each, newest first
        self.weights = torch.zeros(depth, num_worlds, self.size)  # of each sample in what is measured: latency and gain
        self.weights[0] = 1.0
        self._reached = 1  # samples that any weight has reached so far: the others would add nothing
        self.delay, self.gain, self.bias, self.noise_std, self.step, self.dropout = torch.zeros(
            6, num_worlds, self.size
        )
        self.drift = Drift(num_worlds, self.size, dt)
        self.freeze = Outage(num_worlds, self.size, dt)
        self._sources = {"dropout": Sources(self.size), "freeze": Sources(self.size)}
        self.clock, self.tool = clock, tool
        self.driven: set[str] = set()  # the kinds of imperfection that an effect drives
        self._turned: list[slice] = []  # quaternions that some error reaches
        self._steady = torch.zeros(num_worlds, self.size)  # what a policy that ticks in time would read, without errors
        self._told = torch.zeros(num_worlds, self.size)  # what it was told last

    def columns(self, name: str) -> slice:
        """Where a signal's values stand among all."""
        start = 0
        for spec in self.specs:
            if spec.name == name:
                return slice(start, start + spec.size)
            start += spec.size
        raise KeyError(name)

    def table(self, kind: str) -> Tensor:
        """What an effect of this kind writes, live [N, size]; it calls `refresh` then."""
        tables = {"latency": self.delay, "noise": self.noise_std, "drift": self.drift.std, "quantisation": self.step}
        tables |= {"gain": self.gain, "bias": self.bias, "dropout": self.dropout, "freeze": self.freeze.rate}
        return tables[kind]

    def enable(self, kind: str, groups: Sequence[Sequence[int]], seconds: float | None) -> None:
        """An effect will write this kind's table in these columns; those of one group are lost together.

        seconds: a drift's correlation time, or the mean length of a freeze.
        """
        self.driven.add(kind)
        columns = torch.tensor([c for group in groups for c in group])
        if kind in self._sources:
            self._sources[kind].add(groups)
        if kind == "drift" and seconds is not None:
            self.drift.correlate(columns, seconds)
        if kind == "freeze" and seconds is not None:
            self.freeze.mean.index_fill_(1, columns, seconds)
        if kind in ("latency", "gain", "bias", "drift", "noise"):
            for where in (self.columns(s.name) for s in self.specs if s.size == 4 and s.name.endswith("orientation")):
                if where not in self._turned and any(where.start <= c < where.stop for c in columns.tolist()):
                    self._turned.append(where)

    def refresh(self, kind: str, ids: Tensor) -> None:
        """Follow what was written to this kind's table for these worlds."""
        if kind in ("latency", "gain"):
            delay = self.delay.index_select(0, ids) / self.dt
            self._reached = max(self._reached, min(1 + math.ceil(delay.max()), len(self._age)))
            share = (1.0 - (self._age - delay).abs()).clip(min=0.0)  # linear between the samples before and after
            self.weights.index_copy_(1, ids, share.mul_(1.0 + self.gain.index_select(0, ids)))
        elif kind == "freeze":
            self.freeze.refresh(ids)

    @property
    def _normals(self) -> int:
        """Standard normal numbers of each kind: as many as there are values, made even for Box and Muller's pairs."""
        return self.size + self.size % 2

    @property
    def num_uniforms(self) -> int:
        """Random words a world's sample takes."""
        count = self._normals * (("noise" in self.driven) + ("drift" in self.driven))
        count += sum(sources.count for sources in self._sources.values())
        return count + (self.clock is not None and self.clock.used)

    def noise(self, bits: NDArray[np.uint32]) -> Draws | None:
        """Random words [n, num_uniforms] to what a sample takes of them; None where that is nothing."""
        if not self.num_uniforms:
            return None
        kinds = [kind for kind in ("noise", "drift") if kind in self.driven]
        n, each, end = len(bits), self._normals, self._normals * len(kinds)
        normals = {}
        if kinds:  # by themselves, so that one kind's numbers do not depend on whether there is the other
            rows = bits[:, :end].reshape(n, len(kinds), each).swapaxes(0, 1).reshape(-1, each)
            normals = dict(zip(kinds, torch.from_numpy(rng.normal(rows)[:, : self.size]).split(n), strict=True))
        uniforms: Any = {}
        if end < bits.shape[1]:
            counts = [sources.count for sources in self._sources.values()]
            rest = torch.from_numpy(rng.uniform(bits[:, end:]))
            parts = rest.split([*counts, rest.shape[1] - sum(counts)], 1)
            uniforms = {k: u for k, u in zip((*self._sources, "tick"), parts, strict=True) if u.shape[1]}
        pick = normals | uniforms
        return Draws(*(pick.get(kind) for kind in Draws._fields))

    def observe(self, true: Tensor, draws: Draws | None) -> Tensor:
        """Take the next true sample, [N, size]; give the measured one, fresh [N, size]."""
        if self.tool is None:
            return self._observe(true, draws)
        return self.tool.place(self._observe(self.tool.errors(true), draws))

    def _observe(self, true: Tensor, draws: Draws | None) -> Tensor:
        self.history = [true, *self.history[:-1]]
        seen = torch.addcmul(self.bias, true, self.weights[0])
        for age in range(1, self._reached):
            seen.addcmul_(self.history[age], self.weights[age])
        if draws is None:
            return self._coarse(seen, true, None)
        if draws.tick is not None and self.clock is not None:
            seen, self._steady = torch.lerp(seen, self._steady, self.clock.tick(draws.tick)), seen
        if draws.drift is not None:
            seen.addcmul_(self.drift.step(draws.drift), self.drift.std)
        if draws.noise is not None:
            seen.addcmul_(draws.noise, self.noise_std)
        seen = self._coarse(seen, true, None)
        lost = None
        if draws.dropout is not None:
            lost = self._sources["dropout"].spread(draws.dropout) < self.dropout
        if draws.freeze is not None:
            frozen = self.freeze.step(self._sources["freeze"].spread(draws.freeze))
            lost = frozen if lost is None else lost | frozen
        if lost is not None:
            seen = torch.where(lost, self._told, seen)
            self._told = seen.clone()
        return seen

    def _coarse(self, seen: Tensor, true: Tensor, ids: Tensor | None) -> Tensor:
        """Quaternions of unit length, values on their grid."""
        for where in self._turned:
            keep_unit(seen[:, where], true[:, where])
        if "quantisation" in self.driven:
            step = self.step if ids is None else self.step.index_select(0, ids)
            seen = torch.where(step > 0, (seen / step).round_().mul_(step), seen)
        return seen

    def restart(self, ids: Tensor, true: Tensor, draws: Draws | None) -> Tensor:
        """First measurement of worlds that begin anew, as if they had stood still so far: [k, size]."""
        if self.tool is None:
            return self._restart(ids, true, draws)
        return self.tool.place(self._restart(ids, self.tool.errors(true), draws))

    def _restart(self, ids: Tensor, true: Tensor, draws: Draws | None) -> Tensor:
        for sample in self.history[: self._reached]:
            sample.index_copy_(0, ids, true)
        seen = true * (1.0 + self.gain.index_select(0, ids)) if "gain" in self.driven else true
        seen = seen + self.bias.index_select(0, ids)
        if draws is None:
            return self._coarse(seen, true, ids)
        if draws.tick is not None and self.clock is not None:
            self.clock.restart(ids, draws.tick)
            self._steady.index_copy_(0, ids, seen)
        if draws.drift is not None:
            self.drift.restart(ids, draws.drift)
            seen.addcmul_(draws.drift, self.drift.std.index_select(0, ids))
        if draws.noise is not None:
            seen.addcmul_(draws.noise, self.noise_std.index_select(0, ids))
        seen = self._coarse(seen, true, ids)
        if draws.dropout is not None or draws.freeze is not None:
            self.freeze.restart(ids)
            self._told.index_copy_(0, ids, seen)
        return seen

    def state_dict(self) -> dict[str, Any]:
        """What it remembers; imperfections are the randomizer's to restore."""
        return {
            "history": torch.stack(self.history),
            "drift": self.drift.state.clone(),
            "frozen": self.freeze.down.clone(),
            "told": self._told.clone(),
            "steady": self._steady.clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history = list(state["history"].clone())
        self.drift.state = state["drift"].clone()
        self.freeze.down = state["frozen"].clone()
        self._told, self._steady = state["told"].clone(), state["steady"].clone()

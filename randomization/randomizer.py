"""Binds a parameter space to an environment: chooses each world's next lambda and has effects write it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ashore.configs.base import Settings
from ashore.configs.card import Card
from ashore.configs.entries import ParameterSettings
from ashore.configs.sampler import UniformSettings
from ashore.configs.space import Dimension
from ashore.randomization import effects, samplers
from ashore.randomization.card import card
from ashore.randomization.effects.base import SpaceError, Target
from ashore.randomization.samplers.base import summary


class Randomizer:
    """One for each environment. `lambdas` [N, d] are the worlds as they are now, `values` the same scaled for a critic."""

    def __init__(
        self,
        entries: dict[str, ParameterSettings],
        sampler: Settings | None = None,
        pins: dict[str, float] | None = None,
    ) -> None:
        """sampler: settings of `ashore.configs.sampler`, uniform over the declared ranges if not given.
        pins: parameters held at one value in every world, as a sweep does; by an entry's name or a dimension's."""
        self._entries, self._settings, self._pins = entries, sampler or UniformSettings(), pins or {}

    def bind(self, target: Target) -> None:
        """Resolve every name against the environment's model and signals."""
        self._target = target
        self._effects = effects.bind(self._entries, target)
        self._sizes = [len(e.dimensions) for e in self._effects]
        self._recompute = any(target.world.feeds_constants(what) for e in self._effects for what, _ in e.claims)
        self.dimensions = tuple(d for e in self._effects for d in e.dimensions)
        self.sampler = samplers.make(self._settings, self.dimensions)
        self.num_uniforms, count = self.sampler.num_uniforms, len(self.dimensions)
        self.lambdas = torch.tensor([d.nominal for d in self.dimensions], dtype=torch.float64).repeat(
            target.num_envs, 1
        )
        self.values = torch.zeros(target.num_envs, count)
        self._token = torch.zeros(target.num_envs, dtype=torch.int64)
        self._scale_to_widest()
        self._set_pins(self._pins)

    def _scale_to_widest(self) -> None:
        """lambda -> [-1, 1] over each dimension's widest range, in its own scale; zero where that has no width."""
        self._log = torch.tensor([d.distribution == "log" for d in self.dimensions])
        low, high = (torch.tensor([d.widest[i] for d in self.dimensions], dtype=torch.float64) for i in (0, 1))
        low, high = (torch.where(self._log, x.clip(min=1e-300).log(), x) for x in (low, high))
        self._middle = (low + high) / 2
        self._rate = torch.where(high > low, 2 / (high - low), 0.0)

    def _set_pins(self, pins: dict[str, float]) -> None:
        self._pins_of = torch.full_like(self.lambdas, math.nan)
        self.hold(torch.arange(len(self.lambdas)), pins)

    def hold(self, ids: Tensor, pins: dict[str, float]) -> None:
        """As `pin`, the same values in each of these worlds, by an entry's name or a dimension's."""
        known = {d.group for d in self.dimensions} | {d.name for d in self.dimensions}
        for name in pins:
            if name not in known:
                raise SpaceError(
                    f"{name!r} is no parameter here; there is {sorted({d.group for d in self.dimensions})}"
                )
            if math.isnan(pins[name]):
                raise SpaceError(f"{name} = nan; allowed: a number")
        held = [pins.get(d.name, pins.get(d.group, math.nan)) for d in self.dimensions]
        self.pin(ids, torch.tensor(held, dtype=torch.float64).expand(len(ids), -1))

    def pin(self, ids: Tensor, values: Tensor) -> None:
        """Hold parameters of these worlds at values from their next episode on: [k, d]; NaN: drawn by the sampler."""
        low, high = (torch.tensor([d.widest[i] for d in self.dimensions], dtype=torch.float64) for i in (0, 1))
        outside = ((values < low) | (values > high)).nonzero()
        if len(outside):
            row, k = outside[0].tolist()
            d = self.dimensions[k]
            raise SpaceError(
                f"{d.name} = {values[row, k].item()} {d.unit}; allowed: [{d.widest[0]}, {d.widest[1]}] {d.unit}"
            )
        self._pins_of.index_copy_(0, ids, values)

    def reset(self, ids: Tensor, u: Tensor) -> None:
        """Draw lambda for new episodes of these worlds from uniforms, [k, num_uniforms], and make worlds of it."""
        drawn, token = self.sampler.sample(u)
        self._token.index_copy_(0, ids, token)
        pins = self._pins_of.index_select(0, ids)
        self.write(ids, torch.where(pins.isnan(), drawn, pins))

    def write(self, ids: Tensor, lambdas: Tensor) -> None:
        """Make these worlds be lambda: [k, d], each in its dimension's unit."""
        self.lambdas.index_copy_(0, ids, lambdas)
        self.values.index_copy_(0, ids, self._scaled(lambdas))
        for effect, part in zip(self._effects, lambdas.split(self._sizes, 1), strict=True):
            effect.apply(ids, part)
        if self._recompute:
            self._target.world.set_const(ids)

    def observe(self, ids: Tensor, success: Tensor) -> None:
        """Tell the sampler how episodes ended: success [k] in [0, 1]. It hears nothing of worlds that it did not choose."""
        drawn = self._pins_of.index_select(0, ids).isnan().all(1)
        ids, success = ids[drawn], success[drawn]
        self.sampler.observe(self._token[ids], self.lambdas[ids], success)

    def report(self) -> dict[str, float]:
        """What the sampler does now: entropy, the range of each parameter, numbers of its own."""
        return summary([d.name for d in self.dimensions], self.sampler)

    def card(self) -> Card:
        """The randomization card of a policy that is trained up to now."""
        return card(self._entries, self.dimensions, self._settings, self.sampler)

    def trained_on(self) -> tuple[Dimension, ...]:
        """The dimensions with the ranges that the sampler has reached."""
        low, high = (end.tolist() for end in self.sampler.ranges())
        return tuple(
            d.model_copy(update={"low": a, "high": b}) for d, a, b in zip(self.dimensions, low, high, strict=True)
        )

    def _scaled(self, lambdas: Tensor) -> Tensor:
        raw = torch.where(self._log, lambdas.log(), lambdas)
        return ((raw - self._middle) * self._rate).float()

    def state_dict(self) -> dict[str, Any]:
        return {"lambdas": self.lambdas.clone(), "token": self._token.clone(), "sampler": self.sampler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        everyone = torch.arange(self._target.num_envs)
        self._token.copy_(state["token"])
        self.sampler.load_state_dict(state["sampler"])
        self.write(everyone, state["lambdas"])

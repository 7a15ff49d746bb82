"""What the generated self-tests run over: every row of the catalogue, and every entry of every preset, alone in its worlds.

A case is one entry bound by itself to an environment, whose worlds then are what a test chooses. A row of the catalogue
is bound to the first of a few hosts where it applies, an entry of a preset to that preset, and once where presets of one
robot share it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ashore.configs.entries import ParameterSettings
from ashore.configs.entries.disturbance import KickParameter, PulseParameter
from ashore.configs.loader import CONFIGS, load_run, read_mapping
from ashore.configs.schema import TaskSettings
from ashore.randomization.effects.base import SpaceError
from ashore.randomization.randomizer import Randomizer
from ashore.sim.env import Env
from tests.sim.worlds import RANDOMIZED, rollout, task

ROWS = read_mapping(CONFIGS / "randomization" / "catalogue.yaml")
# In this order. The last is for what no robot of ours has.
HOSTS: dict[str, tuple[str, ...]] = {
    "arm_push": (),
    "quadruped_velocity": (),
    "hand_reorient": (),
    "cartpole_swingup": (),
    "arm_reach": (f"task.robot={Path(__file__).parent / 'tendon_arm.yaml'}", "task.randomization={}"),
}
SEED, WORLDS = 3, 5  # five: no table has as many columns by draws


class Chosen(Randomizer):
    """Gives every world the lambda that a test chose for it, at every reset; without a choice, what the sampler draws."""

    chosen: Tensor | None = None  # [N, d]

    def reset(self, ids: Tensor, u: Tensor) -> None:
        if self.chosen is None:
            super().reset(ids, u)
        else:
            self.write(ids, self.chosen.index_select(0, ids))


class Case(NamedTuple):
    name: str
    entry: ParameterSettings
    settings: TaskSettings  # randomizes nothing but this entry
    env: Env

    @property
    def randomizer(self) -> Chosen:
        assert isinstance(self.env.randomizer, Chosen)
        return self.env.randomizer

    @property
    def dimensions(self) -> int:
        return len(self.randomizer.dimensions)

    def begin(self, lambdas: Tensor | None = None) -> Env:
        """Its environment at the start of episode 0, of these worlds [N, d], or drawn."""
        self.randomizer.chosen = lambdas
        self.env.reset(SEED)
        return self.env

    def all_at(self, value: float) -> Tensor:
        return torch.full((WORLDS, self.dimensions), value, dtype=torch.float64)

    @property
    def far(self) -> float:
        """The bound that is further from nominal."""
        return max(self.entry.widest, key=lambda x: abs(x - self.entry.nominal))

    def ends_and_between(self) -> Tensor:
        """World 0 at the lowest value there may be, world 1 at the highest, the others anywhere between."""
        low, high = self.entry.widest
        share = torch.rand(WORLDS, self.dimensions, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        share[0], share[1] = 0.0, 1.0
        return low + (high - low) * share

    def fails_to_bind(self, entries: dict[str, ParameterSettings]) -> str:
        """What it says to entries that are refused; they bind to an environment made for this one."""
        try:
            Randomizer(entries).bind(self.env)
        except SpaceError as error:
            return str(error)
        raise AssertionError("this binds")


def preset_entries() -> list[tuple[str, str]]:
    """(preset, name) of every distinct entry of every preset."""
    seen: dict[tuple[str, str, str], tuple[str, str]] = {}
    for preset in ("arm_reach", *RANDOMIZED):
        settings = task(preset)
        for name, entry in settings.randomization.items():
            seen.setdefault((settings.robot.name, name, entry.model_dump_json()), (preset, name))
    return list(seen.values())


CASES = [("catalogue", name) for name in ROWS] + preset_entries()


def make_case(where: str, name: str) -> Case:
    """where: a preset, or `catalogue`."""
    if where == "catalogue":
        return hosted(name)
    settings = task(where)
    return alone(settings, name, settings.randomization[name])


def alone(settings: TaskSettings, name: str, entry: ParameterSettings) -> Case:
    if isinstance(entry, KickParameter | PulseParameter):  # in a test's few steps something shall happen
        entry = entry.model_copy(update={"interval": 0.1})
    settings = settings.model_copy(update={"randomization": {name: entry}})
    env = Env(settings, WORLDS, seed=SEED, randomizer=Chosen(settings.randomization), num_threads=1)
    return Case(name, entry, settings, env)


@functools.cache
def host(name: str) -> TaskSettings:
    """A host whose randomization is the whole catalogue: more than any one robot can follow."""
    every_row = [f"task.randomization.{row}=catalogue" for row in ROWS]
    return load_run(name, [*HOSTS[name], *every_row]).task


def hosted(row: str) -> Case:
    """A row of the catalogue on the first host where it applies."""
    told: dict[str, str] = {}
    for name in HOSTS:
        settings = host(name)
        try:
            return alone(settings, row, settings.randomization[row])
        except SpaceError as error:
            told[name] = str(error)
    raise AssertionError(f"{row} applies to none of {told}")


@functools.cache
def plain_rollout(settings_json: str, steps: int) -> dict[str, Tensor]:
    """A trajectory of worlds that differ in nothing."""
    settings = TaskSettings.model_validate_json(settings_json)
    env = Env(settings, WORLDS, seed=SEED, num_threads=1)
    env.reset(SEED)
    return rollout(env, steps)


def tables(env: Env) -> dict[str, Tensor]:
    """A copy of every tensor that the environment holds, model fields and all, by path: whatever effects write is there."""
    found: dict[str, Tensor] = {}
    _collect("", env, found, set())
    return {path: tensor.clone() for path, tensor in found.items()}


def _collect(path: str, thing: Any, found: dict[str, Tensor], seen: set[int]) -> None:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, Tensor):
        found[path] = thing
    elif isinstance(thing, dict):
        for key, value in thing.items():
            _collect(f"{path}[{key}]", value, found, seen)
    elif isinstance(thing, list | tuple):
        for i, value in enumerate(thing):
            _collect(f"{path}[{i}]", value, found, seen)
    elif type(thing).__module__.startswith(("ashore.sim.", "ashore.randomization.")) and hasattr(thing, "__dict__"):
        for key, value in vars(thing).items():
            _collect(f"{path}.{key}", value, found, seen)


def differing(a: Tensor, b: Tensor) -> Tensor:
    """Mask of the values that are not the same bits of information: two that are no number are alike."""
    return (a != b) & ~((a != a) & (b != b))


def only_in(world: int, a: Tensor, b: Tensor) -> bool:
    """Whether a and b differ in nothing but this world's part, whichever axis counts the worlds."""
    different = differing(a, b)
    others = [w for w in range(WORLDS) if w != world]
    return not different.any() or any(
        size == WORLDS and not different.index_select(axis, torch.tensor(others)).any()
        for axis, size in enumerate(a.shape)
    )

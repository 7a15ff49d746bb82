"""Entries that a robot and a task cannot follow are refused, with what there is."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from ashore.randomization.effects.base import SpaceError
from ashore.randomization.randomizer import Randomizer
from ashore.sim.env import Env
from tests.sim.worlds import make, randomizer_of, task


def alone(preset: str, name: str, pins: dict[str, float] | None = None, **changes: Any) -> Env:
    """An environment that randomizes nothing but this entry."""
    entry = task(preset).randomization[name].model_copy(update=changes)
    return make(task(preset, randomization={name: entry}), 4, pins=pins)


@pytest.mark.parametrize(("preset", "kind"), [("arm_reach", "command_latency"), ("arm_reach", "observation_latency")])
def test_a_delay_that_no_buffer_holds_is_refused(preset: str, kind: str) -> None:
    """Buffers are built from the settings' widest value; a randomizer that would go beyond does not bind."""
    env = make(preset, 1)
    entry = task(preset).randomization[kind]
    longer = entry.model_copy(update={"bounds": (0.0, entry.widest[1] + 0.004)})
    with pytest.raises(SpaceError, match=rf"{kind} reaches 0.\d+ s; allowed: at most 0.\d+ s"):
        Randomizer({kind: longer}).bind(env)
    Randomizer({kind: entry}).bind(env)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"field": ("body_weight",)}, "cannot differ between worlds"),
        ({"field": ("body_inertia.3",)}, r"body_inertia.3; allowed: columns 0 to 2"),
        ({"field": ("body_mass", "geom_friction"), "match": "hand.*", "each": True}, r"rows of \['hand_collision'\]"),
    ],
)
def test_a_field_that_cannot_be_written_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        alone("arm_reach", "link_mass", **changes)


def test_one_parameter_may_write_fields_of_different_objects() -> None:
    env = alone("arm_reach", "link_mass", field=("body_mass", "geom_friction.0"), match="hand.*", each=False)
    x = randomizer_of(env).lambdas[:, 0]
    mass = env.world.field("body_mass")[:, env.world.row_names("body_mass").index("hand")]
    friction = env.world.field("geom_friction")[:, env.world.row_names("geom_friction").index("hand_collision"), 0]
    torch.testing.assert_close(mass, 0.73 * x)
    torch.testing.assert_close(friction, 1.0 * x)


def test_a_field_that_the_engine_computes_itself_is_refused() -> None:
    with pytest.raises(SpaceError, match="dof_invweight0"):
        alone("arm_reach", "link_mass", field=("dof_invweight0",), match="joint.*")


def test_scaling_what_is_zero_is_refused() -> None:
    with pytest.raises(SpaceError, match="body_mass"):
        alone("arm_reach", "link_mass", field=("body_mass",), match="payload")


def test_gravity_compensation_knows_the_nominal_mass_only() -> None:
    env = alone("arm_reach", "link_mass", pins={"link_mass": 1.5})
    links = [i for i, name in enumerate(env.world.row_names("body_mass")) if re.fullmatch("link[1-7]|hand", name)]
    carried = env.world.field("body_mass")[0, links] * env.world.field("body_gravcomp")[0, links]
    assert carried.numpy() == pytest.approx(env.world.model.body_mass[links], rel=1e-12)

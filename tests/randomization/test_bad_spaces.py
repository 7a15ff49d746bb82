"""Spaces that make no world are refused before a training would start, and the text names the entry."""

from __future__ import annotations

import pytest

from ashore.configs.errors import AshoreError
from ashore.configs.loader import ConfigError, load_run
from ashore.environments import make_env
from ashore.randomization.effects.base import SpaceError


def entry(name: str, fields: str, match: str, op: str, unit: str, low: float, nominal: float, high: float) -> str:
    return (
        f"task.randomization.{name}={{effect: field, field: [{fields}], match: '{match}', op: {op}, unit: '{unit}', "
        f"low: {low}, nominal: {nominal}, high: {high}}}"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.randomization.link_mass.low=1.3", r"task.randomization.link_mass.*low = 1.3 is above high = 1.1"),
        ("task.randomization.link_mass.bounds=[1.5, 0.5]", r"link_mass.*the lower one first"),
        ("task.randomization.link_mass.high=.nan", r"link_mass.*finite"),
        ("task.randomization.link_mass.high=.inf", r"link_mass.*finite"),
        ("task.randomization.joint_damping.bounds=[0.0, 10.0]", r"joint_damping.*distribution = log.*above 0"),
        ("task.randomization.joint_armature.bounds=[-0.5, 1.5]", r"joint_armature.*a scale of at least 0"),
        (
            entry("grip", "geom_friction.0", "puck", "set", "1", -0.1, 0.4, 1.0),
            r"grip.*geom_friction of at least 0",
        ),
        ("task.randomization.command_latency.bounds=[0.0, 2.5]", r"command_latency delays by up to 2.5 s.*at most 2 s"),
        ("task.randomization.puck_latency.bounds=[0.0, 2.5]", r"puck_latency delays by up to 2.5 s.*at most 2 s"),
        ("task.randomization.command_drop.bounds=[0.0, 1.5]", r"command_drop.*at most 1"),
        ("task.randomization.fricton=catalogue", r"task.randomization.fricton = catalogue; did you mean friction"),
        ("task.randomization.link_mass.colour=red", r"link_mass.colour"),
    ],
)
def test_settings_that_make_no_world_are_refused_as_they_are_read(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_run("arm_push", [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            entry("tool", "body_mass", "link7", "add", "kg", -1.0, 0.0, 1.0),
            r"tool within \[-1, 1\] kg makes body_mass of 'link7' -0.26",
        ),
        (
            entry("light", "body_mass", "link7", "scale", "1", 0.0, 1.0, 1.0),
            r"light .* makes body_mass of 'link7' 0 .*above 0",
        ),
        (
            entry("grip", "geom_friction.0", "puck", "add", "1", -0.5, 0.0, 0.5),
            r"grip .* geom_friction of 'puck' -0.1 .*at least 0",
        ),
        (
            entry("stop", "jnt_range", "joint4", "widen", "rad", -1.6, 0.0, 0.1),
            r"stop = -1.6 rad makes jnt_range of 'joint4' .*lower end below",
        ),
        (
            entry("stop", "jnt_range.1", "joint6", "set", "rad", -1.0, 3.7, 4.0),
            r"stop = -1 rad makes jnt_range of 'joint6' \[-0.0175, -1\]",
        ),
        (
            entry("stop", "jnt_range", "puck", "widen", "rad", -0.1, 0.0, 0.1),
            r"stop writes jnt_range of \['puck'\], which have no such",
        ),
        (
            entry("nobody", "body_mass", "elbow", "scale", "1", 0.5, 1.0, 1.5),
            r"nobody.match = 'elbow' matches nothing; there is \['hand'",
        ),
        (
            entry("odd", "body_weight", "link7", "scale", "1", 0.5, 1.0, 1.5),
            r"odd.field: .*'body_weight'",
        ),
        (
            entry("air", "body_ipos.0", "world", "add", "m", -0.1, 0.0, 0.1),
            r"air writes body_ipos of \['world'\], which have no mass",
        ),
    ],
)
def test_what_only_the_model_can_tell_is_refused_as_the_environment_is_made(override: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as error:
        make_env(load_run("arm_push", ["task.randomization={}", override]).task, 1)
    assert isinstance(error.value, AshoreError)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "mass",
            r"(mass and payload|payload and mass) both write body_mass of the same object; allowed: both with op scale",
        ),
        ("inertia_scale", r"inertia_scale and link_mass both set the body_mass"),
        ("friction_spin", ""),
    ],
)
def test_what_two_entries_would_both_set_is_refused(row: str, message: str) -> None:
    task = load_run("arm_push", [f"task.randomization.{row}=catalogue"]).task
    if not message:  # slides and spins are different values
        make_env(task, 1)
        return
    with pytest.raises(SpaceError, match=message):
        make_env(task, 1)


def test_limits_may_move_as_far_as_they_stay_ordered() -> None:
    stop = entry("stop", "jnt_range", "joint4", "widen", "rad", -1.4, 0.0, 0.1)
    make_env(load_run("arm_push", [stop]).task, 1)


def test_both_ends_of_a_range_may_move_together_past_where_either_was() -> None:
    """joint4 has [-3.07, -0.07] rad: scaled by 20, its upper end lies below where its lower end was."""
    stop = entry("stop", "jnt_range", "joint4", "scale", "1", 1.0, 1.0, 50.0)
    make_env(load_run("arm_push", [stop]).task, 1)


def test_a_factor_that_may_be_nothing_and_one_end_of_a_range_are_refused() -> None:
    stop = entry("stop", "jnt_range", "joint4", "scale", "1", 0.9, 1.0, 1.1)
    end = entry("end", "jnt_range.1", "joint[46]", "scale", "1", 0.9, 1.0, 1.1)
    drag, none = (
        entry(name, "dof_damping", f"joint[{span}]", "scale", "1", low, 1.0, 2.0)
        for name, span, low in (("drag", "1-3", 0.5), ("none", "2-4", 0.0))
    )
    for one, other in ((stop, end), (end, stop), (drag, none), (none, drag)):
        with pytest.raises(SpaceError, match=r"both write .*; allowed: both with op scale, above 0"):
            make_env(load_run("arm_push", ["task.randomization={}", one, other]).task, 1)

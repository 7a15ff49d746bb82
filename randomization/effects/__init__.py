"""Effects make a world of lambda. Each file is one kind; `bind` turns a preset's entries into effects on an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ashore.configs.entries import ParameterSettings
from ashore.configs.entries.actuation import ActuationParameter
from ashore.configs.entries.camera import CameraParameter, LightParameter, SceneParameter, SurfaceParameter
from ashore.configs.entries.command import CommandParameter
from ashore.configs.entries.disturbance import AdversaryParameter, KickParameter, PulseParameter
from ashore.configs.entries.field import FieldParameter
from ashore.configs.entries.physics import ContactParameter, GravityParameter, InertiaParameter
from ashore.configs.entries.signal import SignalParameter
from ashore.configs.space import Entry
from ashore.randomization.effects.actuation import actuation_effect
from ashore.randomization.effects.base import Effect, SpaceError, Target, WorldFields
from ashore.randomization.effects.camera import VisualEffect
from ashore.randomization.effects.contact import ContactEffect
from ashore.randomization.effects.disturbance import AdversaryEffect, KickEffect, PulseEffect
from ashore.randomization.effects.gravity import GravityEffect
from ashore.randomization.effects.inertia import FIELDS, InertiaEffect
from ashore.randomization.effects.physics import FieldEffect, split_field
from ashore.randomization.effects.sensing import SignalEffect
from ashore.randomization.effects.timing import CommandEffect

# By the class of the entry. An effect of these follows one entry, (name, entry, environment).
EFFECTS: dict[type[Entry], Callable[[str, Any, Target], Effect]] = {
    CommandParameter: CommandEffect,
    SignalParameter: SignalEffect,
    ActuationParameter: actuation_effect,
    KickParameter: KickEffect,
    PulseParameter: PulseEffect,
    AdversaryParameter: AdversaryEffect,
    CameraParameter: VisualEffect,
    LightParameter: VisualEffect,
    SurfaceParameter: VisualEffect,
    SceneParameter: VisualEffect,
}
# One of these follows all entries of its class, ({name: entry}, world): together they make one value, or one write.
GROUPED: dict[type[Entry], Callable[[Any, Any], Effect]] = {
    FieldParameter: FieldEffect,
    InertiaParameter: InertiaEffect,
    GravityParameter: GravityEffect,
    ContactParameter: ContactEffect,
}
# The model fields that these write, whatever the entry; a FieldParameter names its own.
WRITTEN: dict[type[Entry], tuple[str, ...]] = {
    InertiaParameter: tuple(FIELDS),
    GravityParameter: ("opt.gravity",),
    ContactParameter: ("geom_friction", "geom_condim"),
}


def bind(entries: dict[str, ParameterSettings], target: Target) -> list[Effect]:
    """Effects of these entries, names resolved. SpaceError where an entry matches nothing or two write the same value."""
    _refuse_fixed(entries, target.world)
    effects: list[Effect] = []
    owners: dict[tuple[str, int], str] = {}
    for kind, make in GROUPED.items():
        if some := {name: e for name, e in entries.items() if type(e) is kind}:
            effects.append(make(some, target.world))
            _claim(effects[-1], next(iter(some)), owners)
    for name, entry in entries.items():
        if type(entry) not in GROUPED:
            effects.append(EFFECTS[type(entry)](name, entry, target))
            _claim(effects[-1], name, owners)
    return effects


def _refuse_fixed(entries: dict[str, ParameterSettings], world: WorldFields) -> None:
    """SpaceError that names every entry whose fields this engine has once for all worlds."""
    faults = []
    for name, entry in entries.items():
        own = isinstance(entry, FieldParameter)
        fields = (
            [split_field(f)[0] for f in entry.field]
            if isinstance(entry, FieldParameter)
            else WRITTEN.get(type(entry), ())
        )
        if fixed := [f for f in fields if not world.varies(f)]:
            faults.append(f"{name}{'.field' if own else ''}: {', '.join(map(repr, fixed))}")
    if faults:
        other = "" if world.engine == "cpu" else ", or task.engine=cpu"
        raise SpaceError(
            f"{'; '.join(faults)} cannot differ between worlds on engine {world.engine}; allowed: other fields{other}"
        )


def _claim(effect: Effect, name: str, owners: dict[tuple[str, int], str]) -> None:
    for claim in effect.claims:
        owner = effect.claims[claim] if isinstance(effect.claims, Mapping) else name
        other = owners.setdefault(claim, owner)
        if other != owner:
            raise SpaceError(f"{owner} and {other} both set the {claim[0]} of the same values")

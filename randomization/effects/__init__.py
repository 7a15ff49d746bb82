"""Effects make a world of lambda. Each file is one kind; `bind` turns a preset's entries into effects on an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from configs.entries import ParameterSettings
from configs.entries.command import CommandParameter
from configs.entries.field import FieldParameter
from configs.entries.signal import SignalParameter
from configs.space import Entry
from randomization.effects.base import Effect, SpaceError, Target
from randomization.effects.physics import FieldEffect
from randomization.effects.sensing import SignalEffect
from randomization.effects.timing import CommandEffect

# By the class of the entry. Those that write model fields share one effect, which writes each field once.
EFFECTS: dict[type[Entry], Callable[[str, Any, Target], Effect]] = {
    CommandParameter: CommandEffect,
    SignalParameter: SignalEffect,
}


def bind(entries: dict[str, ParameterSettings], target: Target) -> list[Effect]:
    """Effects of these entries, names resolved. SpaceError where an entry matches nothing or two write the same value."""
    fields = {name: e for name, e in entries.items() if isinstance(e, FieldParameter)}
    effects: list[Effect] = [FieldEffect(fields, target.world)] if fields else []
    owners: dict[tuple[str, int], str] = {}
    for name, entry in entries.items():
        if name in fields:
            continue
        effect = EFFECTS[type(entry)](name, entry, target)
        for claim in effect.claims:
            other = owners.setdefault(claim, name)
            if other != name:
                raise SpaceError(f"{name} and {other} both set the {claim[0]} of the same values")
        effects.append(effect)
    return effects

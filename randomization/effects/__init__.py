"""Effects make a world of lambda. Each file is one kind; `bind` turns a preset's entries into effects on an environment."""

from __future__ import annotations

from configs.space import CommandParameter, FieldParameter, ParameterSettings, SignalParameter
from randomization.effects.base import Effect, SpaceError, Target
from randomization.effects.physics import FieldEffect
from randomization.effects.sensing import SignalEffect
from randomization.effects.timing import CommandEffect


def bind(entries: dict[str, ParameterSettings], target: Target) -> list[Effect]:
    """Effects of these entries, names resolved. SpaceError where an entry matches nothing or two write the same value."""
    fields = {name: e for name, e in entries.items() if isinstance(e, FieldParameter)}
    effects: list[Effect] = [FieldEffect(fields, target.world)] if fields else []
    written: dict[tuple[str, int], str] = {}
    for name, entry in entries.items():
        effect: CommandEffect | SignalEffect
        if isinstance(entry, CommandParameter):
            effect = CommandEffect(name, entry, target.command)
        elif isinstance(entry, SignalParameter):
            effect = SignalEffect(name, entry, target.channel)
        else:
            continue
        for column in effect.columns:
            other = written.setdefault((entry.kind, column), name)
            if other != name:
                raise SpaceError(f"{name} and {other} both set the {entry.kind} of the same values")
        effects.append(effect)
    return effects

"""Fills in the randomization card of a policy from its space and its sampler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ashore.configs.base import Settings
from ashore.configs.card import Card, ParameterCard
from ashore.configs.loader import catalogue
from ashore.configs.space import Dimension, Entry
from ashore.randomization.samplers.base import Sampler, summary

DENSITIES = ("normal", "doraemon")  # samplers whose ranges are quantiles


def card(entries: Mapping[str, Entry], dimensions: tuple[Dimension, ...], settings: Settings, sampler: Sampler) -> Card:
    """The worlds that the sampler shows now."""
    numbers = summary([d.name for d in dimensions], sampler)
    kind = getattr(settings, "kind")  # noqa: B009
    rows = tuple(
        ParameterCard(
            name=d.name,
            unit=d.unit,
            distribution=d.distribution,
            nominal=d.nominal,
            low=numbers[f"low/{d.name}"],
            high=numbers[f"high/{d.name}"],
            declared=(d.low, d.high),
            entropy=nats if math.isfinite(nats) else None,
            success_low=numbers.get(f"success_low/{d.name}"),
            success_high=numbers.get(f"success_high/{d.name}"),
        )
        for d, nats in zip(dimensions, sampler.entropies().tolist(), strict=True)
    )
    return Card(
        sampler=settings.model_dump(mode="json"),
        ends="central 95 %" if kind in DENSITIES else "exact",
        entropy=numbers.get("entropy"),
        parameters=rows,
        numbers={name: x for name, x in sampler.report().items() if "/" not in name},
        not_randomized=untouched(entries),
    )


def untouched(entries: Mapping[str, Entry]) -> tuple[str, ...]:
    """Names of the catalogue's rows that do what no entry does."""
    touched = {what for entry in entries.values() for what in _does(entry.model_dump())}
    return tuple(name for name, row in catalogue().items() if not touched & _does(row))


def _does(entry: Mapping[str, Any]) -> set[tuple[str, str]]:
    """An entry's effect and kind; of one that writes model fields, the fields, `geom_friction.0` as `geom_friction`."""
    effect = entry.get("effect", "field")
    if effect != "field":
        return {(effect, entry.get("kind") or "")}
    names = (name.removeprefix("1/") for name in entry["field"])
    return {(effect, name.rsplit(".", 1)[0] if name.rsplit(".", 1)[-1].isdigit() else name) for name in names}

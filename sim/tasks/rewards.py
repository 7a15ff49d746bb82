"""Weights of reward terms: settings with a name, a default, a sign and bounds each, in the order of the reward's columns."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, ValidationError

from ashore.configs.base import Settings
from ashore.configs.faults import MOST_FAULTS, alternatives, shown

LARGEST = 1000.0  # of a weight, either sign


def reward(default: float, description: str = "") -> Any:
    """A weight that is never negative: what its term measures is wanted."""
    return Field(default=default, ge=0.0, le=LARGEST, description=description or None)


def cost(default: float, description: str = "") -> Any:
    """A weight that is never positive: what its term measures is to be avoided."""
    return Field(default=default, ge=-LARGEST, le=0.0, description=description or None)


class RewardWeights(Settings):
    """Base of each task's weights: a field a term, a `reward` or a `cost`. A term of weight 0 is still logged, as 0."""

    @classmethod
    def bounds(cls, term: str) -> tuple[float, float]:
        """The least and the greatest weight of a term."""
        metadata = cls.model_fields[term].metadata
        low = next((m.ge for m in metadata if hasattr(m, "ge")), -math.inf)
        high = next((m.le for m in metadata if hasattr(m, "le")), math.inf)
        return float(low), float(high)

    @classmethod
    def words(cls) -> dict[str, str]:
        """What each term rewards, of those that say so."""
        return {name: field.description for name, field in cls.model_fields.items() if field.description}

    def values(self) -> list[float]:
        """The weights in the order of the terms."""
        return [getattr(self, name) for name in type(self).model_fields]


def fault_lines(model: type[RewardWeights], error: ValidationError) -> str:
    """One line a fault: the term, its value, and what is allowed."""
    return "\n".join(_line(model, fault) for fault in error.errors(include_url=False)[:MOST_FAULTS])


def _line(model: type[RewardWeights], fault: Any) -> str:
    term = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return f"task.rewards.{term} does not exist; {alternatives(term, model.model_fields)}"
    low, high = model.bounds(term)
    kind = "a cost, never positive" if high <= 0 else "a reward, never negative"
    return f"task.rewards.{term} = {shown(fault['input'])}; allowed: {low:g} to {high:g}, as this term is {kind}"

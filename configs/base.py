"""What every settings file starts from: the frozen model, and the kinds of numbers that fields hold."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LARGEST = 1e9  # of any quantity in SI units: beyond, sums and products of settings overflow
Positive = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=2**40)]


def _finite(values: tuple[float, ...]) -> tuple[float, ...]:
    if not all(math.isfinite(v) for v in values):
        raise ValueError("every value must be finite")
    if any(abs(v) > LARGEST for v in values):
        raise ValueError(f"{list(values)}; allowed: every value within +-{LARGEST:g}")
    return values


Vector = Annotated[tuple[float, ...], AfterValidator(_finite)]


class Settings(BaseModel):
    """Base of all settings: immutable, keyword-only, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

"""Success over two parameters: a cell for each pair of their values, with its exact interval."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ashore.configs.schema import Count, Fraction, Settings
from ashore.randomization.robustness.curve import CONFIDENCE, clopper_pearson


class Axis(Settings):
    """A group of parameters, and the values it was held at."""

    group: str
    unit: str
    distribution: Literal["linear", "log"]
    nominal: float
    low: float
    high: float
    values: tuple[float, ...] = Field(min_length=1)


class Cell(Settings):
    """How the policy did where the first group has one value and the second another."""

    first: float
    second: float
    episodes: Count
    successes: int = Field(ge=0)
    success: Fraction
    interval: tuple[Fraction, Fraction] = Field(description="Clopper-Pearson, that covers at 95 %")

    @classmethod
    def counted(
        cls, first: float, second: float, episodes: int, successes: int, confidence: float = CONFIDENCE
    ) -> Cell:
        interval = clopper_pearson(successes, episodes, confidence)
        success = successes / episodes
        return cls(
            first=first, second=second, episodes=episodes, successes=successes, success=success, interval=interval
        )


class HeatMap(Settings):
    """Cells row by row: all values of the second group for the first value of the first, and so on."""

    first: Axis
    second: Axis
    cells: tuple[Cell, ...]

    @model_validator(mode="after")
    def _whole(self) -> HeatMap:
        expected = [(a, b) for a in self.first.values for b in self.second.values]
        if [(cell.first, cell.second) for cell in self.cells] != expected:
            raise ValueError(
                f"{self.first.group}, {self.second.group}: {len(self.cells)} cells; allowed: one for each pair of values, "
                "row by row"
            )
        return self

    def rows(self) -> list[tuple[Cell, ...]]:
        """Cells of each value of the first group."""
        width = len(self.second.values)
        return [self.cells[k : k + width] for k in range(0, len(self.cells), width)]

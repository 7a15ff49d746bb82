"""What a sweep measures: curves over parameters, maps over pairs, a joint test over all, and what training never showed.

A plan is a file of `configs/sweeps`, by name, or a YAML file of one's own, by path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from ashore.configs.base import Count, Fraction, Settings
from ashore.configs.faults import read_as
from ashore.configs.preset_files import CONFIGS, locate, read_mapping

ALL = "all"  # in place of parameters' names: every one
FOLDER = "sweeps"
DEFAULT = "default"
MOST_EPISODES = 10_000_000


class CurvesPlan(Settings):
    """Success over one parameter at a time, the others drawn as declared."""

    over: tuple[str, ...] = Field(default=(ALL,), min_length=1, description="parameters, by name; [all]: every one")
    points: Count = Field(default=9, le=1000, description="values of each, over its widest bounds")


class MapsPlan(Settings):
    """Success over two parameters at a time, the others drawn as declared."""

    over: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of parameters, by name")
    fragile: int = Field(default=0, ge=0, le=10, description="all pairs among so many parameters, the most fragile")
    points: Count = Field(default=5, le=100, description="values of each, over its widest bounds")

    @model_validator(mode="after")
    def _of_two(self) -> MapsPlan:
        for pair in self.over:
            if pair[0] == pair[1]:
                raise ValueError(f"over has the pair [{pair[0]}, {pair[1]}]; allowed: two different parameters")
        if self.fragile == 1:
            raise ValueError("fragile = 1; allowed: 0, or at least 2 parameters, which are paired")
        return self


class JointPlan(Settings):
    """Worlds in which all parameters differ at once: a scrambled Sobol sequence, so that they fill the space evenly."""

    worlds: int = Field(default=1024, ge=16, le=2**16, description="a power of two fills the space most evenly")
    repeats: Count = Field(default=1, le=1000, description="episodes in each world")
    within: Literal["declared", "trained", "widest"] = Field(
        default="declared", description="the ranges: of the task, those that training reached, or the bounds"
    )
    ranges: dict[str, tuple[float, float]] = Field(
        default={}, description="other ranges [low, high], by parameter, in its unit"
    )


class SweepPlan(Settings):
    """A whole sweep."""

    target: Fraction = Field(default=0.8, gt=0, lt=1, description="success rate that a policy shall hold")
    episodes: Count = Field(default=64, le=1_000_000, description="at each point of curves and maps, at first")
    budget: Count | None = Field(
        default=None,
        le=MOST_EPISODES,
        description="episodes in all; what is left of it goes where success cannot be told from the target",
    )
    looks: int = Field(
        default=4,
        ge=2,
        le=8,
        description="with a budget: how often a point is judged; between two, its episodes double",
    )
    curves: CurvesPlan | None = None
    maps: MapsPlan | None = None
    joint: JointPlan | None = None
    gaps: dict[str, Any] = Field(
        default={},
        description="parameters that training never showed, as entries of task.randomization; `catalogue`: as it is there",
    )

    @model_validator(mode="after")
    def _measures(self) -> SweepPlan:
        if self.curves is None and self.maps is None and self.joint is None:
            raise ValueError("nothing is measured; allowed: at least one of curves, maps, joint")
        if self.maps is not None and self.maps.fragile and self.curves is None:
            raise ValueError(
                "maps.fragile without curves, which tell what is fragile; allowed: maps.over, or curves too"
            )
        return self


def read_plan(reference: str | Path = DEFAULT, *, folder: Path = CONFIGS) -> SweepPlan:
    """The plan of a name in `configs/sweeps`, or of a YAML file."""
    path = locate(FOLDER, "plan", str(reference), Path(), folder)
    return plan_of(read_mapping(path), str(path))


def plan_of(data: Any, source: str) -> SweepPlan:
    """Plain data as a plan; ConfigError with a line for each fault."""
    return read_as(SweepPlan, data, source, "plan")

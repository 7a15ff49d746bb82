"""What a policy must show before it goes to a robot: success, margins, values to tolerate, and no failing world nearby.

A rate counts as shown where the lower end of its exact 95 % interval reaches it. Where the interval holds the rate, episodes
are doubled a few times; the interval allows for the looks in between.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ashore.configs.base import LARGEST, Positive, Settings
from ashore.configs.faults import read_as
from ashore.configs.preset_files import CONFIGS, locate, read_mapping

FOLDER = "verdicts"  # in configs
DEFAULT = "deploy"
MOST_EPISODES = 100_000  # of one row

Rate = Annotated[float, Field(gt=0, lt=1)]
Episodes = Annotated[int, Field(ge=1, le=MOST_EPISODES)]
Value = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]


class Required(Settings):
    """What all requirements of a success rate say."""

    at_least: Rate = Field(default=0.8, description="of the success rate, by the lower end of its 95 % interval")
    episodes: Episodes = Field(default=64, description="of each row, at first")
    doublings: Annotated[int, Field(ge=0, le=8)] = Field(
        default=2, description="how often a row's episodes are doubled while its interval holds the rate"
    )


class SuccessRequired(Required):
    """In worlds drawn from ranges."""

    at_least: Rate = Field(default=0.9, description="of the success rate, by the lower end of its 95 % interval")
    episodes: Episodes = 512
    within: Literal["declared", "trained"] = Field(
        default="declared", description="the task's ranges, or those that training reached"
    )
    ranges: dict[str, tuple[Value, Value]] = Field(
        default_factory=dict, description="parameter -> [low, high] in its unit, as identified, instead"
    )

    @model_validator(mode="after")
    def _lower_first(self) -> SuccessRequired:
        for name, (low, high) in self.ranges.items():
            if low > high:
                raise ValueError(f"ranges.{name} = [{low:g}, {high:g}]; allowed: the lower one first")
        return self


class MarginsRequired(Required):
    """Each parameter as far from nominal, while all others are drawn as declared; in each direction that training went."""

    widths: Positive = Field(default=1.0, description="1: the end of what was trained; 1.5: half as far again")
    each: dict[str, Positive] = Field(default_factory=dict, description="parameter -> widths, where another holds")


class ToleratesRequired(Required):
    """Single parameters at a value, while all others are drawn as declared."""

    values: dict[str, Value] = Field(min_length=1, description="parameter -> value in its unit")


class WorstCaseRequired(Settings):
    """No failing world near nominal, as far as a search with so many episodes finds one (`ashore falsify`)."""

    distance: Positive = Field(default=1.0, description="1: one parameter at the end of what was trained")
    below: Rate = Field(default=0.5, description="success rate under which a world fails")
    budget: Annotated[int, Field(ge=256, le=1_000_000)] = Field(default=2000, description="episodes")


class Requirements(Settings):
    """All of them must be shown."""

    success: SuccessRequired | None = None
    margins: MarginsRequired | None = None
    tolerates: ToleratesRequired | None = None
    worst_case: WorstCaseRequired | None = None

    @model_validator(mode="after")
    def _something(self) -> Requirements:
        if not any(getattr(self, name) for name in Requirements.model_fields):
            raise ValueError(f"nothing is required; allowed: {', '.join(Requirements.model_fields)}")
        return self


def requirements_file(reference: str | Path = DEFAULT, *, folder: Path = CONFIGS) -> Path:
    """The file of a name in `configs/verdicts`, or a YAML file."""
    return locate(FOLDER, "require", str(reference), Path(), folder)


def read_requirements(path: Path) -> Requirements:
    """What a YAML file requires."""
    return requirements_of(read_mapping(path), str(path))


def requirements_of(data: Any, source: str) -> Requirements:
    """Plain data as requirements; ConfigError with a line for each fault."""
    return read_as(Requirements, data, source, "requirements")

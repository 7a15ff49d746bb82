"""A world in a file: what `ashore falsify` found, or a plain mapping of parameters to values. The file is not trusted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from ashore.configs.base import LARGEST, Count, Fraction, NonNegative, Settings
from ashore.configs.errors import AshoreError

FORMAT: Literal["ashore-world/1"] = "ashore-world/1"
MAX_BYTES = 2**20
MOST_PARAMETERS = 1000
MAX_COMMAND = 4000  # characters
Text = Annotated[str, Field(max_length=400)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]


class WorldFileError(AshoreError):
    """A file is no world that can be shown; says which file and why, in one line."""


class FailingParameter(Settings):
    """One component of the world, in its unit."""

    name: Name
    value: Number
    unit: Text
    nominal: Number
    trained: tuple[Number, Number] = Field(description="range that training reached")

    @property
    def moved(self) -> bool:
        """Whether it is away from nominal."""
        return self.value != self.nominal


class FailingWorld(Settings):
    """The world nearest to nominal in which a policy was found to fail, and how that was found."""

    format: Literal["ashore-world/1"] = FORMAT
    task: Name
    robot: Name
    policy: Text
    policy_sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = Field(description="of an exported file")
    parameters: tuple[FailingParameter, ...] = Field(min_length=1, max_length=MOST_PARAMETERS)
    distance: NonNegative = Field(description="from nominal; 1 is one parameter at the end of what was trained")
    below: Fraction = Field(description="success rate under which a policy fails")
    failures: Annotated[int, Field(ge=0)]
    episodes: Count = Field(description="in this world, none of which the search had seen")
    interval: tuple[Fraction, Fraction] = Field(description="of the rate of failure, Clopper-Pearson at 95 %")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(description="of all chances")
    number: Annotated[int, Field(ge=0, lt=2**40)] = Field(description="by which chance knows an episode that failed")
    method: Literal["cma", "random"]
    spent: Count = Field(description="episodes that were played in all")
    command: Annotated[str, Field(max_length=MAX_COMMAND)]
    commit: Text
    versions: dict[Name, Text] = Field(max_length=20)

    @model_validator(mode="after")
    def _consistent(self) -> FailingWorld:
        names = [p.name for p in self.parameters]
        if len(set(names)) < len(names):
            raise ValueError("a parameter stands there twice; allowed: once each")
        if self.failures > self.episodes:
            raise ValueError(f"{self.failures} failures in {self.episodes} episodes; allowed: at most as many")
        return self

    @property
    def moved(self) -> list[FailingParameter]:
        """The parameters that are away from nominal."""
        return [p for p in self.parameters if p.moved]

    def sentence(self) -> str:
        """What a roboticist wants to know, in one line."""
        parts = [f"{p.name} = {_with_unit(p)} ({_trained(p)})" for p in self.moved]
        where = " and ".join(parts) if parts else "every parameter is nominal"
        low, high = self.interval
        return f"fails when {where}: in {self.failures} of {self.episodes} episodes [{low:.0%}, {high:.0%}]"


def _with_unit(p: FailingParameter) -> str:
    return f"{p.value:.3g}" if p.unit == "1" else f"{p.value:.3g} {p.unit}"


def _trained(p: FailingParameter) -> str:
    low, high = p.trained
    if low == high:
        return "never trained on"
    return f"trained to {high if p.value > p.nominal else low:.3g}"


def read_world(path: Path) -> dict[str, float]:
    """Parameter -> value, of a file that `ashore falsify` wrote or of a plain JSON mapping."""
    data = _read(path)
    if "format" in data:
        return {p.name: p.value for p in _failing(path, data).parameters}
    if not data or len(data) > MOST_PARAMETERS:
        raise WorldFileError(f"{path}: {len(data)} parameters; allowed: 1 to {MOST_PARAMETERS}")
    for name, value in data.items():
        good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
        if not good or not 0 < len(name) <= 200:
            raise WorldFileError(f"{path}: {_plain(name)} = {_plain(value)}; allowed: a number within +-{LARGEST:g}")
    return {name: float(value) for name, value in data.items()}


def read_world_for(path: Path, task: str, robot: str) -> tuple[dict[str, float], FailingWorld | None]:
    """As `read_world`, and the whole of what `ashore falsify` wrote; WorldFileError where that is of another task or robot."""
    world = read_failing_world(path)
    if world is not None and world.task != task:
        raise WorldFileError(f"{path} is of task {world.task}; allowed for this policy: a world of {task}")
    if world is not None and world.robot != robot:
        raise WorldFileError(f"{path} is of robot {world.robot}; allowed for this policy: a world of {robot}")
    return read_world(path), world


def read_failing_world(path: Path) -> FailingWorld | None:
    """What `ashore falsify` wrote, whole; None of a plain mapping."""
    data = _read(path)
    return _failing(path, data) if "format" in data else None


def _failing(path: Path, data: dict[str, Any]) -> FailingWorld:
    if data["format"] != FORMAT:
        raise WorldFileError(f"{path}: format {_plain(data['format'])}; allowed: {FORMAT!r}, or a plain mapping")
    try:
        return FailingWorld.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise WorldFileError(f"{path}: {_plain(f'{where}: ' if where else '', 200)}{_plain(first['msg'])}") from None


def _read(path: Path) -> dict[str, Any]:
    """The file's JSON object; numbers are finite and no name stands twice."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise WorldFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MAX_BYTES:
        raise WorldFileError(f"{path} is larger than {MAX_BYTES // 2**20} MiB, which no world is")
    try:
        data = json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise WorldFileError(f"{path} is no JSON of a world: {_plain(error)}") from None
    if not isinstance(data, dict):
        raise WorldFileError(f"{path} holds {_plain(data)}; allowed: a mapping of parameters to numbers")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None) if len(names) < 5000 else "a name":
        raise ValueError(f"{twice} stands there twice")
    for name, value in pairs:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} = {value}")
    return dict(pairs)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _plain(value: object, most: int = 80) -> str:
    """At most so many characters of one line, none that a terminal would obey."""
    text = " ".join(str(value)[:10_000].split(" "))[:most]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)[: 2 * most]

"""What a policy was required to show, and whether it did: the stamp `policy.verdict.json` beside `policy.onnx`.

It holds for the file whose hash is in it and for no other. Whoever reads it does not trust it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ashore.configs.base import Count, Fraction, Settings

ENDING = ".verdict.json"
MAX_BYTES = 2**20
MAX_LINE, MAX_COMMAND = 400, 4000  # characters


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("text with control characters; allowed: one printable line")
    return text


Line = Annotated[str, Field(max_length=MAX_LINE), AfterValidator(_plain)]


class Row(Settings):
    """One requirement. Of a success rate it has the counts too."""

    name: Line
    required: Line
    found: Line
    passed: bool
    at_least: Fraction | None = None
    successes: Annotated[int, Field(ge=0)] | None = None
    episodes: Count | None = None
    interval: tuple[Fraction, Fraction] | None = Field(
        default=None, description="of the success rate, exact, 95 % over all looks at it"
    )

    @property
    def word(self) -> str:
        """passed, failed, or open: where the interval holds the required rate, more episodes would tell."""
        if self.passed:
            return "passed"
        reachable = self.interval is not None and self.at_least is not None and self.interval[1] >= self.at_least
        return "open" if reachable else "failed"


class Verdict(Settings):
    """Every requirement on one policy file."""

    format: Literal["ashore-verdict/1"] = "ashore-verdict/1"
    policy_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    task: Line
    robot: Line
    passed: bool
    rows: tuple[Row, ...] = Field(min_length=1, max_length=1000)
    requirements: Line = Field(description="file that says what is required")
    requirements_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    seed: int = Field(ge=0)
    made: Line = Field(description="UTC")
    command: Annotated[str, Field(max_length=MAX_COMMAND), AfterValidator(_plain)]
    commit: Line
    ashore_version: Line

    @model_validator(mode="after")
    def _follows(self) -> Verdict:
        if self.passed != all(row.passed for row in self.rows):
            raise ValueError(f"passed = {self.passed} with rows that say otherwise")
        return self

    @property
    def missing(self) -> list[Row]:
        """What was not shown."""
        return [row for row in self.rows if not row.passed]

    def line(self) -> str:
        """The verdict in one line."""
        of = f"{len(self.rows)} requirements of {self.requirements}, {self.made[:10]}"
        if self.passed:
            return f"passed all {of}"
        first = self.missing[0]
        return f"did not show {len(self.missing)} of {of}; first: {first.name}, {first.required}: {first.found}"


class Stamp(NamedTuple):
    """What is beside a policy file."""

    verdict: Verdict | None  # None: none that is of this file
    line: str

    @property
    def passed(self) -> bool:
        return self.verdict is not None and self.verdict.passed


def verdict_path(policy: Path) -> Path:
    """Where the stamp of a policy file is: beside it."""
    return policy.with_suffix(ENDING)


def read_stamp(policy: Path, sha256: str) -> Stamp:
    """The stamp of a policy file with this hash. A stamp that cannot be read, or of another file, counts for nothing."""
    path = verdict_path(policy)
    name = one_line(path.name)
    if not path.is_file():
        return Stamp(None, f"no verdict; allowed: ashore gate {one_line(policy.name)}")
    try:
        verdict = Verdict.model_validate_json(_read(path), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return Stamp(None, f"{name} is no verdict: {one_line(f'{where}: ' if where else '')}{one_line(first['msg'])}")
    except (OSError, ValueError, RecursionError) as error:
        return Stamp(None, f"{name} is no verdict: {one_line(error)}")
    if verdict.policy_sha256 != sha256:
        return Stamp(None, f"{name} is of another file, {verdict.policy_sha256[:16]}, and ignored")
    return Stamp(verdict, verdict.line())


def _read(path: Path) -> str:
    """The file's JSON, in which no name stands twice."""
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 2**20} MiB")
    text = raw.decode()
    json.loads(text, object_pairs_hook=_once)
    return text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("a name stands there twice")
    return data


def one_line(text: object, most: int = 100) -> str:
    """One line that a terminal shows and does not obey."""
    return "".join(c if c.isprintable() else "?" for c in str(text)[:most])

"""docs/learning.md knows every algorithm and says what the committed results say."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ashore.benchmarks.variance import table as variance_table
from ashore.configs.algorithms import ALGORITHMS
from tests.policies.ladder import ALGORITHMS as LADDER
from tests.policies.ladder import RESULT, SEEDS, TASKS
from tests.policies.ladder import table as ladder_table

PAGE = (Path(__file__).parents[2] / "docs" / "learning.md").read_text()


def test_every_algorithm_has_a_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:yes )?\|", PAGE, re.MULTILINE)
    assert set(ALGORITHMS) <= set(rows)


def test_tables_are_those_of_the_results() -> None:
    assert variance_table(json.loads((RESULT.parent / "variance.json").read_text())) in PAGE
    rows = json.loads(RESULT.read_text())["rows"]
    assert ladder_table(rows) in PAGE
    small = [row for row in rows if row["task"] in TASKS]
    assert len(small) == len(TASKS) * len(LADDER) * len(SEEDS) and all(row["reached"] for row in small)

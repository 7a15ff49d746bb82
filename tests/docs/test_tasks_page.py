"""docs/tasks.md is what the code says now."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ashore.configs.loader import presets
from ashore.sim.tasks import TASKS
from ashore.sim.tasks.arm_reach import ArmReach
from docs import make_tasks


def test_the_page_is_up_to_date_and_every_picture_is_there_and_small() -> None:
    groups = make_tasks.entries()
    assert set(groups) == set(TASKS), "a task without a preset"
    assert {e.preset for group in groups.values() for e in group} == set(presets())
    text = make_tasks.PAGE.read_text()
    assert make_tasks.page(groups) == text, "docs/tasks.md is stale: make docs"
    pictures = {make_tasks.DOCS / name for name in re.findall(r'(?:src="|\]\()([^")]+\.png)', text)}
    assert {path.stem for path in pictures} == set(TASKS)
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size < 60_000 for path in pictures)


def test_words_about_terms_come_from_the_docstring() -> None:
    prose, words = make_tasks.said(ArmReach)
    assert set(words) == {*ArmReach.reward_terms, "orientation"}
    assert words["distance"] == "the tool comes near the goal"
    assert prose.startswith("Success: the tool stays") and prose.endswith("Any contact ends the episode.")


def test_a_task_without_words_lists_its_terms() -> None:
    assert make_tasks.terms("Metrics", ("a", "b"), {"c": "not of these"}) == "Metrics: `a`, `b`.\n"
    assert make_tasks.terms("Metrics", ("a", "b"), {"b": "known"}) == "Metrics:\n\n- `a`\n- `b`: known\n"


def test_reference_results_are_read_from_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_tasks, "RESULTS", tmp_path)
    assert make_tasks.reference("crane") == make_tasks.successes("crane") == "none yet"
    rows = [
        {
            "seed": 1,
            "steps": 1_001_472,
            "seconds": 61.2,
            "success": 0.984,
            "metric/distance": 0.1234,
            "note": "cut short",
        },
        {"seed": 0, "steps": 1_001_472, "seconds": 58.9, "success": 0.996, "metric/distance": 0.0991},
    ]
    (tmp_path / "train_crane.json").write_text(json.dumps(rows))
    assert make_tasks.reference("crane") == (
        "success 0.98 to 1.00 after 1 M steps in 59 to 61 s (seeds 0, 1); distance 0.0991 to 0.123; cut short "
        "([curve](../benchmarks/results/train_crane.svg))"
    )

"""docs/tasks.md is what the code says now."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ashore.configs.loader import load_run, presets
from ashore.environments import make_env
from ashore.sim.tasks import TASKS
from ashore.sim.tasks.arm_push import ArmPush, PushRewards
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


def test_words_about_metrics_come_from_the_docstring() -> None:
    prose, words = make_tasks.said(ArmPush)
    assert words == {"collision": "the arm touches the table or itself"}
    assert prose.startswith("Success: the puck's centre stays") and prose.endswith("is lost, and ends the episode.")


def test_a_row_of_each_reward_term_gives_its_weight_and_bounds() -> None:
    rows = make_tasks.weights(make_env(load_run("arm_push", ["rewards.action_rate=0.2"]).task, 1).task)
    assert [row[0] for row in rows] == [f"`{name}`" for name in PushRewards.model_fields]
    assert ("`progress`", "2", "0 to 1000", "the puck is nearer to the goal than ever in this episode") in rows
    assert [row[1:3] for row in rows[-2:]] == [("0.2", "0 to 1000"), ("-0.2", "-1000 to 0")]


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

"""Runs beside each other: groups, labels, curves, what differs, and the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import ashore
from ashore.cli import main
from ashore.comparing import compare_folders, labels
from ashore.configs.loader import dump, load_run
from ashore.randomization.robustness.comparison import Entry, Section, render
from ashore.randomization.robustness.curve import clopper_pearson
from ashore.seeds import SETTINGS, write_result


def run(folder: Path, points: Sequence[tuple[int, float]], *settings: str, task: str = "arm_reach") -> Path:
    """A run's folder with evaluations at (steps, success); a hundred steps a second."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(dump(load_run(task, settings)))
    rows: list[dict[str, float | None]] = [
        {"steps": at, "time/seconds": at / 100, "eval/success": x, "eval/return": 10 * x} for at, x in points
    ]
    rows.insert(0, {"steps": 1, "time/seconds": 0.01, "eval/success": None, "eval/return": None})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def seeds(folder: Path, each: Sequence[Sequence[tuple[int, float]]], *settings: str) -> Path:
    """A set of seeds, the last of which failed."""
    for seed, points in enumerate(each):
        run(folder / f"seed{seed}", points, f"train.seed={seed}", *settings)
    (folder / SETTINGS).write_text(dump(load_run("arm_reach", settings)))
    last = len(each) - 1
    write_result(folder, load_run("arm_reach", settings), {seed: 2 if seed == last else 0 for seed in range(len(each))})
    return folder


def test_seeds_are_one_line_over_steps_and_over_seconds(tmp_path: Path) -> None:
    each = [[(100, 0.0), (300, 1.0)], [(200, 0.0), (300, 0.5)], [(100, 0.9)]]
    (section,) = compare_folders([seeds(tmp_path / "set", each)])
    (entry,) = section.entries
    assert (entry.label, entry.seeds, entry.steps, entry.seconds) == ("set", "2, 1 failed", 300, 3.0)
    curve = entry.curves["success", "steps"]
    assert list(curve.x) == [200, 300], "from where both have begun"
    assert list(curve.middle) == [0.25, 0.75], "between its points the first seed is half way"
    assert curve.low is not None and list(curve.low) == [0.0, 0.5]
    assert list(entry.curves["return", "seconds"].x) == [2.0, 3.0]
    assert entry.scores["success"].value == 0.75


def test_a_single_run_has_the_interval_of_its_episodes(tmp_path: Path) -> None:
    (section,) = compare_folders([run(tmp_path / "one", [(100, 0.5)], "train.eval_episodes=8")])
    score = section.entries[0].scores["success"]
    assert (score.low, score.high) == clopper_pearson(4, 8) and score.over == "8 episodes"
    assert section.entries[0].curves["success", "steps"].low is None


def test_runs_that_differ_by_their_seed_are_one_group(tmp_path: Path) -> None:
    folders = [run(tmp_path / "a" / f"seed{k}", [(100, 0.5)], f"train.seed={k}") for k in range(3)]
    (section,) = compare_folders(folders)
    assert [(entry.label, entry.seeds) for entry in section.entries] == [("a", "3")]


def test_a_section_a_task_and_what_differs_is_told(tmp_path: Path) -> None:
    folders = [
        run(tmp_path / "a" / "run", [(100, 0.5)], "train.algorithm.learning_rate=0.001"),
        run(tmp_path / "b" / "run", [(100, 0.5)], "train.algorithm.learning_rate=0.002", "robot=ur5e"),
        run(tmp_path / "c", [(100, 0.5)], task="cartpole_swingup"),
    ]
    reach, cartpole = compare_folders(folders)
    assert (reach.task, cartpole.task) == ("arm_reach", "cartpole_swingup")
    assert [entry.label for entry in reach.entries] == ["a/run", "b/run"]
    assert reach.entries[1].differs.startswith("robot ur5e") and "learning_rate 0.002" in reach.entries[1].differs
    table = dict(reach.settings)
    assert table["train.algorithm.learning_rate"] == ["0.001", "0.002"]
    assert not any(name.startswith("task.robot.") and name != "task.robot.name" for name in table)
    assert cartpole.settings == []


def test_labels_have_as_much_of_the_path_as_tells_them_apart() -> None:
    assert labels([Path("/x/a/run"), Path("/x/b/run")]) == ["a/run", "b/run"]
    assert labels([Path("/x/a"), Path("/y/b")]) == ["a", "b"]


def test_the_command_writes_a_page_that_needs_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, out = run(tmp_path / "one", [(100, 0.5), (200, 0.75)]), tmp_path / "page.html"
    assert main(["compare", str(one), str(tmp_path / "one"), "--out", str(out)]) == 0
    assert "success 0.750" in capsys.readouterr().out
    text = out.read_text()
    assert "default-src 'none'" in text and "<title>Comparison: arm_reach</title>" in text
    body = text[text.index("<body>") : text.index("<script>")]  # before plotly's text, which names sites
    assert "http" not in body
    assert text.count('class="chart"') == 4, "success and return, over steps and over seconds"


def test_names_are_escaped() -> None:
    entry = Entry(label="<b>bold</b>", differs="<i>", seeds="1")
    page = render([Section(task="<u>", entries=[entry], settings=[("<s>", ["<em>"])])])
    body = page[page.index("<body>") :]
    assert not any(tag in body for tag in ("<b>", "<u>", "<s>", "<em>", "<i>"))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ashore.AshoreError, match="holds no run"):
        ashore.compare([tmp_path])
    folder = run(tmp_path / "new", [])
    (folder / "metrics.jsonl").unlink()
    with pytest.raises(ashore.AshoreError, match="no metrics yet"):
        ashore.compare([folder])

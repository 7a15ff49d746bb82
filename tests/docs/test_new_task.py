"""What docs/new-task.md tells a newcomer to write and to type, written and typed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ashore.cli import main
from ashore.configs.loader import load_run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "new-task.md").read_text()
NEEDED = ["ashore", "pyproject.toml", "benchmarks", "configs", "deploy_ros", "policies", "randomization", "sim"]
NEEDED += ["tests/conftest.py", "tests/untrained.py", "tests/sim"]
# Seconds instead of minutes; nothing else differs from what the page says.
SMALL = ["num_envs=16", "total_steps=2048", "eval_every=1024", "eval_episodes=16", "torch_threads=1"]
SMALL += ["algorithm.rollout_steps=16", "algorithm.minibatch_size=128"]
FEW = {"evaluate": ["--episodes", "8"], "sweep": ["--episodes", "8", "--points", "2"]}
FEW["train"] = [word for setting in SMALL for word in ("--set", setting)]


def blocks(language: str) -> list[tuple[str, str]]:
    """Title and text of the page's blocks in a language."""
    return re.findall(rf'^```{language}(?: title="(.+?)")?\n(.*?)^```', PAGE, re.M | re.S)


def titled(language: str) -> list[tuple[str, str]]:
    """The blocks that are files of the repository."""
    return [(title, text) for title, text in blocks(language) if title]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The repository with the page's task in it."""
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)  # the rooms of `ashore` are links beside it
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    for title, text in titled("python") + titled("yaml"):
        path = tmp_path / title
        if path.exists():  # the registry, which the page's line goes into
            before, start, rest = path.read_text().partition("TASKS = {\n")
            text = before + start + text + rest
        path.write_text(text)
    return tmp_path


def run(tree: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_task_is_one_file_one_preset_and_one_line() -> None:
    titles = [title for title, _ in titled("python") + titled("yaml")]
    assert titles == ["sim/tasks/crane.py", "sim/tasks/__init__.py", "configs/tasks/crane.yaml"]
    texts = dict(blocks("python"))
    assert texts["sim/tasks/__init__.py"].count("\n") == 1
    assert not any((ROOT / title).exists() for title in (titles[0], titles[2])), "the page's task must be new"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_tests_pick_the_new_task_up_and_pass(tree: Path) -> None:
    (line,) = (line for line in PAGE.splitlines() if line.startswith("make test "))
    arguments = shlex.split(shlex.split(line)[2].removeprefix("PYTEST_ARGS="))
    said = run(tree, "pytest", "-q", *arguments)
    found = re.search(r"^(\d+) passed, \d+ deselected", said, re.M)
    assert found, said
    contract = (ROOT / "tests" / "sim" / "tasks" / "test_tasks.py").read_text().count("\ndef test_")
    assert int(found[1]) >= contract


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_of_the_page_train_measure_and_export_it(tree: Path) -> None:
    page = PAGE.partition("## Without a fork")[0]
    lines = [shlex.split(line) for _, text in blocks("sh") if text in page for line in text.splitlines()]
    commands = [words[1:] for words in lines if words[0] == "ashore" and "--viewer" not in words]
    assert [words[0] for words in commands] == ["train", "evaluate", "sweep", "export", "inspect"]
    said = {words[0]: run(tree, "ashore", *words, *FEW.get(words[0], [])) for words in commands}
    assert "metric/distance" in said["evaluate"]
    assert json.loads((tree / "runs" / "sweep-crane" / "results.json").read_text())
    assert "load_angle" in said["inspect"] and "crane" in said["inspect"]
    assert "crane" in run(tree, "ashore", "tasks")


def test_the_page_without_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {Path(title).name: text for title, text in titled("python") + titled("yaml")}
    source, heavier = (text for title, text in blocks("yaml") if not title)
    (tmp_path / "crane.py").write_text(files["crane.py"])
    (tmp_path / "crane.yaml").write_text(files["crane.yaml"] + source)
    (tmp_path / "heavy_crane.yaml").write_text(heavier)
    page = PAGE.partition("## Without a fork")[2]
    lines = [shlex.split(line) for _, text in blocks("sh") if text in page for line in text.splitlines()]
    commands = [words[1:] for words in lines if words[0] == "ashore"]
    assert [words[0] for words in commands] == ["train", "evaluate", "train"]
    for words in commands:
        assert main([*words, *FEW.get(words[0], [])]) == 0
    first, second = (load_run(tmp_path / "runs" / name).task for name in ("crane", "heavy_crane"))
    assert first.name == second.name == "crane" and first.source == second.source == f"{tmp_path}/crane.py:Crane"
    assert (first.randomization["load_mass"].high, second.randomization["load_mass"].high) == (2.0, 3.0)

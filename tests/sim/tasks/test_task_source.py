"""A task from a file outside of the package: found again by whatever uses its run, never run for a stranger's policy."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ashore.cli import main
from ashore.configs.loader import load_run
from ashore.deploy_ros.bundle import load_policy
from ashore.sim import tasks
from ashore.sim.tasks import task_source
from ashore.sim.tasks.arm_reach import ArmReach
from ashore.sim.tasks.task import TaskError

SMALL = "num_envs=16 total_steps=1024 eval_episodes=4 torch_threads=1 algorithm.rollout_steps=16 algorithm.minibatch_size=128"
WORDS = [word for setting in SMALL.split() for word in ("--set", setting)]
MINE = """
from __future__ import annotations

from pathlib import Path

from ashore.sim.tasks.arm_reach import ArmReach, ReachOptions
from helper_of_mine import TOLERANCE

with open(Path(__file__).with_name("loaded"), "a") as log:
    log.write("once ")


class MyOptions(ReachOptions):
    tolerance: float = TOLERANCE


class MyReach(ArmReach):
    Options = MyOptions
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "helper_of_mine.py").write_text("TOLERANCE = 0.05\n")
    path = tmp_path / "my_task.py"
    path.write_text(MINE)
    return path


def test_a_run_of_an_outside_task_is_trained_and_found_again(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "arm_reach", "--task", "my_task.py:MyReach", "--run", "run", *WORDS]) == 0
    task = load_run(tmp_path / "run").task
    assert (task.name, task.source) == ("my_reach", f"{mine}:MyReach")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for words in (["evaluate", "../run", "--episodes", "2"], ["export", "../run"]):
        assert main(words) == 0
    sweep = ["sweep", "../run", "--over", next(iter(task.randomization)), "--episodes", "2", "--points", "2"]
    assert main([*sweep, "--out", "sweep"]) == 0
    assert (tmp_path / "loaded").read_text() == "once "

    policy = tmp_path / "run" / "policy.onnx"
    contract = load_policy(policy).contract
    assert contract.settings["task"]["source"] == "my_task.py:MyReach", "no folder of this machine goes into the file"
    task_source._load.cache_clear()
    monkeypatch.chdir(tmp_path)  # where a file of the recorded name lies
    capsys.readouterr()
    assert main(["evaluate", str(policy), "--episodes", "2"]) == 2
    assert "no policy file makes code run; allowed: --task FILE.py:CLASS" in capsys.readouterr().err
    assert (tmp_path / "loaded").read_text() == "once ", "its code was not run"
    assert main(["evaluate", str(policy), "--episodes", "2", "--task", "my_task.py:MyReach"]) == 0


def test_an_experiment_names_its_task_beside_it(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("preset: arm_reach\nname: close_reach\nsource: my_task.py:MyReach\n")
    task = load_run(str(tmp_path / "my.yaml")).task
    assert (task.name, task.source) == ("close_reach", f"{mine}:MyReach")
    assert tasks.find(task.name, task.source).__name__ == "MyReach"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("x = 1\n", "Crane", r"has no class 'Crane'; allowed: a subclass of Task"),
        (MINE, "Crane", r"has no class 'Crane'; allowed: \['MyReach'\]"),
        ("Crane = 3\n", "Crane", "is no subclass of Task"),
        ("x = (\n", "Crane", "does not load: line 1: '\\(' was never closed"),
        ("\nimport no_such_module\n", "Crane", "does not load: line 2: ModuleNotFoundError: No module named"),
        ("raise ValueError('a\\nb')\n", "Crane", "does not load: line 1: ValueError: a$"),
        (
            "from ashore.sim.tasks.task import Task\nclass Crane(Task):\n    num_uniforms = 1\n",
            "Crane",
            "lacks .*'build'.*'judge'.*'Options', 'Rewards'",
        ),
    ],
)
def test_a_file_that_gives_no_task_is_told_in_one_line(mine: Path, text: str, name: str, said: str) -> None:
    path = mine.with_name("other.py")
    path.write_text(text)
    with pytest.raises(TaskError, match=said) as caught:
        tasks.find("crane", f"{path}:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["my_task.py", "my_task:MyReach", "my_task.py:My Reach", "missing.py:MyReach"])
def test_a_source_of_another_form_is_refused(source: str) -> None:
    with pytest.raises(TaskError, match=r"task\.source.*allowed: FILE\.py:CLASS"):
        tasks.find("crane", source)


def test_an_outside_task_takes_no_name_of_ours(mine: Path) -> None:
    with pytest.raises(TaskError, match="is of a task of this package"):
        tasks.find("arm_reach", f"{mine}:MyReach")


def test_an_installed_entry_point_is_a_task_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("their_reach", "ashore.sim.tasks.arm_reach:ArmReach", task_source.GROUP),
        EntryPoint("broken", "no_such_package:Task", task_source.GROUP),
    ]
    monkeypatch.setattr(task_source, "entry_points", lambda group: points if group == "ashore.tasks" else [])
    assert tasks.find("their_reach") is ArmReach
    with pytest.raises(TaskError, match="'broken' of no_such_package:Task does not load: ModuleNotFoundError"):
        tasks.find("broken")
    with pytest.raises(TaskError, match=r"'their_reach'.*--task FILE\.py:CLASS"):
        tasks.find("nothing")

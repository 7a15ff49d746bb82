"""Weights of reward terms from the settings: what is refused, what a run's folder holds, what older versions wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from ashore.cli import main
from ashore.configs.loader import dump, load_run
from ashore.runs import self_contained
from ashore.sim.tasks.arm_push import ArmPush, PushRewards
from ashore.sim.tasks.arm_reach import ArmReach
from ashore.sim.tasks.task import TaskError
from tests.sim.worlds import actions, make, short


def weights(preset: str, *overrides: str) -> dict[str, float]:
    return self_contained(load_run(preset, overrides)).task.rewards


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("calm=1", "task.rewards.calm does not exist; allowed: action_rate, approach, collision, goal, near,"),
        ("progres=1", "task.rewards.progres does not exist; did you mean progress"),
        ("goal=-1", "task.rewards.goal = -1.0; allowed: 0 to 1000, as this term is a reward, never negative"),
        ("collision=5", "task.rewards.collision = 5.0; allowed: -1000 to 0, as this term is a cost, never positive"),
        ("goal=1e9", "task.rewards.goal = 1000000000.0; allowed: 0 to 1000"),
        ("goal=.nan", "task.rewards.goal, line 1: .nan; allowed: a finite number"),
        ("goal=true", "task.rewards.goal = true; allowed: a number"),
        ("goal.weight=1", 'task.rewards.goal = {"weight": 1}; allowed: a number'),
    ],
)
def test_a_weight_that_cannot_be_is_one_line_and_exit_code_2(
    setting: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "arm_push", "--run", str(tmp_path / "run"), "--set", f"task.rewards.{setting}"]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1 and not (tmp_path / "run").exists()


def test_every_fault_has_its_line() -> None:
    task = load_run("arm_push", ["rewards.goal=-1", "rewards.collision=1"]).task
    with pytest.raises(TaskError, match=r"(?s)rewards\.goal = -1.*\n.*rewards\.collision = 1"):
        ArmPush.read_rewards(task)


def test_a_run_holds_every_weight_and_reads_it_back(tmp_path: Path) -> None:
    run = self_contained(load_run("arm_push", ["rewards.action_rate=0.2"]))
    assert run.task.rewards == dict(PushRewards()) | {"action_rate": 0.2}
    (tmp_path / "config.yaml").write_text(dump(run))
    assert load_run(tmp_path / "config.yaml") == run
    assert weights("arm_reach", "rewards.collision=0")["collision"] == 0.0


def test_a_term_exists_where_its_option_is_on() -> None:
    assert "orientation" not in weights("arm_reach")
    assert weights("arm_reach", "options.orientation=true", "rewards.orientation=2.5")["orientation"] == 2.5
    with pytest.raises(TaskError, match=r"task\.rewards\.orientation does not exist; allowed: action_rate,"):
        ArmReach.read_rewards(load_run("arm_reach", ["rewards.orientation=2.5"]).task)


@pytest.mark.parametrize(
    ("preset", "options", "expected"),
    [
        ("arm_push", {"calm_weight": 0.15, "collision_weight": 0.3}, {"action_rate": 0.15, "collision": -0.3}),
        ("arm_insert", {"gentle_weight": 0.4}, {"gentle": 0.4}),
        ("hand_reorient", {"drop_weight": 6, "turning_weight": 3}, {"drop": -6, "turning": 3}),
    ],
)
def test_a_run_of_an_older_version_keeps_its_weights(
    preset: str, options: dict[str, float], expected: dict[str, float], tmp_path: Path
) -> None:
    run = load_run(preset)
    old = run.model_copy(update={"task": run.task.model_copy(update={"options": run.task.options | options})})
    (tmp_path / "config.yaml").write_text(dump(old))
    read = load_run(tmp_path / "config.yaml").task
    assert read.options == run.task.options and read.rewards == expected
    assert weights(str(tmp_path / "config.yaml")) == weights(preset) | expected


@pytest.mark.parametrize("preset", ["arm_push", "cartpole_swingup", "half_cheetah"])
def test_a_weight_of_zero_turns_its_term_off(preset: str) -> None:
    term = make(preset, 1).task.reward_terms[0]
    env = make(short(preset).model_copy(update={"rewards": {term: 0.0}}))
    for action in actions(env, 10):
        env.step(action)
    assert (env.sums[:, 0] == 0).all() and (env.sums[:, 1:] != 0).any()

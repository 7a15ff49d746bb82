"""An experiment's YAML names a preset and says what differs; what it leaves out is the preset's."""

from pathlib import Path

import pytest

from ashore.configs.algorithms import PPOSettings
from ashore.configs.loader import ConfigError, load_run
from tests.configs.presets import fault

SNIPPET = """
randomization:
  preset: arm_default
  tool_length: { field: [site_pos.2], match: tool, op: add, unit: m, nominal: 0, low: -0.005, high: 0.005 }
  backlash: catalogue # an ordinary range, with its source
"""


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_snippet_of_randomization_saved_with_its_preset_is_an_experiment(tmp_path: Path) -> None:
    mine = written(tmp_path / "my.yaml", "preset: arm_reach\n" + SNIPPET)
    task, plain = load_run(mine).task, load_run("arm_reach").task
    assert {"tool_length", "backlash"} <= set(task.randomization) and "tool_length" not in plain.randomization
    assert task.robot == plain.robot and task.options == plain.options


def test_a_snippet_saved_alone_is_told_which_line_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"my\.yaml does not say what it changes; allowed: one more line, as preset: "
    ):
        load_run(written(tmp_path / "my.yaml", SNIPPET))


def test_a_robots_yaml_is_told_how_it_is_used(folder: Path) -> None:
    assert "--set robot=" in fault(folder, preset=folder / "robots/two_link.yaml")


def test_mappings_merge_key_by_key_and_the_rest_replaces(folder: Path) -> None:
    text = """
preset: reach
task:
  robot: {kp: [1, 2]}
  options: {hold: 3}
  randomization: {link_mass: {high: 1.3}, latency: null}
train: {algorithm: {actor_hidden: [8]}}
num_envs: 4
"""
    mine, plain = load_run(written(folder / "my.yaml", text), folder=folder), load_run("reach", folder=folder)
    assert mine.task.robot == plain.task.robot.model_copy(update={"kp": (1.0, 2.0)})
    assert mine.task.options == {"tolerance": 0.02, "hold": 3}
    assert set(mine.task.randomization) == {"link_mass", "encoder_noise"}
    assert (mine.task.randomization["link_mass"].low, mine.task.randomization["link_mass"].high) == (0.8, 1.3)
    assert (mine.train.algorithm, mine.train.num_envs) == (PPOSettings(actor_hidden=(8,), clip=0.1), 4)


def test_a_chain_of_experiments_starts_each_path_at_its_own_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    gentle = "randomization: {preset: ./wide.yaml}\n"
    written(tmp_path / "deep/base.yaml", "preset: reach\nrobot: ./arm.yaml\n" + gentle)
    written(tmp_path / "deep/wide.yaml", "preset: gentle\nlink_mass: {high: 1.9}\n")
    robot = (folder / "robots/two_link.yaml").read_text()
    written(tmp_path / "deep/arm.yaml", robot.replace("name: two_link", "name: mine"))
    top = written(tmp_path / "top.yaml", "preset: deep/base.yaml\nrandomization: {link_mass: {low: 0.7}}\nseed: 3\n")
    run = load_run(top, ["task.randomization.encoder_noise=null"], folder=folder)
    assert run.task.robot.name == "mine" and run.train.seed == 3
    assert set(run.task.randomization) == {"link_mass"}
    assert (run.task.randomization["link_mass"].low, run.task.randomization["link_mass"].high) == (0.7, 1.9)


def test_another_robot_on_an_experiment_brings_its_own_randomization(tmp_path: Path) -> None:
    mine = written(tmp_path / "my.yaml", "preset: arm_reach\nrobot: ur5e\n")
    assert load_run(mine).task == load_run("arm_reach", ["robot=ur5e"]).task


def test_a_sampler_of_another_kind_replaces_and_of_the_same_kind_is_changed(tmp_path: Path) -> None:
    base = written(tmp_path / "base.yaml", "preset: arm_reach\nsampler: adr\n")
    changed = load_run(written(tmp_path / "a.yaml", f"preset: {base}\nsampler: {{buffer: 7}}\n")).sampler
    assert changed.kind == "adr" and changed.model_dump()["buffer"] == 7
    assert load_run(written(tmp_path / "b.yaml", f"preset: {base}\nsampler: {{kind: none}}\n")).sampler.kind == "none"


def test_a_task_file_outside_of_the_package_is_trained_in_the_usual_way(tmp_path: Path) -> None:
    text = "name: crane\nrobot: cartpole\nphysics_dt: 0.005\ncontrol_dt: 0.02\nepisode_seconds: 5.0\n"
    run = load_run(written(tmp_path / "crane.yaml", text))
    assert run.task.name == "crane" and run.task.robot.name == "cartpole" and run.train.total_steps > 0


def test_chains_that_do_not_end_are_shown(tmp_path: Path) -> None:
    a = written(tmp_path / "a.yaml", "preset: ./b.yaml\n")
    written(tmp_path / "b.yaml", "preset: ./a.yaml\n")
    with pytest.raises(ConfigError, match=r"a\.yaml -> b\.yaml -> a\.yaml comes back to itself"):
        load_run(a)
    for i in range(20):
        written(tmp_path / f"{i}.yaml", f"preset: ./{i + 1}.yaml\n")
    with pytest.raises(ConfigError, match="is longer than 8 files"):
        load_run(str(tmp_path / "0.yaml"))


def test_a_key_given_inside_and_beside_its_section_is_refused(tmp_path: Path) -> None:
    text = "preset: arm_reach\ntrain: {seed: 1}\nseed: 2\n"
    with pytest.raises(ConfigError, match=r"seed stands beside train; allowed: inside it, once: train\.seed"):
        load_run(written(tmp_path / "my.yaml", text))
    with pytest.raises(ConfigError, match=r"prizes is unknown; .*allowed: sampler, task, train"):
        load_run(written(tmp_path / "my.yaml", "preset: arm_reach\nprizes: 3\n"))
    with pytest.raises(ConfigError, match=r"preset = \[1\]; allowed: a task's name, or a path"):
        load_run(written(tmp_path / "my.yaml", "preset: [1]\n"))


def test_part_of_a_setting_that_may_be_missing_can_be_set() -> None:
    run = load_run("arm_reach", ["robot.workspace.high=[0.5, 0.2, 0.5]"])
    assert run.task.robot.workspace is not None and run.task.robot.workspace.high == (0.5, 0.2, 0.5)

"""What cannot be loaded is told in one line: the field, the value, what is allowed."""

from pathlib import Path

import pytest

from ashore.configs.entries import EFFECTS
from ashore.configs.loader import ConfigError, load_run, run_settings
from tests.configs.presets import fault, rewrite

WHATEVER = ": train.algorithm has the settings of whatever learns"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.sed=1", "--set train.sed does not exist; did you mean seed? allowed: "),
        ("task.randomization.link_mas.high=2", "did you mean link_mass? allowed: encoder_noise, latency, link_mass"),
        ("task.randomization.nothing=null", "--set task.randomization.nothing does not exist; "),
        ("task.randomization.link_mass.hihg=2", "did you mean high"),
        ("tusk.name=x", "--set tusk does not exist; did you mean task? allowed: sampler, task, train"),
        ("train.seed.x=1", "train.seed has no parts; allowed: set train.seed as a whole"),
        ("task.robot.kp.0=1", "task.robot.kp has no parts; allowed: set task.robot.kp as a whole"),
        ("seed", "--set 'seed'; allowed: NAME=VALUE, as train.seed=3"),
        ("seed=", "allowed: NAME=VALUE"),
        ("=3", "allowed: NAME=VALUE"),
        ("task..robot=3", "allowed: NAME=VALUE"),
        ("seed=[1", "--set seed, line 1: "),
        ("seed=&a 1", "anchors and aliases"),
        ("robot=pandas", "task.robot = 'pandas'; allowed: two_link, or a path to YAML"),
        ("robot=./none.yaml", "none.yaml does not exist; allowed: a YAML file"),
        ("train=reach_tpu", "train = 'reach_tpu'; did you mean reach? allowed: reach, or a path to YAML"),
    ],
)
def test_an_override_that_cannot_be_followed_says_what_can(folder: Path, override: str, message: str) -> None:
    text = fault(folder, override)
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.seed=1.5", "train.seed = 1.5; allowed: a whole number"),
        ("train.seed=true", "train.seed = true; allowed: a whole number"),
        ("train.seed=-1", "train.seed = -1; allowed: at least 0"),
        ("task.physics_dt=soon", "task.physics_dt = 'soon'; allowed: a number"),
        ("task.physics_dt=0", "task.physics_dt = 0; allowed: above 0"),
        ("task.action_scale=2", "task.action_scale = 2; allowed: at most 1, the joints' velocity limit"),
        ("task.name=[a]", 'task.name = ["a"]; allowed: text'),
        ("ppo.clip=0.3", "--set ppo.clip is --set algorithm.clip now" + WHATEVER),
        ("train.ppo.clip=0.3", "--set train.ppo.clip is --set algorithm.clip now" + WHATEVER),
        ("train.algorithm=3", "train.algorithm = 3; allowed: a mapping of names to settings"),
        (
            "train.algorithm.activation=gelu",
            "train.algorithm.activation = 'gelu'; allowed: 'elu', 'relu', 'tanh' or 'silu'",
        ),
        (
            "train.algorithm.learning_rate_bounds=[1e-5]",
            "train.algorithm.learning_rate_bounds[1] is missing; allowed: a value must be given",
        ),
        ("train.algorithm.actor_hidden=[8, none]", "train.algorithm.actor_hidden[1] = 'none'; allowed: a whole number"),
        ("task.control_dt=0.021", "task.control_dt = 0.021 s; allowed: a whole multiple of physics_dt = 0.002 s"),
        ("task.robot.kp=[1]", "task.robot.kp has 1 values; allowed: 2, one a joint of ['shoulder', 'elbow']"),
        (
            "task.randomization.link_mass.low=1.9",
            "task.randomization.link_mass.low = 1.9 is above high = 1.4; allowed: low <= high",
        ),
        (
            "task.randomization.latency.low=0.05",
            "task.randomization.latency.low = 0.05 s is above high = 0.04 s; allowed: low <= high",
        ),
        ("task.randomization.link_mass.low=heavy", "task.randomization.link_mass.low = 'heavy'; allowed: a number"),
        ("task.randomization.latency.unit=ms", "task.randomization.latency.unit = 'ms'; allowed: 's'"),
        (
            "task.randomization.latency.bounds=[2, 1]",
            "task.randomization.latency.bounds = [2.0, 1.0] s; allowed: the lower one first",
        ),
        (
            "task.randomization.encoder_noise.kind=hum",
            "task.randomization.encoder_noise.kind = 'hum'; allowed: 'latency', 'gain', 'bias', 'drift', 'noise', "
            "'quantisation', 'dropout' or 'freeze'",
        ),
        (
            "task.randomization.latency.effect=fild",
            f"task.randomization.latency.effect = 'fild'; allowed: {', '.join(map(repr, EFFECTS))}",
        ),
    ],
)
def test_a_wrong_value_is_one_line_with_field_value_and_what_is_allowed(folder: Path, override: str, line: str) -> None:
    assert fault(folder, override) == line


def test_every_fault_has_its_line(folder: Path) -> None:
    rewrite(folder / "train/reach.yaml", "total_steps: 1000", "totl_steps: 1000")
    rewrite(folder / "tasks/reach.yaml", "physics_dt: 2e-3", "physics_dt: -1")
    lines = fault(folder).splitlines()
    assert lines[0] == "task.physics_dt = -1; allowed: above 0"
    assert lines[1] == "train.total_steps is missing; allowed: control steps over all worlds"
    assert lines[2].startswith("train.totl_steps is unknown; did you mean total_steps? allowed: algorithm, ")
    assert len(lines) == 3


@pytest.mark.parametrize("value", ["3", "text", "null", "[1]"])
def test_an_entry_that_is_no_mapping_is_refused(folder: Path, value: str) -> None:
    rewrite(folder / "tasks/reach.yaml", "  latency: {", f"  other: {value}\n  latency: {{")
    assert fault(folder).startswith("task.randomization.other = ")


@pytest.mark.parametrize("section", ["task: 3", "task: {robot: 5}", "task: {randomization: [1]}", "task: {options: 1}"])
def test_a_config_of_the_wrong_shape_is_refused_with_and_without_overrides(tmp_path: Path, section: str) -> None:
    (tmp_path / "config.yaml").write_text(f"{section}\ntrain: {{total_steps: 1}}\n")
    assert "allowed: " in fault(tmp_path, preset=tmp_path)
    assert "allowed: " in fault(tmp_path, "task.randomization.a.low=1", preset=tmp_path)


def test_an_unknown_preset_lists_what_exists(folder: Path) -> None:
    text = fault(folder, preset="reech")
    assert text == "preset = 'reech'; did you mean reach? allowed: reach, gymnasium:ID, or a path to a config.yaml"
    assert "does not exist" in fault(folder, preset="missing.yaml")
    assert "does not exist" in fault(folder, preset=folder)
    (folder / "config.yaml").write_text("- 1\n")
    assert "allowed: a mapping" in fault(folder, preset=folder)


def test_a_missing_section_is_named() -> None:
    with pytest.raises(ConfigError, match="task is missing"):
        run_settings({"train": {"total_steps": 1}})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["sampler=ard"], "sampler = 'ard'; did you mean adr"),
        (["sampler.kind=ard"], "sampler.kind = 'ard'; allowed: 'none', 'uniform'"),
        (["sampler=adr", "sampler.buffer=0"], "sampler.buffer = 0; allowed: at least 1"),
        (["sampler=adr", "sampler.narrow_at=0.4"], "sampler.narrow_at = 0.4; allowed: below widen_at = 0.4"),
        (["sampler.buffer=3"], "sampler.buffer does not exist"),
        (["sampler=doraemon", "sampler.buffer=3"], "allowed: episodes, kind, kl, kl_most"),
    ],
)
def test_a_sampler_that_cannot_be_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_run("arm_reach", overrides)
    assert said in str(caught.value)

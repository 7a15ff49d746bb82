"""Strange settings end in one message and exit code 2, within seconds; what they once did stands beside them."""

from pathlib import Path

import pytest

from ashore.cli import main
from ashore.configs.loader import ConfigError, load_run
from ashore.configs.yaml_text import MAX_NODES, load_text
from ashore.sim.robots.robot import MOST, ModelError, load
from tests.configs.presets import fault

JOINTS = "joint1, joint1, joint3, joint4, joint5, joint6, joint7"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("task.options.hold_seconds=1e308", "task.options.hold_seconds = 1e+308"),  # OverflowError
        ("task.options.hold_seconds=0.001", "hold_seconds = 0.001 s; allowed: control_dt = 0.02 s"),  # not finite
        (
            "task.physics_dt=1e-9",
            "task.physics_dt = 1e-09 s; allowed: at least control_dt / 1000 = 2e-05 s",
        ),  # two lines
        ("task.episode_seconds=1e308", "task.episode_seconds = 1e+308; allowed: at most 1e+09"),
        ("task.robot.kp=[1e308, 1, 1, 1, 1, 1, 1]", "allowed: every value within +-1e+09"),
        (f"task.robot.joints=[{JOINTS}]", "task.robot.joints has ['joint1'] twice"),  # "repeated name"
        ("task.robot.fixed_joints=[joint2]", "fixed_joints has ['joint2'], which joints has too"),  # KeyError
        ("task.robot.fixed_joints=[finger, finger]", "fixed_joints has ['finger'] twice"),
        ("train.num_envs=100000000", "train.num_envs = 100000000; allowed: at most 262144"),  # std::bad_alloc
        (
            "train.torch_threads=100000000",
            "train.torch_threads = 100000000; allowed: at most 512",
        ),  # segmentation fault
        ("train.algorithm.actor_hidden=[100000000]", "actor_hidden[0] = 100000000; allowed: at most 8192"),
        ("robot.model=~nobody-of-this-name/x.xml", "no home directory is known for ~"),  # RuntimeError
        ("robot=~nobody-of-this-name/x.yaml", "no home directory is known for ~"),
    ],
)
def test_one_message_and_exit_code_2(
    override: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "arm_reach", "--run", str(tmp_path / "run"), "--set", override]) == 2
    text = capsys.readouterr().err
    assert said in text and text.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_randomization_that_names_itself_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "me.yaml").write_text("preset: ./me.yaml\n")
    assert "me.yaml -> me.yaml comes back to itself" in fault(folder, f"randomization={tmp_path}/me.yaml")


def test_very_many_keys_are_refused_before_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"too many keys and values; allowed: {MAX_NODES}"):
        load_text("\n".join(f"k{i}: 1" for i in range(MAX_NODES)), "text")
    some = tmp_path / "some.yaml"
    some.write_text("preset: arm_reach\ntrain: {" + ", ".join(f"{'k' * 200}{i}: 1" for i in range(3000)) + "}\n")
    with pytest.raises(ConfigError) as caught:
        load_run(str(some))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21 and lines[-1] == "and 2980 more" and max(map(len, lines)) < 1000


@pytest.mark.parametrize("tag", MOST)
def test_a_models_text_that_would_take_minutes_is_refused(tag: str) -> None:
    many = f"<{tag} name='n'/>" * (MOST[tag] + 1)
    robot = load_run("arm_reach").task.robot.model_copy(update={"model": f"<mujoco>{many}</mujoco>"})
    with pytest.raises(ModelError, match=f"has {MOST[tag] + 1} of <{tag}>; allowed: {MOST[tag]}"):
        load(robot)


def test_a_models_text_that_reserves_gigabytes_is_refused() -> None:
    text = '<mujoco><size nkey="1000000"/></mujoco>'
    robot = load_run("arm_reach").task.robot.model_copy(update={"model": text})
    with pytest.raises(ModelError, match="<size nkey='1000000'>; allowed: at most 10000"):
        load(robot)


def test_an_unreachable_part_of_the_workspace_is_said_when_training_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = "num_envs=16 total_steps=1024 eval_episodes=4 torch_threads=1"
    small += " algorithm.rollout_steps=16 algorithm.minibatch_size=128"
    words = [word for setting in small.split() for word in ("--set", setting)]
    far = ["--set", "robot.workspace.high=[0.95, 0.4, 1.2]"]
    assert main(["train", "arm_reach", "--run", str(tmp_path / "far"), *words, *far]) == 0
    assert "% of the workspace is out of reach of robot panda" in capsys.readouterr().err
    assert main(["train", "arm_reach", "--run", str(tmp_path / "near"), *words]) == 0
    assert "warning" not in capsys.readouterr().err

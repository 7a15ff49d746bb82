"""Presets and overrides become settings, or one readable fault a line."""

from pathlib import Path

import pytest

from ashore.configs.algorithms import PPOSettings
from ashore.configs.loader import CONFIGS, ConfigError, dump, load_run, presets
from ashore.configs.schema import RunSettings
from tests.configs.presets import fault, rewrite


@pytest.mark.parametrize("preset", ["arm_push", "arm_lift", "arm_insert", "arm_drawer"])
@pytest.mark.parametrize("randomization", ["", "randomization: arm_servos"])
def test_a_robot_without_the_entries_that_a_task_changes_goes_without_them(
    tmp_path: Path, preset: str, randomization: str
) -> None:
    lines = (CONFIGS / "robots" / "ur5e.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("randomization")]
    (tmp_path / "plain.yaml").write_text("\n".join([*kept, randomization, ""]))
    entries = load_run(preset, [f"robot={tmp_path}/plain.yaml"]).task.randomization
    assert "payload" not in entries and ("observation_latency" in entries) == bool(randomization)


def test_a_name_joins_task_train_robot_and_shared_randomization(folder: Path) -> None:
    run = load_run("reach", folder=folder)
    assert run.task.robot.joints == ("shoulder", "elbow")
    assert run.task.decimation == 10
    assert (run.train.total_steps, run.train.algorithm) == (1000, PPOSettings(clip=0.1))
    assert set(run.task.randomization) == {"link_mass", "encoder_noise", "latency"}
    assert (run.task.randomization["link_mass"].low, run.task.randomization["link_mass"].high) == (0.8, 1.4)


def test_a_task_without_training_of_its_own_is_trained_by_default(folder: Path) -> None:
    rewrite(folder / "train/reach.yaml", "total_steps: 1000", "total_steps: 2000")
    (folder / "train/reach.yaml").rename(folder / "train/default.yaml")
    assert presets(folder) == ["reach"]
    assert load_run("reach", folder=folder).train.total_steps == 2000
    (folder / "train/default.yaml").unlink()
    assert presets(folder) == []


def test_a_written_run_loads_back_equal_by_file_and_by_folder(folder: Path, tmp_path: Path) -> None:
    run = load_run("reach", ["seed=7"], folder=folder)
    (tmp_path / "config.yaml").write_text(dump(run))
    assert load_run(tmp_path / "config.yaml") == run
    assert load_run(str(tmp_path / "config.yaml")) == run
    assert load_run(tmp_path) == run
    assert load_run(tmp_path, ["seed=8"]).train.seed == 8


@pytest.mark.parametrize("name", presets())
def test_every_preset_loads_and_survives_the_round_trip(name: str, tmp_path: Path) -> None:
    run = load_run(name)
    (tmp_path / "config.yaml").write_text(dump(run))
    assert load_run(tmp_path) == run


def test_overrides_reach_every_level(folder: Path) -> None:
    run = load_run(
        "reach",
        [
            "task.randomization.link_mass.high=1.3",
            "task.randomization.encoder_noise=null",
            "task.randomization.drops={effect: command, kind: drop, unit: '1', nominal: 0, low: 0, high: 0.1}",
            "train.algorithm.actor_hidden=[8, 8]",
            "train.stop_at_success=0.9",
            "robot.home=[0.1, 0.2]",
            "num_envs = 16",
            "task.options.goal.radius=0.3",
        ],
        folder=folder,
    )
    assert run.task.randomization["link_mass"].high == 1.3
    assert set(run.task.randomization) == {"link_mass", "latency", "drops"}
    assert run.train.algorithm == PPOSettings(clip=0.1, actor_hidden=(8, 8))
    assert run.train.stop_at_success == 0.9
    assert run.task.robot.home == (0.1, 0.2)
    assert run.train.num_envs == 16
    assert run.task.options == {"tolerance": 0.02, "goal": {"radius": 0.3}}


def test_a_robot_is_taken_by_path_and_its_model_is_found_beside_it(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "arm.yaml").write_text((folder / "robots/two_link.yaml").read_text().replace("two_link.xml", "arm.xml"))
    assert load_run("reach", [f"robot={mine}/arm.yaml"], folder=folder).task.robot.model == "arm.xml"
    (mine / "arm.xml").write_text("<mujoco/>")
    assert load_run("reach", [f"task.robot={mine}/arm.yaml"], folder=folder).task.robot.model == str(mine / "arm.xml")


def test_another_size_of_training_is_taken_by_name_and_may_then_be_changed(folder: Path) -> None:
    (folder / "train/reach_large.yaml").write_text("total_steps: 9\nnum_envs: 4096\n")
    run = load_run("reach", ["train=reach_large", "num_envs=512"], folder=folder)
    assert (run.train.total_steps, run.train.num_envs) == (9, 512)
    assert run.task == load_run("reach", folder=folder).task
    assert "reach_large" not in presets(folder), "it has no task of its own"


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONFIGS / "train").glob("*_large.yaml")))
def test_every_training_of_another_size_is_one_of_its_task(name: str) -> None:
    assert load_run(name.removesuffix("_large"), [f"train={name}"]).train.num_envs > 256


def test_null_in_a_task_takes_a_shared_entry_away(folder: Path) -> None:
    rewrite(folder / "tasks/reach.yaml", "link_mass: {high: 1.4}", "link_mass: null")
    assert "link_mass" not in load_run("reach", folder=folder).task.randomization
    rewrite(folder / "tasks/reach.yaml", "link_mass: null", "link_mas: null")
    assert "did you mean link_mass?" in fault(folder)


def test_randomization_may_be_a_name_alone(folder: Path) -> None:
    run = load_run("reach", ["task.randomization=gentle"], folder=folder)
    assert set(run.task.randomization) == {"link_mass", "encoder_noise"}
    assert "did you mean gentle?" in fault(folder, "task.randomization=gentel")


def test_randomization_named_robot_is_the_robots_own_and_changes_with_it(folder: Path, tmp_path: Path) -> None:
    rewrite(folder / "tasks/reach.yaml", "preset: gentle", "preset: robot")
    robot = folder / "robots/two_link.yaml"
    robot.write_text(robot.read_text() + "randomization: gentle\n")
    own = load_run("reach", folder=folder).task
    assert set(own.randomization) == {"link_mass", "encoder_noise", "latency"}
    mine = tmp_path / "mine"
    mine.mkdir()
    shared = 'preset: gentle\nencoder_noise: {high: 0.02}\nservo: {field: [jnt_stiffness], match: "{joints}|tendon", '
    (mine / "servos.yaml").write_text(shared + 'op: scale, unit: "1", nominal: 1, low: 1, high: 2}\n')
    text = robot.read_text().replace("two_link\n", "other\n").replace("[shoulder, elbow]", "[hip, knee.1]")
    (mine / "arm.yaml").write_text(text.replace("randomization: gentle", "randomization: ./servos.yaml"))
    other = load_run("reach", ["task.randomization.link_mass.high=1.3", f"robot={mine}/arm.yaml"], folder=folder).task
    assert other.robot.name == "other"
    assert other.randomization["encoder_noise"].high == 0.02
    assert other.randomization["link_mass"].high == 1.3, "another robot comes before single values, in whatever order"
    assert other.randomization["servo"].match == r"hip|knee\.1|tendon"  # type: ignore[union-attr]
    (mine / "bare.yaml").write_text(text.replace("randomization: gentle\n", ""))
    rewrite(folder / "tasks/reach.yaml", "  link_mass: {high: 1.4}\n", "")
    assert set(load_run("reach", [f"robot={mine}/bare.yaml"], folder=folder).task.randomization) == {"latency"}


def test_settings_are_frozen(folder: Path) -> None:
    run = load_run("reach", folder=folder)
    with pytest.raises(ValueError, match="frozen"):
        run.train.seed = 3  # type: ignore[misc]
    assert RunSettings.model_validate_json(run.model_dump_json()) == run


def test_an_entry_may_be_taken_from_the_catalogue() -> None:
    run = load_run("arm_reach", ["task.randomization.mass=catalogue", "task.randomization.mass.high=1.2"])
    assert run.task.randomization["mass"].high == 1.2
    with pytest.raises(ConfigError, match=r"task.randomization.weight = catalogue; .*mass"):
        load_run("arm_reach", ["task.randomization.weight=catalogue"])


def test_every_sampler_preset_loads_and_a_run_without_one_is_uniform(tmp_path: Path) -> None:
    names = {path.stem for path in (CONFIGS / "samplers").glob("*.yaml")}
    assert {"none", "manual", "normal", "curriculum", "adr", "adr_small", "doraemon", "doraemon_small"} <= names
    kinds = {name: load_run("arm_reach", [f"sampler={name}"]).sampler.kind for name in names}
    assert kinds["manual"] == "uniform" and kinds["adr_small"] == "adr" and kinds["none"] == "none"
    assert load_run("arm_reach").sampler.kind == "uniform"
    text = dump(load_run("arm_reach", ["sampler=adr", "sampler.buffer=12"]))
    (tmp_path / "config.yaml").write_text(text)
    assert load_run(tmp_path).sampler.model_dump()["buffer"] == 12
    (tmp_path / "config.yaml").write_text(text[: text.index("sampler:")])  # as runs of before wrote it
    assert load_run(tmp_path).sampler.kind == "uniform"

"""Robots that are not ours: what is read from their models, what is dropped, what a fault is told, what a run keeps."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from ashore.configs.loader import CONFIGS, dump, load_run
from ashore.configs.schema import RunSettings
from ashore.environments import make_env
from ashore.runs import self_contained
from ashore.sim.robots import robot
from ashore.sim.robots.own_robot import adopt
from ashore.sim.robots.robot import ModelError
from tests.sim.robots.own_arm import ARM, CORNERS, settings, write_stl

DOCUMENT = Path(__file__).parents[3] / "docs" / "own-robot.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    write_stl(tmp_path / "assets/block.stl")
    (tmp_path / "arm.xml").write_text(ARM)
    return tmp_path


def example(tmp_path: Path, more: str = "") -> RunSettings:
    """arm_reach on the document's own robot."""
    blocks = dict(re.findall(r"```(yaml|xml)\n(.*?)```", DOCUMENT.read_text().split("## What the YAML")[0], re.DOTALL))
    (tmp_path / "lamp.urdf").write_text(blocks["xml"])
    (tmp_path / "lamp.yaml").write_text(blocks["yaml"] + more)
    return load_run("arm_reach", [f"robot={tmp_path}/lamp.yaml", "episode_seconds=1.0"])


def test_the_documents_robot_needs_every_line_and_runs(tmp_path: Path) -> None:
    run = example(tmp_path, "randomization: arm_servos\n")
    env = make_env(run.task, 16)
    env.reset(0)
    start = env.world.qpos.clone()
    for _ in range(50):
        _, _, terminated, _, _ = env.step(torch.zeros(16, 3))
        assert not terminated.any(), "nothing touches while it stands"
    assert env.diverged_count == 0
    assert (env.interface.joints[0].velocity, env.interface.joints[0].acceleration) == (
        3.0,
        12.0,
    )  # the URDF's; in 0.25 s
    assert [env.world.model.jnt_actfrcrange[i, 1] for i in range(3)] == [10, 10, 10]  # the URDF's effort, N*m
    assert len(start) == 16
    for line in [line for line in (tmp_path / "lamp.yaml").read_text().splitlines() if not line.startswith("rando")]:
        shorter = tmp_path / "shorter.yaml"
        shorter.write_text((tmp_path / "lamp.yaml").read_text().replace(line + "\n", ""))
        with pytest.raises(ValueError, match=line.split(":")[0].replace("tool_body", "tool")):
            make_env(load_run("arm_reach", [f"robot={shorter}"]).task, 1)


def test_a_run_keeps_all_it_needs_and_names_no_folder(tmp_path: Path) -> None:
    run = self_contained(example(tmp_path))
    text = dump(run)
    assert str(tmp_path) not in text
    (tmp_path / "lamp.urdf").unlink()
    (tmp_path / "lamp.yaml").unlink()
    (tmp_path / "config.yaml").write_text(text)
    again = load_run(tmp_path)
    assert again == run == self_contained(again)
    env, other = make_env(run.task, 2), make_env(again.task, 2)
    assert torch.equal(env.reset(0)["actor"], other.reset(0)["actor"])


def test_ours_are_left_as_they_are() -> None:
    panda = load_run("arm_reach").task.robot
    assert adopt(panda) is panda


def test_what_is_left_out_comes_from_the_model(folder: Path) -> None:
    own = adopt(settings(folder))
    assert own.home == pytest.approx((0.4, 0.9))  # the keyframe of that name, not the first
    assert own.acceleration_limit == (8.0, 8.0)
    assert own.kp == (200, 800) and own.kd == (20, 80)  # a gear of 2 acts twice
    model = robot.load(own).compile()
    limits = {n: model.jnt_actfrcrange[model.joint(n).id, 1] for n in own.joints}
    assert limits == {"lift": 40, "bend": 10}
    given = adopt(settings(folder, kp=(50.0, 60.0), kd=(5.0, 6.0), home=(0.0, 1.0), acceleration_limit=(9.0, 9.0)))
    assert (given.kp, given.kd, given.home, given.acceleration_limit) == ((50, 60), (5, 6), (0, 1), (9, 9))


@pytest.mark.parametrize(
    ("motor", "limit"),
    [
        ('<motor joint="lift" gear="4" ctrlrange="-1.5 1.5"/>', 6),
        ('<general joint="lift" gear="-4" gainprm="2" biastype="none" ctrlrange="-1.5 1.5"/>', 12),
        ('<motor joint="lift" gear="4" ctrlrange="-1.5 1.5" forcerange="-1 1"/>', 4),
        ('<motor joint="lift" gear="4" ctrlrange="-1.5 1.5" forcerange="-9 9"/>', 6),
        ('<motor joint="lift" gear="4" ctrlrange="-1.5 1.5" ctrllimited="false"/>', 0),
        ('<position joint="lift" ctrlrange="-1.5 1.5"/>', 0),  # rad
    ],
)
def test_a_motors_control_range_bounds_the_torque_of_its_joint(folder: Path, motor: str, limit: float) -> None:
    text = re.sub("<actuator>.*</actuator>", f"<actuator>{motor}</actuator>", ARM, flags=re.DOTALL)
    (folder / "arm.xml").write_text(re.sub("<sensor>.*</sensor>", "", text))
    model = robot.load(adopt(settings(folder))).compile()
    assert model.jnt_actfrcrange[model.joint("lift").id] == pytest.approx([-limit, limit])


def test_velocities_are_read_from_a_urdf_alone_and_faults_in_it_are_told(tmp_path: Path, folder: Path) -> None:
    # Not XML by the letter; MuJoCo takes it.
    (folder / "arm.xml").write_text("<!-- a -- b -->" + ARM)
    assert adopt(settings(folder)).velocity_limit == (2.0, 2.0)
    with pytest.raises(ModelError, match="no velocity_limit and its model none of"):
        adopt(settings(folder, velocity_limit=()))
    run = example(tmp_path)
    urdf = tmp_path / "lamp.urdf"
    whole = urdf.read_text()
    urdf.write_text("<!-- a -- b -->" + whole)
    assert adopt(run.task.robot).velocity_limit == (3.0, 3.0, 3.0)
    for junk in ("fast", "nan", "1e999"):
        urdf.write_text(whole.replace('velocity="3"', f'velocity="{junk}"', 1))
        with pytest.raises(ModelError, match=rf"lamp.urdf: velocity of joint 'turn' = '{junk}'"):
            adopt(run.task.robot)


def test_one_of_ours_is_changed_where_the_settings_ask_for_it() -> None:
    ours = load_run("arm_reach").task.robot
    still = adopt(ours.model_copy(update={"compensates_gravity": True}))
    assert (robot.load(still).compile().body_gravcomp[1:] == 1).all()
    tool = adopt(ours.model_copy(update={"tool_site": None, "tool_body": "link7", "tool_offset": (0.0, 0.0, 0.2)}))
    assert robot.load(tool).site("tool").pos == pytest.approx([0, 0, 0.2])


def test_a_quadruped_of_ones_own_floats_and_stands_on_its_feet(tmp_path: Path) -> None:
    shutil.copy(robot.ROBOTS / "go1.xml", tmp_path / "go1.xml")
    ours = (CONFIGS / "robots/go1.yaml").read_text()
    (tmp_path / "own.yaml").write_text(ours.replace("model: go1.xml", f"model: {tmp_path}/go1.xml"))
    runs = [
        load_run("quadruped_velocity", [*change, "task.randomization={}"])
        for change in ([], [f"robot={tmp_path}/own.yaml"])
    ]
    expected, env = (make_env(run.task, 2) for run in runs)
    assert env.world.model.body("trunk").parentid[0] == 0
    observed = [one.reset(0)["actor"] for one in (expected, env)]
    torch.testing.assert_close(observed[1], observed[0], atol=1e-4, rtol=1e-3)
    for _ in range(50):
        _, _, terminated, _, _ = env.step(torch.zeros(2, 12))
        assert not terminated.any()


def test_a_joint_without_an_actuator_gets_a_servo_that_suits_its_inertia(folder: Path) -> None:
    text = re.sub(r"<actuator>.*</sensor>", "", ARM, flags=re.DOTALL)
    (folder / "arm.xml").write_text(text)
    own = adopt(settings(folder))
    model = mujoco.MjModel.from_xml_string(own.model)
    data = mujoco.MjData(model)
    data.qpos[:2] = own.home
    mujoco.mj_forward(model, data)
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    assert own.kp == pytest.approx([50.0**2 * inertia[i, i] for i in range(2)], rel=0.02)
    damping = [own.kd[0] + 0.5, own.kd[1]]  # the joint's own counts too
    assert damping == pytest.approx([2 * 50.0 * inertia[i, i] for i in range(2)], rel=0.02)


def test_pictures_go_and_contact_meshes_stay_as_hulls_with_the_same_mass_and_shape(folder: Path) -> None:
    own = adopt(settings(folder))
    model = mujoco.MjModel.from_xml_string(own.model)
    assert model.nmesh == 1 and model.ntex == 0 and model.nsensor == 0 and model.nu == 0 and model.nkey == 0
    assert model.mesh_vertnum.tolist() == [8]
    upper = model.body("upper")
    block = 0.04 * 0.03 * 0.08 * 500
    assert upper.mass[0] == pytest.approx(block + 0.3, rel=1e-5)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    corner = data.geom(int(np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)[0]))
    seen = model.mesh_vert @ corner.xmat.reshape(3, 3).T + corner.xpos
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, np.array([0.9, 0.1, 0.2, 0.3]) / np.linalg.norm([0.9, 0.1, 0.2, 0.3]))
    local = np.array(CORNERS) * 1e-3 @ turn.reshape(3, 3).T + [0, 0, 0.12]
    base = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # turned by a quarter about z
    expected = local @ base.T + [0, 0, 0.04]
    np.testing.assert_allclose(sorted(seen.round(5).tolist()), sorted(expected.round(5).tolist()), atol=2e-5)
    assert (model.geom_group == 2).all(), "what collides is seen, for want of else"


def test_positions_are_measured_from_a_fixed_base_at_the_origin(folder: Path) -> None:
    own = adopt(settings(folder))
    spec = robot.load(own)
    base = spec.worldbody.first_body()
    assert base.name == "robot_base" and not base.joints
    model, raw = spec.compile(), mujoco.MjSpec.from_file(str(folder / "arm.xml"))
    assert model.body("upper").pos == pytest.approx(raw.body("upper").pos)


def test_the_gripper_is_welded_or_driven_and_other_joints_can_be_fixed(folder: Path) -> None:
    box = {"low": [0.1, -0.03, 0.1], "high": [0.35, 0.03, 0.35]}
    own = settings(folder, workspace=box, fixed_joints=(), compensates_gravity=True)
    task = load_run("arm_reach", ["task.randomization={}"]).task.model_copy(update={"robot": own})
    env = make_env(task, 4)
    assert env.world.model.nq == 2 and (env.world.model.body_gravcomp[1:] == 1).sum() >= 3
    one = {"joints": ("lift",), "velocity_limit": (2.0,), "fixed_joints": ("bend",), "gripper": None}
    assert [j.name for j in robot.load(adopt(settings(folder, **one))).joints] == ["lift"]
    loose = adopt(settings(folder, **one, free_joints=("left",)))
    assert [j.name for j in robot.load(loose).joints] == ["lift", "left", "right"], "right follows left"
    spec = robot.load(adopt(own))
    robot.couple_gripper(spec, own)
    assert {e.name1 for e in spec.equalities} == {"right"}, "the model couples them already"


def test_what_touches_at_home_is_no_collision(folder: Path) -> None:
    close = ARM.replace('fromto="0 0 0.05 0 0 0.15"', 'fromto="0 0 -0.03 0 0 0.15"')
    (folder / "arm.xml").write_text(close.replace('pos="0 0 0.02" quat="1 0 0 1"', 'pos="0 0 -0.05" quat="1 0 0 1"'))
    model = robot.load(adopt(settings(folder))).compile()
    pairs = {tuple(sorted((int(s) >> 16, int(s) & 0xFFFF))) for s in model.exclude_signature}
    assert (0, model.body("upper").id) in pairs, "the table"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": ("lift", "wrist")}, r"no joint 'wrist'; it has \['lift', 'bend', 'left', 'right'\]"),
        ({"fixed_joints": ("elbow",)}, r"no joint 'elbow'; it has \['lift'"),
        ({"tool_site": "tcp"}, r"no site 'tcp'; it has \['tip'\]"),
        ({"tool_site": None, "tool_body": "hand"}, r"no body 'hand'; it has \['world', 'base', 'upper', 'lower'"),
        ({"velocity_limit": ()}, r"no velocity_limit and its model none of \['lift', 'bend'\]; give one value a joint"),
    ],
)
def test_a_wrong_name_is_told_what_exists(folder: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        adopt(settings(folder, **changes))


def test_a_missing_file_is_told_what_is_there(folder: Path) -> None:
    (folder / "assets/block.stl").rename(folder / "assets/blok.stl")
    with pytest.raises(ModelError, match=r"needs \['block.stl'\] for contacts or masses; .*assets has \['blok.stl'\]"):
        adopt(settings(folder))
    with pytest.raises(
        ModelError, match=r"'.*amr.xml' is no file \(.* has \['arm.xml'\]\); allowed: a path, menagerie:"
    ):
        adopt(settings(folder, model=str(folder / "amr.xml")))
    (folder / "arm.xml").write_text("<mujoco><worldbody>")
    with pytest.raises(ModelError, match="does not load"):
        adopt(settings(folder))


def test_a_model_without_a_home_asks_for_one(folder: Path) -> None:
    (folder / "arm.xml").write_text(re.sub("<keyframe>.*</keyframe>", "", ARM))
    with pytest.raises(ModelError, match="has no home and its model no keyframe"):
        adopt(settings(folder))


def test_a_menagerie_robot_is_taken_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    menagerie = pytest.importorskip("mujoco_menagerie")
    entry = menagerie.get("universal_robots_ur5e").default_model
    folder.rename(folder.parent / "universal_robots_ur5e")
    folder = folder.parent / "universal_robots_ur5e"
    (folder / "arm.xml").rename(folder / f"{entry}.xml")
    monkeypatch.setenv("MENAGERIE_ROOT", str(folder.parent))
    assert adopt(settings(folder, model="menagerie:universal_robots_ur5e")).home == pytest.approx((0.4, 0.9))
    for model, message in (
        ("menagerie:universal_robots_ur5", r"Did you mean 'universal_robots_ur5e'\? allowed: \['agilex_piper'"),
        ("menagerie:universal_robots_ur5e/left", "available: "),
        ("menagerie:franka_fr3", "not found under MENAGERIE_ROOT"),
    ):
        with pytest.raises(ModelError, match=message):
            adopt(settings(folder, model=model))

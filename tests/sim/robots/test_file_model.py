"""Files whose options, defaults or other objects met a task's scene: the robot loads as its file describes it."""

from __future__ import annotations

import ctypes.util
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ashore.configs.schema import RobotSettings
from ashore.sim.env import Env
from ashore.sim.robots import robot
from ashore.sim.robots.model_check import compare
from ashore.sim.robots.own_robot import adopt
from ashore.sim.robots.robot import ModelError
from ashore.sim.scene import ik
from tests.sim.robots.own_arm import write_stl
from tests.sim.robots.tiny_arm import arm, env_of, of, settings


@pytest.fixture
def few_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """For robots that are looked at where they stand: each is another one, whose starts are looked for anew."""
    monkeypatch.setattr(ik, "CANDIDATES", 128)
    monkeypatch.setattr(ik, "FEWEST", 8)


def tool_after(env: Env, steps: int = 10) -> torch.Tensor:
    env.reset(0)
    for _ in range(steps):
        env.step(torch.zeros(env.num_envs, env.action_size))
    return env.world.qpos.clone()


@pytest.mark.usefixtures("few_starts")
@pytest.mark.parametrize(
    "defaults",
    [
        '<motor gear="50"/>',
        '<general forcerange="-0.1 0.1" forcelimited="true"/>',
        '<general delay="0.01"/>',
        '<geom condim="1" margin="0.02" solref="0.1 1"/>',
        '<site material="m"/>',
    ],
)
def test_the_files_defaults_reach_nothing_that_a_task_adds(tmp_path: Path, defaults: str) -> None:
    expected = env_of(settings(tmp_path)).world.model
    material = "<asset><material name='m'/></asset>"
    model = env_of(settings(tmp_path, before_world=f"<default>{defaults}</default>{material}")).world.model
    for field in (
        "actuator_gear",
        "actuator_forcerange",
        "actuator_forcelimited",
        "actuator_gainprm",
        "actuator_delay",
    ):
        assert (getattr(model, field) == getattr(expected, field)).all(), field
    for field in ("condim", "margin", "solref"):
        assert getattr(model.geom("table"), field) == pytest.approx(getattr(expected.geom("table"), field)), field


@pytest.mark.parametrize("where", ["geom", "site", "tendon"])
def test_a_material_that_a_default_class_or_a_site_names_may_have_a_picture(tmp_path: Path, where: str) -> None:
    before = (
        f'<default><default class="c"><{where} material="m"/></default></default>'
        '<asset><texture name="t" type="2d" file="missing.png"/><material name="m" texture="t" rgba="1 0 0 1"/></asset>'
    )
    extra = '<geom class="c" size=".005" mass="0"/>' if where == "geom" else '<site name="s" class="c" material="m"/>'
    own = adopt(settings(tmp_path, before_world=before, in_tool=extra))
    assert robot.load(own).compile().ntex == 0


@pytest.mark.usefixtures("few_starts")
def test_a_tasks_world_has_gravity_and_contacts_whatever_the_file_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = (
        '<option gravity="0 0 0" wind="3 0 0" density="1000" viscosity="1" magnetic="1 0 0" actuatorgroupdisable="1">'
    )
    option += '<flag contact="disable" limit="disable"/></option>'
    model = env_of(settings(tmp_path, {"name": "afloat"}, before_world=option)).world.model
    expected = env_of(settings(tmp_path)).world.model
    assert (model.opt.gravity == [0, 0, -9.81]).all() and not model.opt.wind.any() and model.opt.density == 0
    assert model.opt.disableflags == expected.opt.disableflags
    told = capsys.readouterr().err
    assert model.opt.viscosity == 0 and (model.opt.magnetic == expected.opt.magnetic).all()
    assert model.opt.disableactuator == 0, "the servos of a task are in a group, too"
    for what in ("gravity", "wind", "density", "viscosity", "magnetic", "disableactuator", "contact", "limit"):
        assert f"robot afloat: <{'flag' if what in ('contact', 'limit') else 'option'} {what}>" in told


@pytest.mark.usefixtures("few_starts")
def test_neither_a_models_text_nor_the_override_flag_sets_a_tasks_world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text in a run's or a policy's settings is read as a file is: it may be a stranger's."""
    flag = '<option><flag override="enable"/></option>'
    own = adopt(settings(tmp_path, {"name": "overriding"}, before_world=flag))
    assert "robot overriding: <flag override>: the file enables it" in capsys.readouterr().err
    world = '<option gravity="0 0 -1"><flag contact="disable" override="enable"/></option>'
    world += '<default><geom condim="1"/></default>'
    text = own.model.replace("<worldbody>", f"{world}<worldbody>", 1)
    model, expected = (env_of(own.model_copy(update={"model": m})).world.model for m in (text, own.model))
    assert (model.opt.gravity == [0, 0, -9.81]).all()
    assert (model.opt.disableflags, model.opt.enableflags) == (expected.opt.disableflags, expected.opt.enableflags)
    assert model.geom("table").condim == expected.geom("table").condim == 3


@pytest.mark.parametrize("kind", ["<freejoint/>", "", "mocap"])
def test_an_object_before_the_arm_in_its_file_is_not_its_base(tmp_path: Path, kind: str) -> None:
    alone = env_of(settings(tmp_path))
    mocap = 'mocap="true"' if kind == "mocap" else ""
    before = f'<body name="mug" pos=".8 .1 .3" {mocap}>'
    before += f'{"" if mocap else kind}<geom size=".03" contype="0" conaffinity="0"/></body>'
    weld = '<equality><weld body1="mug" body2="b2" active="false"/></equality>' if kind else ""
    env = env_of(settings(tmp_path, in_world=before, after_world=weld))
    assert torch.equal(tool_after(env), tool_after(alone))
    assert torch.allclose(arm(env).sensor("tool_position"), arm(alone).sensor("tool_position"), atol=1e-6)


@pytest.mark.usefixtures("few_starts")
def test_a_mocap_base_is_a_fixed_one(tmp_path: Path) -> None:
    model = env_of(settings(tmp_path, base='mocap="true"')).world.model
    assert model.nmocap == 0 and model.body("base").weldid[0] == 0


@pytest.mark.usefixtures("few_starts")
def test_a_joint_without_limits_stays_within_a_turn_of_home_or_within_the_settings(tmp_path: Path) -> None:
    joint = env_of(settings(tmp_path, limits="")).interface.joints[0]
    assert (joint.low, joint.high) == pytest.approx((-2 * math.pi, 2 * math.pi), abs=1e-4)
    joint = env_of(settings(tmp_path, {"position_limits": {"j1": (-1.0, 2.0)}}, limits="")).interface.joints[0]
    assert (joint.low, joint.high) == (-1.0, 2.0)
    with pytest.raises(ModelError, match=r"position_limits.j1 = \[-3, 1\]; allowed: within the model's range \[-2.35"):
        adopt(settings(tmp_path, {"position_limits": {"j1": (-3.0, 1.0)}}))
    with pytest.raises(ValueError, match="position_limits names 'j9'; allowed: the driven joints"):
        settings(tmp_path, {"position_limits": {"j9": (-3.0, 1.0)}})
    with pytest.raises(ModelError, match=r"joint 'j1' is a slide without limits; give robot.position_limits"):
        adopt(settings(tmp_path, limits='type="slide"'))


def urdf(folder: Path, kind: str, limit: str) -> RobotSettings:
    link = (
        '<link name="{0}"><inertial><origin xyz="0 0 0.1"/><mass value="1"/><inertia ixx="0.01" iyy="0.01" izz="0.01" '
        'ixy="0" ixz="0" iyz="0"/></inertial></link>'
    )
    joint = f'<joint name="j1" type="{kind}"><parent link="a"/><child link="b"/><axis xyz="0 0 1"/>{limit}</joint>'
    (folder / "arm.urdf").write_text(f'<robot name="r">{link.format("a")}{link.format("b")}{joint}</robot>')
    one: dict[str, Any] = {"joints": ("j1",), "home": (0.0,), "velocity_limit": (2.0,), "tool_site": None}
    return of(folder / "arm.urdf", **one, tool_body="b")


def test_a_urdfs_continuous_joint_has_a_rule_and_a_revolute_one_needs_limits(tmp_path: Path) -> None:
    own = adopt(urdf(tmp_path, "continuous", '<limit effort="3" velocity="2"/>'))
    assert robot.load(own).compile().joint("j1").range == pytest.approx([-2 * math.pi, 2 * math.pi], abs=1e-4)
    assert [j.continuous for j in robot.joint_specs(robot.load(own).compile(), own)] == [True]
    limited = adopt(urdf(tmp_path, "revolute", '<limit effort="3" velocity="2" lower="-6.28" upper="6.28"/>'))
    assert [j.continuous for j in robot.joint_specs(robot.load(limited).compile(), limited)] == [False]
    with pytest.raises(ModelError, match=r"joint 'j1' is revolute without limits; give robot.position_limits: {j1:"):
        adopt(urdf(tmp_path, "revolute", '<limit effort="3" velocity="2"/>'))


@pytest.mark.usefixtures("few_starts")
def test_home_may_lie_at_a_limit_whose_digits_the_models_text_rounds(tmp_path: Path) -> None:
    own = settings(tmp_path, {"home": (3 * math.pi / 4, 0.6, 1.2)})
    joint = env_of(own).interface.joints[0]
    assert joint.home == joint.high == pytest.approx(3 * math.pi / 4, abs=1e-5)
    with pytest.raises(ModelError, match=r"robot.home of j1 = 2.36; allowed:"):
        env_of(settings(tmp_path, {"home": (2.36, 0.6, 1.2)}))


@pytest.mark.parametrize("mode", ["true", "auto", "false"])
def test_mass_is_what_the_file_makes_of_inertias_and_shapes(tmp_path: Path, mode: str) -> None:
    write_stl(tmp_path / "block.stl")
    before = (
        f'<compiler inertiafromgeom="{mode}"/>'
        '<asset><mesh name="block" file="block.stl" scale=".001 .001 .001"/></asset>'
    )
    inside = (
        '<body name="load"><inertial pos="0 0 0" mass=".1" diaginertia="1e-4 1e-4 1e-4"/>'
        '<geom type="mesh" mesh="block" mass=".3" contype="0" conaffinity="0"/></body>'
    )
    text: dict[str, Any] = {"before_world": before, "in_tool": inside}
    if mode == "false":  # every body needs its own
        with pytest.raises(ModelError, match="mass and inertia"):
            adopt(settings(tmp_path, **text))
        return
    own = settings(tmp_path, **text)
    assert robot.load(adopt(own)).compile().body_mass.sum() == pytest.approx(1.8 + {"true": 0.3, "auto": 0.1}[mode])
    assert compare(own) == []


@pytest.mark.usefixtures("few_starts")
def test_unnamed_bodies_may_touch_at_home_and_be_the_base(tmp_path: Path) -> None:
    own = settings(tmp_path)
    text = (
        (tmp_path / "arm.xml").read_text().replace('name="base"', "").replace('name="b1"', "").replace('name="b2"', "")
    )
    (tmp_path / "arm.xml").write_text(text.replace('size=".05 .02"', 'size=".05 .2"'))
    env = env_of(own)
    env.reset(0)
    assert not arm(env).collided().any()


def test_a_joint_is_the_arms_or_the_grippers(tmp_path: Path) -> None:
    gripper = {
        "joints": ["j2"], "open": 0.1, "closed": 0.0, "velocity_limit": 1, "acceleration_limit": 1, "kp": 1, "kd": 1
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"joints and gripper.joints both name \['j2'\]; allowed: each joint in one"):
        settings(tmp_path, {"gripper": gripper})


@pytest.mark.parametrize("backend", ["osmesa", "vulkan"])
@pytest.mark.parametrize("command", [["look", "cartpole_swingup"], ["train", "arm_reach", "--set", "total_steps=1"]])
def test_an_opengl_that_is_not_there_is_one_line(backend: str, command: list[str]) -> None:
    if backend == "osmesa" and ctypes.util.find_library("OSMesa"):
        pytest.skip("OSMesa is installed here")
    run = subprocess.run(
        [sys.executable, "-m", "ashore", *command],
        env={k: v for k, v in os.environ.items() if k != "PYOPENGL_PLATFORM"} | {"MUJOCO_GL": backend},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2 and run.stderr.startswith(f"ashore: MUJOCO_GL = '{backend}'"), run.stderr
    assert run.stderr.count("\n") == 1


def test_compare_says_what_differs(tmp_path: Path) -> None:
    own = settings(tmp_path)
    adopted = adopt(own)
    assert compare(own, adopted) == []
    text = robot.load(adopted).to_xml()
    heavier = adopted.model_copy(update={"model": text.replace('mass="0.2"', 'mass="0.9"', 1)})
    assert any(s.startswith("mass: the file says 1.8 kg, loaded 2.5 kg") for s in compare(own, heavier))
    longer = adopted.model_copy(
        update={"model": text.replace('site name="tip" pos="0 0 0.18"', 'site name="tip" pos="0 0 0.2"')}
    )
    assert any(s.startswith("tool: up to 0.02 m from") for s in compare(own, longer))
    damped = adopted.model_copy(update={"model": text.replace('damping="0.2"', 'damping="0.3"')})
    assert any("'j2': damping 0.2 in the file, 0.3 loaded" in s for s in compare(own, damped))
    narrow = adopted.model_copy(update={"model": text.replace("-2.35619 2.35619", "-1 1", 1)})
    assert any("'j1': range" in s for s in compare(own, narrow))

"""Robots whose parts have the names of a task's own: the robot's are changed, or the task finds its part without a name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ashore.configs.loader import load_run
from ashore.configs.schema import RobotSettings
from ashore.environments import make_env
from ashore.sim import tasks
from ashore.sim.env import Env
from ashore.sim.robots import robot
from ashore.sim.robots.own_robot import adopt
from ashore.sim.robots.robot import ModelError
from ashore.sim.scene import ik
from ashore.sim.scene.scene import compile_scene
from tests.sim.robots.tiny_arm import env_of, of, settings


@pytest.fixture(autouse=True)
def few_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every robot here is another one, whose starts are looked for anew; nothing depends on how many there are."""
    monkeypatch.setattr(ik, "CANDIDATES", 128)
    monkeypatch.setattr(ik, "FEWEST", 8)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("arm_reach", {"geom": 'name="table"'}),
        ("arm_reach", {"geom": 'name="table_top"'}),
        ("arm_reach", {"in_tool": '<camera name="overview"/>'}),
        ("arm_reach", {"before_world": '<asset><material name="sky"/><texture name="sky" builtin="flat"/></asset>'}),
        ("arm_reach", {"in_world": '<body name="robot_base"><geom size=".01" pos="0 0 -.1"/></body>'}),
        (
            "arm_reach",
            {"after_world": '<sensor><framepos name="tool_position" objtype="site" objname="tip"/></sensor>'},
        ),
        ("arm_push", {"geom": 'name="puck"'}),
        ("arm_push", {"in_tool": '<body name="puck"><geom name="puck_" size=".002" mass="0.001"/></body>'}),
    ],
)
def test_a_robot_may_use_the_names_of_a_tasks_scene(tmp_path: Path, task: str, text: dict[str, str]) -> None:
    env = env_of(settings(tmp_path, {"home": (0, 0.9, 1.5)}, **text), task)
    env.reset(0)
    env.step(torch.zeros(2, env.action_size))
    assert env.interface.joints[0].name == "j1"
    assert env.world.model.geom("table").type[0] == 0  # a plane: the task's own


@pytest.mark.parametrize("task", ["arm_drawer", "arm_insert", "arm_push"])
def test_every_name_of_a_scene_may_be_a_robots_site_or_geom(tmp_path: Path, task: str) -> None:
    run = load_run(task, ["task.randomization={}"]).task
    find = tasks.find(task)
    scene = compile_scene(find, run.model_copy(update={"robot": settings(tmp_path)}), visual=True)
    alone = robot.load(adopt(settings(tmp_path))).compile()
    for kind in ("site", "geom", "body", "camera"):
        own, all_of = (
            {getattr(m, kind)(i).name for i in range(getattr(m, f"n{kind if kind != 'camera' else 'cam'}"))}
            for m in (alone, scene)
        )
        for name in sorted(all_of - own - {""}):
            part = {
                "site": f'<site name="{name}"/>',
                "geom": f'<geom name="{name}" size=".001" mass="0"/>',
                "body": f'<body name="{name}"/>',
                "camera": f'<camera name="{name}"/>',
            }[kind]
            tool = {"tool_site": name, "site": "tip"} if kind == "site" else {"tool_site": "tip", "site": "tip"}
            given = settings(tmp_path, {"tool_site": tool["tool_site"]}, in_tool=part)
            resolved = find.resolve(run.model_copy(update={"robot": given}))
            model = compile_scene(find, resolved, visual=True)
            assert f"robot/{name}" in {
                getattr(model, kind)(i).name for i in range(getattr(model, f"n{'cam' if kind == 'camera' else kind}"))
            }
            assert kind != "site" or resolved.robot.tool_site == f"robot/{name}"


def test_what_refers_to_a_renamed_part_refers_to_its_new_name(tmp_path: Path) -> None:
    """A body `puck` beside a `robot/puck`, its joint called the same, and one reference of each kind to it."""
    body = '<body name="puck"><geom name="lid" size=".002" mass="0.001"/></body><body name="robot/puck"/>'
    own = adopt(settings(tmp_path, {"home": (0, 0.9, 1.5), "payload_body": "puck"}, in_tool=body))
    references = """<contact><exclude body1="puck" body2="base"/></contact>
      <equality><weld body1="puck" body2="base" active="false"/></equality>
      <sensor><framepos name="lid" objtype="xbody" objname="puck" reftype="body" refname="base"/></sensor>
      </mujoco>"""
    text = own.model.replace('joint name="j3"', 'joint name="puck"').replace("</mujoco>", references)
    text = text.replace("<worldbody>", '<worldbody><camera name="eye" mode="targetbody" target="puck"/>', 1)
    own = own.model_copy(update={"model": text, "joints": ("j1", "j2", "puck")})
    run = load_run("arm_push", ["task.randomization={}"]).task.model_copy(update={"robot": own})
    push = tasks.find("arm_push")
    resolved = push.resolve(run)
    model = compile_scene(push, resolved)
    new = model.body("robot/puck_").id
    assert resolved.robot.payload_body == "robot/puck_" and model.geom("lid").bodyid[0] == new
    assert resolved.robot.joints == ("j1", "j2", "puck")
    assert {new, model.body("base").id} in [{int(s) >> 16, int(s) & 0xFFFF} for s in model.exclude_signature]
    assert model.eq_obj1id[0] == new and model.sensor("lid").objid[0] == new
    assert model.cam_targetbodyid[model.camera("eye").id] == new


def with_joint(folder: Path, old: str, new: str) -> RobotSettings:
    """The arm with one of its driven joints renamed."""
    own = settings(folder)
    path = folder / "arm.xml"
    path.write_text(path.read_text().replace(f'joint name="{old}"', f'joint name="{new}"'))
    return of(path, joints=tuple(new if name == old else name for name in own.joints), home=(0, 0.9, 1.5))


def played(env: Env, steps: int = 20) -> torch.Tensor:
    """Every world's posture after so many steps at full speed, [N, nq]."""
    env.reset(0)
    for _ in range(steps):
        env.step(torch.ones(env.num_envs, env.action_size))
    return env.world.qpos.clone()


def test_a_driven_joint_may_be_called_as_the_tasks_free_body(tmp_path: Path) -> None:
    """MuJoCo takes the free joint's name away then; found by name, the arm's joint was moved in the puck's place."""
    same = played(env_of(with_joint(tmp_path, "j2", "j2"), "arm_push"))
    env = env_of(with_joint(tmp_path, "j2", "puck"), "arm_push")
    assert torch.equal(played(env), same)
    assert [joint.name for joint in env.interface.joints] == ["j1", "puck", "j3"]


def test_a_hands_joint_may_be_called_as_the_cube_in_it() -> None:
    run = load_run("hand_reorient", ["task.randomization={}"]).task
    text = (robot.ROBOTS / "leap_hand.xml").read_text()
    plain, cube = (
        run.robot.model_copy(
            update={
                "model": text.replace('"if_pip"', f'"{name}"'),
                "joints": tuple(name if joint == "if_pip" else joint for joint in run.robot.joints),
            }
        )
        for name in ("if_pip", "cube")
    )
    env, other = (make_env(run.model_copy(update={"robot": own}), 2) for own in (plain, cube))
    assert torch.equal(played(env), played(other))


def test_a_driven_joint_that_would_take_a_hinges_name_is_refused(tmp_path: Path) -> None:
    own = with_joint(tmp_path, "j2", "drawer_slide")
    with pytest.raises(
        ModelError, match="drives a joint 'drawer_slide', and so does task arm_drawer; rename the robot's"
    ):
        env_of(own, "arm_drawer")


@pytest.mark.parametrize(
    "name", ["table", "goal", "puck_position", "tool_position", "overview", "self_contact", "joint_position"]
)
def test_a_driven_joint_may_have_the_name_of_anything_else(tmp_path: Path, name: str) -> None:
    env = env_of(with_joint(tmp_path, "j2", name), "arm_push")
    assert torch.isfinite(played(env, 2)).all()
    assert [joint.name for joint in env.interface.joints] == ["j1", name, "j3"]

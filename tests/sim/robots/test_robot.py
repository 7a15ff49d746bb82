"""Robots: what a wrong name is told, and the Panda against the numbers that its maker and its identification published."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ashore.configs.errors import AshoreError, UsageError
from ashore.configs.loader import ConfigError, load_run
from ashore.configs.schema import RobotSettings
from ashore.deploy_ros import bundle
from ashore.sim import tasks
from ashore.sim.robots import robot
from ashore.sim.scene.scene import compile_scene
from ashore.trained_policy import load_trained
from tests.sim.worlds import make, task
from tests.untrained import export_untrained

PANDA = task("arm_reach").robot
HALF_PI = np.pi / 2
# Franka Control Interface documentation, "Denavit-Hartenberg parameters" (Craig's convention): a m, alpha rad, d m.
DH = (
    (0.0, 0.0, 0.333),
    (0.0, -HALF_PI, 0.0),
    (0.0, HALF_PI, 0.316),
    (0.0825, HALF_PI, 0.0),
    (-0.0825, -HALF_PI, 0.384),
    (0.0, HALF_PI, 0.0),
    (0.088, HALF_PI, 0.0),
)
FLANGE, TOOL = 0.107, 0.1034  # m
assert PANDA.gripper is not None
GRIPPER = PANDA.gripper


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model": "pandas.xml"},
            r"'pandas.xml' is no file; allowed: a path, menagerie:NAME, or one of \['cartpole.xml', .*'panda.xml'",
        ),
        ({"joints": (*PANDA.joints[:6], "wrist")}, r"no joint 'wrist'; it has \['joint1', .*'joint7'"),
        ({"gripper": GRIPPER.model_copy(update={"joints": ("thumb",)})}, r"no joint 'thumb'; it has \['joint1'"),
        ({"tool_site": "tip"}, r"no site 'tip'; it has \['tool'\]"),
        ({"payload_body": "load"}, r"no body 'load'; it has \['world', 'link0', .*'payload'"),
    ],
)
def test_a_name_that_is_not_there_is_told_what_is(change: dict[str, object], message: str) -> None:
    with pytest.raises(robot.ModelError, match=message) as error:
        robot.load(PANDA.model_copy(update=change))
    assert isinstance(error.value, AshoreError)


def test_a_file_that_is_no_model_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("robot") / "broken.xml"
    path.write_text("<mujoco><worldbody><body></mujoco>")
    with pytest.raises(robot.ModelError, match="does not load"):
        robot.load(PANDA.model_copy(update={"model": str(path)}))


TEXT = '<mujoco>{}<worldbody><body name="b"><joint name="j"/><geom size="1"/>{}</body></worldbody></mujoco>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.format("", '<include file="/etc/hosts"/>'), "has <include>"),
        (TEXT.format("", '<include xmlns="x" file="/etc/hosts"/>'), "no namespaces"),
        (TEXT.format('<asset><mesh name="m" file="/etc/hosts"/></asset>', ""), "names the file '/etc/hosts'"),
        (TEXT.format('<asset><texture type="cube" fileup="/etc/hosts"/></asset>', ""), "names the fileup"),
        (TEXT.format('<extension><plugin plugin="mujoco.pid"/></extension>', ""), "has <extension>"),
        (TEXT.format("", '<replicate count="9999"><geom size="1"/></replicate>'), "has <replicate>"),
        ('<!DOCTYPE m [<!ENTITY a "b">]>' + TEXT.format("", ""), "DOCTYPE"),
        (TEXT.format("", "<site/>" * robot.MOST_ELEMENTS), "elements; allowed: 20000"),
        (TEXT.format("", "<site/>" + " " * robot.LONGEST_TEXT), "characters; allowed: 4000000"),
        (TEXT.format("", "<body>" * 5000 + "</body>" * 5000), "does not load"),
        (TEXT.format("", "<site>"), "does not load: mismatched tag"),
    ],
)
def test_a_models_text_opens_and_loads_nothing(text: str, message: str) -> None:
    one = RobotSettings(name="one", model=TEXT.format("", ""), joints=("j",))
    assert robot.load(one).joint("j") is not None
    with pytest.raises(robot.ModelError, match=message):
        robot.load(one.model_copy(update={"model": text}))


@pytest.mark.parametrize("name", ["../../../__init__.py", "..", "", "/etc/hosts"])
def test_a_model_that_gymnasium_ships_is_a_bare_file_name(name: str) -> None:
    pytest.importorskip("gymnasium")
    assert robot.find("gymnasium:hopper.xml").is_file()
    with pytest.raises(robot.ModelError, match=r"is no file; allowed: .*gymnasium:hopper.xml"):
        robot.find(f"gymnasium:{name}")


@pytest.mark.parametrize("model", ["/etc/hosts", "sim/robots/panda.xml", "menagerie:franka_fr3"])
def test_a_policy_file_leads_to_no_other_file(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "policy.onnx"
    export_untrained(load_run("arm_reach"), path)
    assert load_trained(str(path)).run.task.robot.model == "panda.xml"
    contract = bundle.load_policy(path).contract
    changed: dict[str, Any] = json.loads(json.dumps(contract.settings))
    changed["task"]["robot"]["model"] = model
    forged = SimpleNamespace(contract=contract.model_copy(update={"settings": changed}))
    monkeypatch.setattr(bundle, "load_policy", lambda _: forged)
    with pytest.raises(UsageError, match=f"task.robot.model = '{model}'; allowed in a file from elsewhere"):
        load_trained(str(path))
    changed["task"]["robot"] = "/etc/hosts"
    with pytest.raises(ConfigError, match=r"task\.robot"):
        load_trained(str(path))


def test_a_home_outside_the_limits_is_refused_with_the_limits() -> None:
    model = robot.load(PANDA).compile()
    outside = PANDA.model_copy(update={"home": (*PANDA.home[:3], -0.1, *PANDA.home[4:])})
    # joint4 ends at -0.0698 rad, less the margin of 0.05 rad.
    with pytest.raises(robot.ModelError, match=r"home of joint4 = -0.1; allowed: \[-3.0218, -0.1198\]"):
        robot.joint_specs(model, outside)


def test_the_panda_weighs_what_was_identified() -> None:
    # Gaz et al., RA-L 2019, links 0 to 7; hand 0.73 kg and two fingers of 15 g.
    links = (0.629769, 4.970684, 0.646926, 3.228604, 3.587895, 1.225946, 1.666555, 0.735522)
    assert sum(links) == pytest.approx(16.691901)
    assert robot.load(PANDA).compile().body_mass.sum() == pytest.approx(16.691901 + 0.73 + 0.03)


def test_the_panda_moves_in_its_published_ranges() -> None:
    # Franka Control Interface documentation, "Limits for Panda".
    low = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)
    high = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)
    specs = robot.joint_specs(robot.load(PANDA).compile(), PANDA)
    assert [s.name for s in specs] == [f"joint{i}" for i in range(1, 8)]
    assert [s.low - PANDA.position_margin for s in specs] == pytest.approx(low)
    assert [s.high + PANDA.position_margin for s in specs] == pytest.approx(high)


def chain(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pose of the tool by the table, [4, 4]: Craig, Introduction to Robotics, equation 3.6 for each link."""
    pose = np.eye(4)
    for (a, alpha, d), theta in zip(DH, q, strict=True):
        ca, sa, ct, st = np.cos(alpha), np.sin(alpha), np.cos(theta), np.sin(theta)
        pose = pose @ np.array(
            [[ct, -st, 0, a], [st * ca, ct * ca, -sa, -d * sa], [st * sa, ct * sa, ca, d * ca], [0, 0, 0, 1]]
        )
    c, s = np.cos(-np.pi / 4), np.sin(-np.pi / 4)
    return pose @ np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, FLANGE + TOOL], [0, 0, 0, 1]])


def test_the_tool_is_where_the_denavit_hartenberg_table_puts_it() -> None:
    model = robot.load(PANDA).compile()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    postures = [
        np.zeros(7),
        np.array(PANDA.home),
        *rng.uniform(model.jnt_range[:7, 0], model.jnt_range[:7, 1], (20, 7)),
    ]
    for q in postures:
        data.qpos[:7] = q
        mujoco.mj_kinematics(model, data)
        np.testing.assert_allclose(data.site("tool").xpos, chain(q)[:3, 3], atol=1e-6)
        np.testing.assert_allclose(data.site("tool").xmat.reshape(3, 3), chain(q)[:3, :3], atol=1e-6)
    # Stretched up: 0.333 + 0.316 + 0.384 less flange and tool, which hang down at joint 7, 0.088 m in front.
    np.testing.assert_allclose(chain(np.zeros(7))[:3, 3], [0.088, 0, 1.033 - FLANGE - TOOL], atol=1e-12)


def test_the_compiled_scene_holds_nothing_that_reaching_does_not_need() -> None:
    model = compile_scene(tasks.find("arm_reach"), task("arm_reach"))
    assert (model.nq, model.nv, model.nu, model.na) == (7, 7, 7, 7), "the fingers are welded"
    assert model.nmesh == 0 and model.nmat == 0
    # Base and seven links, hand and fingers collide, and the table: ten capsules at most, two boxes, one table.
    assert model.ngeom <= 13
    assert model.ngeom < compile_scene(tasks.find("arm_reach"), task("arm_reach"), visual=True).ngeom


def test_servos_have_the_gains_of_the_settings_and_replace_what_was_there() -> None:
    settings = task("arm_reach")
    model = compile_scene(tasks.find("arm_reach"), settings)
    np.testing.assert_allclose(model.actuator_gainprm[:, 0], PANDA.kp)
    np.testing.assert_allclose(model.actuator_biasprm[:, 1], -np.array(PANDA.kp))
    np.testing.assert_allclose(model.actuator_biasprm[:, 2], -np.array(PANDA.kd))
    spec = robot.load(PANDA)
    robot.add_servos(spec, PANDA, 0.0)
    robot.add_servos(spec, PANDA, 0.0)
    assert [a.name for a in spec.actuators] == list(PANDA.joints)


def test_the_gravity_compensated_arm_holds_still() -> None:
    env = make("arm_reach", pins={"payload": 0.0, "link_mass": 1.0})
    start = env.world.qpos.clone()
    env.world.ctrl.zero_()
    env.world.step(500)  # 2 s
    assert (env.world.qpos - start).abs().max() < 1e-4
    loaded = make("arm_reach", pins={"payload": 3.0})
    start = loaded.world.qpos.clone()
    loaded.world.ctrl.zero_()
    loaded.world.step(500)
    # About 3 kg * 9.81 m/s^2 * 0.5 m = 15 N*m on a servo of 4500 N*m/rad: 3 mrad.
    assert 1e-3 < (loaded.world.qpos - start).abs().max() < 2e-2


def test_settings_of_a_length_that_joints_do_not_have_are_refused() -> None:
    values = PANDA.model_dump()
    with pytest.raises(ValueError, match="kp has 6 values; allowed: 7"):
        RobotSettings(**values | {"kp": PANDA.kp[:6]})
    assert torch.tensor(PANDA.home).shape == (7,)

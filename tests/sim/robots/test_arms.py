"""The arms against what their makers published: kinematics, limits, masses; and what a task expects of any arm."""

from __future__ import annotations

from functools import partial

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from ashore.configs.loader import load_run
from ashore.configs.schema import RobotSettings
from ashore.sim.robots import robot
from tests.sim.worlds import make, randomizer_of

ARMS = ("panda", "ur5e", "so101")
Pose = NDArray[np.float64]


def arm(name: str) -> RobotSettings:
    return load_run("arm_reach", [f"robot={name}"]).task.robot


def compiled(name: str) -> mujoco.MjModel:
    return robot.load(arm(name)).compile()


def force(model: mujoco.MjModel, joint: str) -> float:
    """The most an actuator may exert on a joint, N*m or N."""
    return float(model.jnt_actfrcrange[model.joint(joint).id, 1])


def torque_limits(model: mujoco.MjModel, settings: RobotSettings) -> list[float]:
    return [force(model, name) for name in settings.joints]


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_is_small_primitive_and_has_the_names_that_tasks_use(name: str) -> None:
    model, settings = compiled(name), arm(name)
    assert mujoco.mj_sizeModel(model) < 1_000_000
    assert model.nmesh == 0 and model.nhfield == 0
    assert model.camera("wrist").id >= 0
    assert settings.gripper is not None and settings.workspace is not None and settings.payload_body is not None
    assert model.body(settings.payload_body).mass == 0.0
    assert all(limit > 0 for limit in torque_limits(model, settings))


@pytest.mark.parametrize("name", ARMS)
def test_every_colliding_geometry_is_named_and_keeps_to_the_three_classes(name: str) -> None:
    model = compiled(name)
    bits = {}
    for i in range(model.ngeom):
        if model.geom_contype[i] or model.geom_conaffinity[i]:
            bits[model.geom(i).name] = (int(model.geom_contype[i]), int(model.geom_conaffinity[i]))
    assert all(geom.endswith("_collision") for geom in bits)
    assert set(bits.values()) <= {(1, 2), (3, 0), (2, 5)}
    for body in (model.body(i) for i in range(1, model.nbody)):
        if body.mass[0] > 0:
            assert any(model.geom_bodyid[model.geom(g).id] == body.id for g in bits), f"{body.name} collides nowhere"


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("grip", ["open", "closed"])
def test_at_home_nothing_touches_and_the_tool_is_in_the_workspace(name: str, grip: str) -> None:
    model, settings = compiled(name), arm(name)
    data = mujoco.MjData(model)
    gripper, box = settings.gripper, settings.workspace
    assert gripper is not None and box is not None and settings.tool_site is not None
    for joint, value in zip(settings.joints, settings.home, strict=True):
        data.joint(joint).qpos = value
    for joint in gripper.joints:
        data.joint(joint).qpos = getattr(gripper, grip)
        low, high = model.joint(joint).range
        assert low <= gripper.closed <= high and low <= gripper.open <= high
    mujoco.mj_forward(model, data)
    fingers = {model.joint(j).bodyid[0] for j in gripper.joints}
    touching = [c for c in data.contact if not {model.geom_bodyid[g] for g in c.geom} & fingers]
    assert not touching
    assert (np.array(box.low) < data.site(settings.tool_site).xpos).all()
    assert (data.site(settings.tool_site).xpos < np.array(box.high)).all()
    assert len(robot.joint_specs(model, settings)) == len(settings.joints), "home is within the limits"


@pytest.mark.parametrize("name", ARMS)
def test_randomization_reaches_every_moving_mass_and_every_driven_joint(name: str) -> None:
    env = make(load_run("arm_reach", [f"robot={name}"]).task)
    model, dimensions = env.world.model, randomizer_of(env).dimensions
    links = {d.name.split("[")[1][:-1] for d in dimensions if d.group == "link_mass"}
    moving = {model.body(i).name for i in range(model.nbody) if model.body_mass[i] > 0 and model.body_weldid[i] > 0}
    assert moving - {"left_finger", "right_finger"} == links
    for group in ("joint_friction", "servo_stiffness", "command_latency"):
        members = [d.name for d in dimensions if d.group == group]
        assert len(members) == (1 if group == "command_latency" else len(env.settings.robot.joints))


# Universal Robots, "DH parameters for calculations of kinematics and dynamics", UR5e: a m, d m, alpha rad.
UR5E_DH = (
    (0.0, 0.1625, np.pi / 2),
    (-0.425, 0.0, 0.0),
    (-0.3922, 0.0, 0.0),
    (0.0, 0.1333, np.pi / 2),
    (0.0, 0.0997, -np.pi / 2),
    (0.0, 0.0996, 0.0),
)


def ur5e_flange(q: NDArray[np.float64]) -> Pose:
    """Pose of the flange in `base`, [4, 4]: Denavit and Hartenberg's own convention, as the table is meant."""
    pose = np.eye(4)
    for (a, d, alpha), theta in zip(UR5E_DH, q, strict=True):
        ct, st, ca, sa = np.cos(theta), np.sin(theta), np.cos(alpha), np.sin(alpha)
        pose = pose @ np.array(
            [[ct, -st * ca, st * sa, a * ct], [st, ct * ca, -ct * sa, a * st], [0, sa, ca, d], [0, 0, 0, 1]]
        )
    return pose


def so101_frame(q: NDArray[np.float64]) -> Pose:
    """Pose of gripperframe in baseframe, [4, 4]: the joint origins of so101_new_calib.urdf, xyz m and rpy rad."""
    origins = (
        ((0.0207909, -0.0230745, 0.0948817), (-3.14159, 0, 1.5708)),
        ((-0.0303992, -0.0182778, -0.0542), (-1.5708, -1.5708, 0)),
        ((-0.11257, -0.028, 0), (0, 0, 1.5708)),
        ((-0.1349, 0.0052, 0), (0, 0, -1.5708)),
        ((0, -0.0611, 0.0181), (1.5708, 0, 3.14159)),
    )
    base = origin((0.020791, 0.0157608, 0.0324817), (0, 0, 0))  # `baseframe` in that file's `base`, which is turned
    pose = np.linalg.inv(base @ origin((0, 0, 0), (0, 0, -np.pi / 2)))
    for (xyz, rpy), theta in zip(origins, q, strict=True):
        pose = pose @ origin(xyz, rpy) @ origin((0, 0, 0), (0, 0, theta))
    return pose @ origin((-0.0079, -0.000218121, -0.0981274), (0, 1.5708, 0))  # turned as in so101_new_calib.xml


def origin(xyz: tuple[float, ...], rpy: tuple[float, ...]) -> Pose:
    """A URDF origin: roll, pitch, yaw about fixed axes."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr, xyz[0]],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr, xyz[1]],
            [-sp, cp * sr, cp * cr, xyz[2]],
            [0, 0, 0, 1],
        ]
    )


def postures(model: mujoco.MjModel, joints: int) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return [np.zeros(joints), *rng.uniform(model.jnt_range[:joints, 0], model.jnt_range[:joints, 1], (20, joints))]


def test_the_ur5e_flange_is_where_the_published_table_puts_it() -> None:
    model = compiled("ur5e")
    data, turned = mujoco.MjData(model), np.diag([-1.0, -1.0, 1.0])  # ROS's base_link is `base` turned by half a circle
    for q in postures(model, 6):
        data.qpos[:6] = q
        mujoco.mj_kinematics(model, data)
        pose = ur5e_flange(q)
        np.testing.assert_allclose(data.site("flange").xpos, turned @ pose[:3, 3], atol=1e-6)
        np.testing.assert_allclose(data.site("flange").xmat.reshape(3, 3), turned @ pose[:3, :3], atol=1e-6)
    # At zero: a2 + a3 out, d4 + d6 aside, d1 - d5 up.
    np.testing.assert_allclose(ur5e_flange(np.zeros(6))[:3, 3], [-0.8172, -0.2329, 0.0628], atol=1e-12)


def test_the_ur5e_has_the_published_limits_and_masses() -> None:
    model, settings = compiled("ur5e"), arm("ur5e")
    assert torque_limits(model, settings) == [150, 150, 150, 28, 28, 28]  # N*m, "Max. joint torques"
    ranges = [tuple(np.rad2deg(model.joint(j).range).round(3)) for j in settings.joints]
    assert ranges == [(-360, 360), (-360, 360), (-180, 180), (-360, 360), (-360, 360), (-360, 360)]
    assert np.rad2deg(settings.velocity_limit) == pytest.approx([180] * 6, abs=1e-3)
    links = [float(model.body(f"{n}_link").mass[0]) for n in ("shoulder", "upper_arm", "forearm")]
    links += [float(model.body(f"wrist_{i}_link").mass[0]) for i in (1, 2, 3)]
    assert links == [3.761, 8.058, 2.846, 1.37, 1.3, 0.365]
    hand = sum(float(model.body(n).mass[0]) for n in ("hand", "left_finger", "right_finger"))
    assert hand == pytest.approx(1.0)  # Hand-E
    assert model.body_mass.sum() - hand == pytest.approx(20.6)  # technical specifications: 20.6 kg
    fingers = [model.joint(f"robotiq_hande_{side}_finger_joint").range for side in ("left", "right")]
    assert sum(high - low for low, high in fingers) == pytest.approx(0.05)  # stroke
    assert {force(model, f"robotiq_hande_{side}_finger_joint") for side in ("left", "right")} == {185}  # N


def test_the_so101_gripper_is_where_the_published_chain_puts_it() -> None:
    model = compiled("so101")
    data = mujoco.MjData(model)
    for q in postures(model, 5):
        data.qpos[:5] = q
        mujoco.mj_kinematics(model, data)
        pose = so101_frame(q)
        np.testing.assert_allclose(data.site("gripperframe").xpos, pose[:3, 3], atol=2e-5)
        np.testing.assert_allclose(data.site("gripperframe").xmat.reshape(3, 3), pose[:3, :3], atol=1e-4)


def test_the_so101_has_the_published_limits_and_masses() -> None:
    model, settings = compiled("so101"), arm("so101")
    assert settings.joints == ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")  # LeRobot
    assert torque_limits(model, settings) == pytest.approx([30 * 9.80665 / 100] * 5, abs=5e-3)  # 30 kg*cm
    assert max(settings.velocity_limit) < 45 * 2 * np.pi / 60  # 45 rpm at no load
    high = (1.91986, 1.74533, 1.69, 1.65806, 2.79253)
    assert [tuple(model.joint(j).range) for j in settings.joints] == [(-h, h) for h in high]
    assert tuple(model.joint("gripper").range) == (-0.174533, 1.74533)
    assert model.body_mass.sum() == pytest.approx(0.147 + 0.100006 + 0.103 + 0.104 + 0.079 + 0.087 + 0.012)
    assert not model.body_gravcomp.any()


def test_the_jaws_of_the_so101_close() -> None:
    model = compiled("so101")
    data, gap = mujoco.MjData(model), partial(mujoco.mj_geomDistance, model)
    jaws = model.geom("fixed_jaw_collision").id, model.geom("moving_jaw_collision").id
    distances = {}
    for angle in (-0.174533, 0.0, 1.0):
        data.joint("gripper").qpos = angle
        mujoco.mj_kinematics(model, data)
        distances[angle] = gap(data, *jaws, 1.0, None)
    assert -0.002 < distances[-0.174533] < 0.001
    assert distances[-0.174533] < distances[0.0] < distances[1.0]


def test_a_servo_without_gravity_compensation_droops_and_a_compensated_arm_does_not() -> None:
    droop = {}
    for name in ("ur5e", "so101"):
        env = make(load_run("arm_reach", [f"robot={name}"]).task, pins={"payload": 0.0, "link_mass": 1.0})
        start = env.world.qpos.clone()
        env.world.ctrl.zero_()
        env.world.step(500)
        droop[name] = float((env.world.qpos - start).abs().max())
    assert droop["ur5e"] < 1e-4
    # About 0.4 kg at 0.12 m on 17.8 N*m/rad, at most: 0.03 rad.
    assert 0.003 < droop["so101"] < 0.06

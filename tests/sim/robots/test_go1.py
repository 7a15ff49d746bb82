"""The Go1 against the numbers of its maker's description: unitree_ros, go1_description/xacro/const.xacro."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest
import torch

from ashore.configs.loader import load_run
from ashore.sim.env import Env
from ashore.sim.robots import robot
from tests.sim.worlds import task

SETTINGS = load_run("quadruped_velocity").task.robot
# kg
TRUNK, HIP, THIGH, CALF, FOOT, ROTOR = 5.204, 0.591, 0.92, 0.135862, 0.06, 0.089
THIGH_LENGTH = CALF_LENGTH = 0.213  # m
FOOT_RADIUS = 0.02  # m


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return robot.load(SETTINGS).compile()


def test_links_weigh_what_the_maker_says_each_with_the_rotor_that_is_fixed_to_it(model: mujoco.MjModel) -> None:
    assert model.body("trunk").mass[0] == pytest.approx(TRUNK)
    for leg in ("FR", "FL", "RR", "RL"):
        assert model.body(f"{leg}_hip").mass[0] == pytest.approx(HIP + ROTOR)
        assert model.body(f"{leg}_thigh").mass[0] == pytest.approx(THIGH + ROTOR)
        assert model.body(f"{leg}_calf").mass[0] == pytest.approx(CALF + FOOT)
    total = TRUNK + 4 * (HIP + THIGH + CALF + FOOT + 2 * ROTOR)
    assert model.body("trunk").subtreemass[0] == pytest.approx(total)
    assert total == pytest.approx(12.84, rel=0.01), "the total that the maker's file states"


def test_the_centre_of_a_lumped_link_is_between_its_parts(model: mujoco.MjModel) -> None:
    # Left front: thigh at y = -0.018054 m, rotor of the calf at y = -0.03235 m.
    expected = (THIGH * -0.018054 + ROTOR * -0.03235) / (THIGH + ROTOR)
    assert model.body("FL_thigh").ipos[1] == pytest.approx(expected, abs=1e-6)
    assert model.body("FR_thigh").ipos[1] == pytest.approx(-expected, abs=1e-6)
    # Calf's centre at z = -0.116695 m, foot at its end.
    expected = (CALF * -0.116695 + FOOT * -CALF_LENGTH) / (CALF + FOOT)
    assert model.body("RL_calf").ipos[2] == pytest.approx(expected, abs=1e-6)


def test_left_and_right_mirror_each_other(model: mujoco.MjModel) -> None:
    for end in ("F", "R"):
        for link in ("hip", "thigh", "calf"):
            left, right = model.body(f"{end}L_{link}"), model.body(f"{end}R_{link}")
            np.testing.assert_allclose(left.pos, right.pos * [1, -1, 1], atol=1e-12)
            np.testing.assert_allclose(np.sort(left.inertia), np.sort(right.inertia), rtol=1e-6)


def test_joints_keep_the_published_limits_in_the_order_of_the_sdk(model: mujoco.MjModel) -> None:
    legs, kinds = ("FR", "FL", "RR", "RL"), ("hip", "thigh", "calf")
    assert SETTINGS.joints == tuple(f"{leg}_{kind}_joint" for leg in legs for kind in kinds)
    published = {"hip": (-0.863, 0.863, 23.7), "thigh": (-0.686, 4.501, 23.7), "calf": (-2.818, -0.888, 35.55)}
    for name in SETTINGS.joints:
        low, high, torque = published[name.split("_")[1]]
        joint = model.joint(name)
        assert joint.range.tolist() == [low, high]
        assert model.jnt_actfrcrange[joint.id].tolist() == [-torque, torque]
    assert max(SETTINGS.velocity_limit) <= 20.06, "rad/s, of the slowest motor"


def test_a_foot_stands_where_the_leg_geometry_says(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    data.qpos[:7] = [0, 0, 0, 1, 0, 0, 0]
    data.joint("FL_thigh_joint").qpos[0], data.joint("FL_calf_joint").qpos[0] = 0.9, -1.8
    mujoco.mj_kinematics(model, data)
    # The thigh swings back by 0.9, the calf forward by as much; the hip's axes are 0.1881 m ahead, 0.04675 + 0.08 m aside.
    expected = [0.1881, 0.04675 + 0.08, -(THIGH_LENGTH + CALF_LENGTH) * math.cos(0.9)]
    np.testing.assert_allclose(data.site("FL_foot").xpos, expected, atol=1e-9)
    assert model.geom("FL_foot").size[0] == FOOT_RADIUS


def test_it_stands_at_home_for_five_seconds_when_nothing_is_asked() -> None:
    env = Env(task("quadruped_velocity", randomization={}), 4, seed=1, num_threads=1)
    env.reset()
    action = torch.zeros(4, 12)
    for _ in range(250):
        _, _, terminated, _, _ = env.step(action)
        assert not terminated.any()
    height = env.world.qpos[:, 2]
    # The servos are soft: under its weight the robot sinks by a few centimetres, and no further.
    assert (height > 0.8 * 0.285).all() and (height < 0.285).all()
    assert env.world.qvel.abs().max() < 0.05

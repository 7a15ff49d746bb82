"""arm_drawer: the slide moves as its mass, damping and friction say; fingers behind the bar open it; where cabinets are."""

from __future__ import annotations

import math

import pytest
import torch

from ashore.sim.env import Env
from ashore.sim.tasks.arm_drawer import HANDLE_HEIGHT, ArmDrawer
from tests.sim.tasks.scripted import Hand
from tests.sim.worlds import cpu_world, make, task


def still(num_envs: int = 8) -> tuple[Env, ArmDrawer]:
    """Nominal worlds with perfect sensors."""
    env = make(task("arm_drawer", randomization={}), num_envs)
    assert isinstance(env.task, ArmDrawer)
    return env, env.task


def test_closed_fingers_behind_the_bar_pull_the_drawer_open() -> None:
    env, drawer = still()
    hand = Hand(env)
    hooked = torch.zeros(env.num_envs, 1, dtype=torch.bool)
    for _ in range(190):
        error, align = drawer._errors()
        hooked = hooked | ((error.norm(dim=1, keepdim=True) < 0.008) & (align > 0.97))
        near = hooked | ((error[:, :2].norm(dim=1, keepdim=True) < 0.01) & (align > 0.97))
        yaw = drawer.cabinet.yaw
        out = torch.cat((yaw.cos(), yaw.sin(), torch.zeros_like(yaw)), 1)
        up = torch.tensor([0.0, 0.0, 0.06])
        goal = drawer._tool + error + up * ~near - 0.06 * out * (hooked & (drawer._opening() < 0.13))
        env.step_towards(hand.towards(goal.double(), yaw[:, 0]))
    assert drawer.success.all()
    assert (drawer._opening() > 0.12).all()


@pytest.mark.parametrize("force", [3.0, 10.0])
def test_a_known_force_opens_the_drawer_as_far_as_the_equation_of_motion_says(force: float) -> None:
    """m a = F - friction - damping v: with 1.56 kg, 8 N*s/m and 4 N, 3 N do nothing and 10 N approach 0.75 m/s."""
    env, drawer = still(2)
    slide = drawer._drawer_dof
    applied = torch.from_numpy(cpu_world(env).batch.bind("qfrc_applied"))
    applied[:, slide] = force
    for _ in range(10):
        env.step(torch.zeros(2, env.action_size))
    time, settling, speed = 0.2, 1.56 / 8.0, (10.0 - 4.0) / 8.0
    moved = speed * (time - settling * (1 - math.exp(-time / settling))) if force > 4.0 else 0.0
    assert drawer._opening()[:, 0].tolist() == pytest.approx([moved] * 2, abs=0.002)


def test_success_is_an_opening_held_for_as_long_as_asked() -> None:
    env, drawer = still(4)
    action = torch.zeros(4, env.action_size)
    column = drawer._drawer
    for step in range(1, 13):
        env.world.qpos[:, column] = torch.tensor([0.121, 0.119, 0.121, 0.18]).double()
        if step == 9:
            env.world.qpos[2, column] = 0.1  # world 2 closes for a moment
        env.step(action)
        assert drawer.success.tolist() == [step >= 10, False, False, step >= 10]


def test_cabinets_are_elsewhere_in_each_episode_and_the_signals_say_where_the_handle_is() -> None:
    env, drawer = still(16)
    model = env.world.model
    site, cabinet = model.site("handle").id, model.body("cabinet").id
    handles, frames = cpu_world(env).batch.bind("site_xpos"), cpu_world(env).batch.bind("xmat")
    start = 2 * len(env.interface.joints) + 3
    seen = []
    for seed in (1, 2):
        actor = env.reset(seed)["actor"]
        handle, yaw, opening = actor[:, start : start + 3], actor[:, start + 3], actor[:, start + 4]
        torch.testing.assert_close(handle, torch.tensor(handles[:, site]).float())
        rotation = torch.tensor(frames[:, cabinet]).reshape(-1, 3, 3).float()
        torch.testing.assert_close(torch.stack((yaw.cos(), yaw.sin()), 1), rotation[:, :2, 0])
        assert (opening == 0.0).all()
        torch.testing.assert_close(handle[:, 2], torch.full((16,), HANDLE_HEIGHT))
        seen.append(torch.cat((handle[:, :2], yaw[:, None]), 1))
    poses = torch.cat(seen)
    assert len(poses.unique(dim=0)) == 32
    # The cabinet itself varies by a quarter of 0.35 m, by 0.4 of 0.7 m, and by 0.4 rad to either side.
    assert (poses.max(0).values - poses.min(0).values > 0.8 * torch.tensor([0.0875, 0.28, 0.8])).all()
    moved = drawer.goal - handle
    out = torch.stack((-yaw.cos(), -yaw.sin(), torch.zeros_like(yaw)), 1)
    torch.testing.assert_close(moved, 0.12 * out, rtol=0, atol=1e-5)

"""arm_insert: the peg goes in where the hole is and nowhere else; what counts as in; where holes are."""

from __future__ import annotations

import torch
from torch import Tensor

from ashore.sim.env import Env
from ashore.sim.tasks.arm_insert import CHAMFER, LENGTH, ArmInsert
from tests.sim.tasks.scripted import Hand
from tests.sim.worlds import cpu_world, make, task


def still(num_envs: int = 8) -> tuple[Env, ArmInsert]:
    """Nominal worlds with perfect sensors."""
    env = make(task("arm_insert", randomization={}), num_envs)
    assert isinstance(env.task, ArmInsert)
    return env, env.task


def push(env: Env, insert: ArmInsert, beside: Tensor, steps: int) -> Tensor:
    """Take the tip above a point beside the hole's centre, [3] m, then down. Gives its least height over the mouth, [N] m."""
    hand, lowest = Hand(env), torch.full((env.num_envs,), 1.0)
    above = torch.tensor([0.0, 0.0, LENGTH])
    for _ in range(steps):
        mouth = insert.hole.position
        over = insert._tip - mouth - beside
        aside = over[:, :2].norm(dim=1)
        aligned = (aside < 0.0015) & (insert._errors()[2] + insert._errors()[3] < 0.03).squeeze(1)
        down = (aligned | ((over[:, 2] < 0.004) & (aside < 0.003))).unsqueeze(1)
        height = torch.where(down, -0.025, 0.012) * torch.tensor([0.0, 0.0, 1.0])
        env.step_towards(hand.towards((mouth + beside + above + height).double(), insert.hole.yaw[:, 0]))
        lowest = torch.minimum(lowest, (insert._tip - mouth)[:, 2].float())
    return lowest


def test_a_peg_over_the_hole_goes_in() -> None:
    env, insert = still()
    lowest = push(env, insert, torch.zeros(3), 190)
    assert insert.success.all()
    assert (lowest < -0.02).all() and (lowest > -0.03).all()
    lateral = insert._errors()[1]
    assert (lateral < 0.0015).all(), "with 1 mm of play on each side, and 0.4 mm of it in the corner"


def test_a_peg_beside_the_hole_stays_out_however_hard_it_is_pushed() -> None:
    env, insert = still()
    lowest = push(env, insert, torch.tensor([0.007, 0.0, 0.0]), 190)
    assert (lowest < CHAMFER + 0.001).all(), "it was pushed against the block"
    assert (lowest > 0.0).all() and not insert.success.any()


def test_success_is_the_depth_held_for_as_long_as_asked_and_only_in_the_hole() -> None:
    env, insert = still()
    action = torch.zeros(env.num_envs, env.action_size)
    deep, shallow, beside = ([0.0, 0.0, -0.004], [0.0, 0.0, -0.006], [0.011, 0.0, -0.004])
    offset = torch.tensor([deep, shallow, beside, deep, deep, deep, deep, deep])
    for step in range(1, 13):
        insert.goal.copy_(insert._tip.float() + offset)  # that is 21, 19, 21 mm deep
        if step == 9:
            insert.goal[3] += 1.0  # world 3 slips out for a moment
        env.step(action)
        assert insert.success.tolist() == [step >= 10, False, False, False, *[step >= 10] * 4]


def test_holes_are_elsewhere_in_each_episode_and_the_signal_says_where() -> None:
    env, _ = still(16)
    block = env.world.model.body("block").id
    places, frames = cpu_world(env).batch.bind("xpos"), cpu_world(env).batch.bind("xmat")
    seen = []
    for seed in (1, 2):
        actor = env.reset(seed)["actor"]
        start = 2 * len(env.interface.joints) + 4
        position, yaw = actor[:, start : start + 3], actor[:, start + 3]
        torch.testing.assert_close(position, torch.tensor(places[:, block]).float())
        rotation = torch.tensor(frames[:, block]).reshape(-1, 3, 3).float()
        torch.testing.assert_close(torch.stack((yaw.cos(), yaw.sin()), 1), rotation[:, :2, 0])
        seen.append(torch.cat((position[:, :2], yaw[:, None]), 1))
    poses = torch.cat(seen)
    low, high = poses.min(0).values, poses.max(0).values
    # Half of the workspace's 0.35 m by 0.7 m, and 0.4 rad to either side, of which 32 draws reach most.
    assert (high - low > 0.8 * torch.tensor([0.175, 0.35, 0.8])).all()
    assert (high - low < torch.tensor([0.175, 0.35, 0.8])).all()
    assert len(poses.unique(dim=0)) == 32

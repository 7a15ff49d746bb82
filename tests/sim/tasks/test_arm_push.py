"""arm_push: goals a push away, success where the puck is, friction that a hand can overcome."""

from __future__ import annotations

import re

import pytest
import torch

from ashore.configs.loader import load_run
from ashore.sim.tasks.arm_push import ArmPush
from ashore.sim.tasks.task import TaskError
from tests.sim.worlds import actions, make, task


def push(worlds: int = 64) -> tuple:  # type: ignore[type-arg]
    env = make(task("arm_push", randomization={}), worlds)
    assert isinstance(env.task, ArmPush)
    return env, env.task


def test_goals_lie_a_push_away_inside_the_area() -> None:
    env, arm = push(256)
    distance = (arm.goal - arm._puck.float())[:, :2].norm(dim=1)
    assert distance.max() <= 0.25 + 1e-4
    assert distance.min() >= 0.08 - 1e-4
    assert ((arm.goal[:, :2] >= arm._low) & (arm.goal[:, :2] <= arm._high)).all()
    assert env.observation["actor"].shape[1] == 7 + 7 + 3 + 2 + 2 + 14 + 3


def test_goals_stay_in_the_area_of_a_small_arm_too() -> None:
    settings = load_run("arm_push", ["robot=so101", "task.randomization={}"]).task
    env = make(settings, 64)
    arm = env.task
    assert isinstance(arm, ArmPush)
    assert ((arm.goal[:, :2] >= arm._low - 1e-6) & (arm.goal[:, :2] <= arm._high + 1e-6)).all()
    assert (arm.goal - arm._puck.float())[:, :2].norm(dim=1).min() > 0.03


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("arm_push", {"shortest_push": 0.5}, "shortest_push = 0.5 m; allowed: below longest_push = 0.25 m"),
        ("arm_lift", {"goal_low": 0.5}, "goal_low = 0.5 m; allowed: below goal_high = 0.3 m"),
        ("arm_drawer", {"opening": 0.5}, "opening = 0.5 m; allowed: below the drawer's travel of 0.18 m"),
        ("arm_insert", {"depth": 0.04}, "depth = 0.04 m; allowed: below the hole's 0.04 m"),
    ],
)
def test_what_cannot_be_done_is_refused(name: str, options: dict[str, float], line: str) -> None:
    with pytest.raises(TaskError, match=re.escape(line)):
        make(task(name, options=options), 1)


def test_a_puck_that_nothing_touches_stays_where_it_stands() -> None:
    env, arm = push(16)
    before = arm._puck.clone()
    for _ in range(50):
        env.step(torch.zeros(16, env.action_size))
    torch.testing.assert_close(arm._puck, before, rtol=0, atol=2e-4)
    assert not arm.collided().any()


def test_success_needs_the_puck_at_the_goal_for_the_time_asked() -> None:
    env, arm = push(4)
    steps = round(arm.options.hold_seconds / 0.02)
    for k in range(steps):
        arm.goal.copy_(arm._puck)
        arm.goal[1, 0] += 0.029
        arm.goal[2, 0] += 0.031
        env.step(torch.zeros(4, env.action_size))
        assert arm.success.tolist() == [k == steps - 1, k == steps - 1, False, k == steps - 1]


def test_a_sliding_puck_is_braked_by_coulomb_friction() -> None:
    """It runs v^2 / (2 mu g): 0.5 m/s and mu = 0.4 give 31.9 mm."""
    env, arm = push(2)
    start = int(env.world.model.joint("puck").dofadr[0])
    before = arm._puck.clone()
    env.world.qvel[0, start] = 0.5
    for _ in range(20):
        env.step(torch.zeros(2, env.action_size))
    ran = (arm._puck - before)[:, 0]
    assert ran[0].item() == pytest.approx(0.0319, rel=0.05) and abs(ran[1].item()) < 1e-4


def test_every_term_is_bounded_and_alive_pays() -> None:
    env, arm = push(8)
    bound = arm.weights.abs() + 1e-6
    lowest = arm.weights.clip(max=0.0) - arm.rewards.action_rate * 0.7
    for action in actions(env, 100, worlds=8):
        requested_velocity, previous_velocity = env.command.requested_velocity, env.command.previous_velocity
        env.step(action)
        rewards = arm.judge(requested_velocity, previous_velocity).rewards
        assert (rewards <= bound).all() and (rewards >= lowest - 1e-6).all()


def test_training_also_starts_where_a_puck_has_slipped_off() -> None:
    env, arm = push(256)

    def turns() -> torch.Tensor:
        puck, tool = arm._puck.float()[:, :2], arm._tool.float()[:, :2]
        ahead, way = puck - tool, arm.goal[:, :2] - puck
        return torch.arccos((ahead * way).sum(1) / (ahead.norm(dim=1) * way.norm(dim=1)))

    assert turns().quantile(0.75) < 0.81, "but for some whose area ends too soon"
    arm.adapt()
    env.reset(3)
    assert turns().max() > 2.5 and 0.6 < (turns() > 0.8).float().mean() < 0.9

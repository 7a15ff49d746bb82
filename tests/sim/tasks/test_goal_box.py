"""The contract carries the box that training draws goals from."""

from __future__ import annotations

import numpy as np
import pytest

from ashore.configs.loader import load_run
from ashore.environments import make_env


@pytest.mark.parametrize("task", ["arm_reach", "arm_push", "arm_lift"])
def test_goals_lie_in_the_box_of_the_contract_and_fill_it(task: str) -> None:
    env = make_env(load_run(task, ["task.randomization={}"]).task, 512)
    env.reset(0)
    box = env.interface.workspace
    assert box is not None
    goals = env.task.goal_command().double().numpy()
    assert not any(box.outside(goal.tolist()) for goal in goals)
    sizes = np.subtract(box.high, box.low)[: goals.shape[1]]
    assert (np.ptp(goals, axis=0) > 0.8 * sizes).all()


def test_a_task_whose_goals_follow_from_the_scene_has_none() -> None:
    assert make_env(load_run("arm_insert", ["task.randomization={}"]).task, 1).interface.workspace is None

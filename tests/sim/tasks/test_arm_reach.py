"""Success in arm_reach: within tolerance for as long as asked, and then for good."""

from __future__ import annotations

import torch

from ashore.sim.tasks.arm_reach import ArmReach
from tests.sim.worlds import make


def test_success_latches_until_the_episode_ends() -> None:
    env = make("arm_reach")
    reach = env.task
    assert isinstance(reach, ArmReach)
    action, info = torch.zeros(env.num_envs, env.action_size), {}
    while not reach.success[2]:
        reach.goal.copy_(reach._tool)
        _, _, terminated, truncated, _ = env.step(action)
        assert not (terminated | truncated)[2], "success must come within an episode"
    assert int(env.age[2]) == round(0.5 / 0.02)
    while int(env.age[2]) > 0:
        assert reach.success[2]
        reach.goal.fill_(9.0)
        info = env.step(action)[4]
    assert info["episode"]["success"][info["final_ids"].tolist().index(2)] == 1.0
    assert not reach.success[2], "the next episode starts without it"

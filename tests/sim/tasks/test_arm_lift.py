"""arm_lift: a cube can be grasped, stays grasped, and only then counts as lifted."""

from __future__ import annotations

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from ashore.sim.drive.command import CommandPath
from ashore.sim.env import Env
from ashore.sim.tasks.arm_lift import ArmLift
from tests.sim.worlds import make, task

SPOT = np.array([0.45, 0.0])  # m
OPEN, CLOSED = 0.04, 0.0


def tool_at(model: mujoco.MjModel, start: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """Joint positions [7] with the tool over the spot, straight down, the fingers along y."""
    data, site = mujoco.MjData(model), model.site("tool").id
    data.qpos[:7] = start
    jacp, jacr = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    for _ in range(100):
        mujoco.mj_forward(model, data)
        mujoco.mj_jacSite(model, data, jacp, jacr, site)
        axes = data.site_xmat[site].reshape(3, 3)
        turn = np.cross(axes[:, 2], [0, 0, -1]) + 0.5 * np.cross(axes[:, 1], [0, -1, 0])
        error = np.r_[[*SPOT, height] - data.site_xpos[site], turn]
        jacobian = np.r_[jacp[:, :7], jacr[:, :7]]
        data.qpos[:7] += jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + 1e-4 * np.eye(6), error)
    return np.array(data.qpos[:7])


def stand(env: Env, joints: NDArray[np.float64]) -> None:
    """Put the arm there at rest with its gripper open, and the cube on the spot."""
    world, everyone = env.world, torch.arange(env.num_envs)
    cube = int(world.model.joint("cube").qposadr[0])
    world.qpos[:, cube : cube + 7] = torch.tensor([*SPOT, 0.02, 1, 0, 0, 0])
    world.qpos[:, :7], world.qpos[:, 7:9] = torch.from_numpy(joints), OPEN
    world.qvel.fill_(0.0)
    world.act[:] = world.qpos[:, :8]
    world.forward(everyone)
    assert isinstance(env.command, CommandPath)
    env.command.restart(everyone, world.qpos[:, :8].float())


def follow(env: Env, joints: NDArray[np.float64], finger: float) -> None:
    target = torch.tensor(np.r_[joints, finger], dtype=torch.float32).expand(env.num_envs, -1)
    env.step_towards(target)


def test_a_scripted_grasp_lifts_the_cube_and_holds_it() -> None:
    env = make(task("arm_lift", randomization={}, episode_seconds=20.0), 1)
    lift = env.task
    assert isinstance(lift, ArmLift)
    above = tool_at(env.world.model, np.array(env.settings.robot.home[:7]), 0.15)
    below = tool_at(env.world.model, above, 0.02)
    stand(env, above)
    way = np.linspace(0, 1, 60)[:, None]
    for joints in above + (below - above) * way:
        follow(env, joints, OPEN)
    assert lift._gripped(torch.zeros(1)).item() < 0.05
    for _ in range(60):
        follow(env, below, CLOSED)
    assert lift._gripped(torch.zeros(1)).item() > 0.95
    finger = env.world.qpos[0, 7].item()
    assert 0.015 < finger < 0.021, "the fingers stop at the cube's faces"
    assert abs(env.world.qpos[0, 8].item() - finger) < 0.003, "the other finger follows"
    for joints in below + (above - below) * way:
        follow(env, joints, CLOSED)
    risen = lift._cube[0, 2].item()
    assert risen > 0.13
    lift.goal[0] = lift._cube[0].float()
    for _ in range(50):
        follow(env, above, CLOSED)
    assert risen - lift._cube[0, 2].item() < 0.006, "it may creep, but does not fall"
    assert lift.success.all()
    for _ in range(100):
        follow(env, above, OPEN)
    assert abs(lift._cube[0, 2].item() - 0.02) < 0.002, "let go, it falls to the table"


def test_a_cube_on_the_table_earns_nothing_for_being_lifted() -> None:
    env = make(task("arm_lift", randomization={}), 16)
    for _ in range(20):
        *_, info = env.step(torch.zeros(16, env.action_size))
    lift = env.task
    assert isinstance(lift, ArmLift)
    outcome = lift.judge(env.command.requested_velocity, env.command.previous_velocity)
    names = list(lift.reward_terms)
    assert outcome.metrics is not None
    assert (outcome.rewards[:, [names.index(n) for n in ("lift", "goal", "precision", "collision")]].abs() < 0.02).all()
    assert (outcome.metrics == 0).all()
    assert info == {}

"""Actions of the tool: the chain is the engine's, the tool does what is asked, and the exported graph does the same."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch

from ashore.configs.contract import Interface
from ashore.configs.laws.kinematics import ToolMotion
from ashore.configs.loader import load_run
from ashore.deploy_ros import bundle
from ashore.environments import TEST_SEED, make_env, policy_act
from ashore.policies.acting import Acting
from ashore.policies.export import export_policy
from ashore.policies.networks import make_actor
from ashore.policies.normalize import Normalizer
from ashore.sim.env import Env
from ashore.sim.policy_interface import tool_chain
from ashore.sim.robots.robot import ModelError
from ashore.trained_policy import graph_act
from tests.sim.worlds import cpu_world, make, task

ROBOTS = ("panda", "ur5e", "so101")


def still(robot: str = "panda", worlds: int = 8, preset: str = "arm_push") -> Env:
    return make(load_run(preset, [f"robot={robot}", "task.randomization={}"]).task, worlds)


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_chain_is_the_engines(robot: str) -> None:
    env = still(robot, 1)
    model, motion = env.world.model, ToolMotion(env.interface, torch.float64)
    data, site = mujoco.MjData(model), model.site(env.settings.robot.tool_site or "").id
    joints = [model.joint(name) for name in env.settings.robot.joints]
    for q in np.random.default_rng(0).uniform(-1.5, 1.5, (20, len(joints))):
        for joint, angle in zip(joints, q, strict=True):
            data.qpos[joint.qposadr[0]] = angle
        mujoco.mj_forward(model, data)
        axis, way, pointing = motion._geometry(torch.from_numpy(q)[:, None])
        assert pointing[:, 0].numpy() == pytest.approx(data.site_xmat[site].reshape(3, 3)[:, 2], abs=1e-12)
        for joint, z, r in zip(joints, axis[..., 0], way[..., 0], strict=True):
            assert z.numpy() == pytest.approx(data.xaxis[joint.id], abs=1e-12)
            assert r.numpy() == pytest.approx(data.site_xpos[site] - data.xanchor[joint.id], abs=1e-12)


@pytest.mark.parametrize(("robot", "preset"), [*((robot, "arm_push") for robot in ROBOTS), ("panda", "arm_drawer")])
def test_the_tool_moves_as_asked_and_keeps_pointing_down(robot: str, preset: str) -> None:
    env = still(robot, preset=preset)
    tool, axis = env.task.sensor("tool_position"), env.task.sensor("tool_axis")  # type: ignore[attr-defined]
    for way in ([0.0, 0.0, 0.4, 0.0], [0.0, 0.4, 0.0, 0.0], [0.3, -0.3, 0.0, 0.0]):
        for step in range(25):
            if step == 10:  # it has come up to speed
                before = tool.clone()
            env.step(torch.tensor(way).repeat(8, 1))
        moved = (tool - before).numpy() / (15 * env.settings.control_dt * env.settings.action_scale)
        ahead = moved[:, 0] + 1j * moved[:, 1]
        heading = env.command.heading  # type: ignore[attr-defined]
        if heading is not None:  # x is the way to the goal
            x, y = heading.numpy().T
            ahead /= x + 1j * y
        seen = np.stack((ahead.real, ahead.imag, moved[:, 2]), 1)
        assert np.median(seen, axis=0) == pytest.approx(way[:3], abs=0.08)
    assert axis[:, 2].median() < -0.97


def test_turning_turns_the_tool_and_leaves_it_where_it_is() -> None:
    env = still()
    model = env.world.model
    site, frames = model.site("tool").id, cpu_world(env).batch.bind("site_xmat")
    turning = torch.tensor([0.0, 0.0, 0.0, 0.5]).repeat(8, 1)
    for _ in range(10):  # it comes up to speed
        env.step(turning)
    tool, before = env.task.sensor("tool_position"), frames[:, site].copy()  # type: ignore[attr-defined]
    start = tool.clone()
    for _ in range(25):
        env.step(turning)
    x, y = frames[:, site].reshape(-1, 3, 3)[:, :, 0], before.reshape(-1, 3, 3)[:, :, 0]
    turned = np.arctan2(y[:, 0] * x[:, 1] - y[:, 1] * x[:, 0], (x[:, :2] * y[:, :2]).sum(1))
    assert np.median(turned) == pytest.approx(0.5 * 1.5 * 0.5, rel=0.15)
    assert (tool - start).norm(dim=1).median() < 0.005


def test_the_least_squares_are_solved() -> None:
    motion = ToolMotion(still(worlds=1).interface, torch.float64)
    random = torch.randn(50, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    normal, wanted = random @ random.mT + motion.damping[:, :6, 0], random[:, :, 0]
    found = motion._solve(torch.cat((normal, wanted.unsqueeze(2)), 2).permute(1, 2, 0)).T
    torch.testing.assert_close(found, torch.linalg.solve(normal, wanted))


@pytest.mark.parametrize(("preset", "memory"), [("arm_lift", "none"), ("arm_push", "gru")])
def test_the_exported_graph_asks_the_tool_for_the_same(preset: str, memory: str, tmp_path: Path) -> None:
    """The actor itself moves the arm, beside the graph with the same weights, which are large enough to ask for something."""
    run = load_run(preset, [f"train.algorithm.memory.kind={memory}", "train.algorithm.actor_hidden=[32]"])
    assert run.task.action == "tool"
    env = make_env(run.task, 4, seed=TEST_SEED)
    torch.manual_seed(0)
    actor = make_actor(run.train.algorithm, env.interface.actor_size, env.action_size)
    with torch.no_grad():
        for weights in torch.nn.Sequential(*actor.layers()).parameters():
            weights.normal_(std=0.3)
    normalizer = Normalizer(env.interface.actor_size).eval()
    interface, path = env.interface, tmp_path / "policy.onnx"
    facts = {"trained_on": (), "settings": {}, "settings_sha256": "0" * 64, "trained_steps": 0, "success": None}
    actor = actor.eval()
    contract = export_policy(actor, normalizer, interface, path, ashore_version="test", **facts)  # type: ignore[arg-type]
    assert Interface(**dict(contract.interface) | {"memory": interface.memory}) == interface
    act, graph = policy_act(Acting(actor, normalizer), env), graph_act(bundle.load_policy(path), env)
    obs, moved = env.reset(TEST_SEED), 0.0
    for _ in range(20):
        targets, action = graph(obs), act(obs)
        moved += float(action[:, :2].abs().mean()) / 20
        obs, *_ = env.step(action)
        torch.testing.assert_close(env.command.target, targets, rtol=0, atol=1e-5)  # type: ignore[attr-defined]
    assert moved > 0.1


def test_what_is_no_chain_of_hinges_is_refused() -> None:
    env = make(task("cartpole_swingup", randomization={}), 1)
    robot = env.settings.robot.model_copy(update={"tool_site": None})
    with pytest.raises(ModelError, match="tool_site"):
        tool_chain(env.world.model, robot)
    arm = still(worlds=1)
    shorter = arm.settings.robot.model_copy(update={"joints": arm.settings.robot.joints[1:]})
    with pytest.raises(ModelError, match=r"carried by the joints \['joint1'"):
        tool_chain(arm.world.model, shorter)

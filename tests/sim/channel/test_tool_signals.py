"""Where the tool is told to be: by the robot side's own kinematics from the joints that the encoders tell, errors and all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ashore.configs.laws.tool_pose import Tool
from ashore.configs.loader import load_run
from ashore.environments import make_env
from ashore.randomization.effects.base import SpaceError
from ashore.sim.env import Env

WORLDS = 8
NOMINAL = "task.randomization={}"


def moved(preset: str, overrides: list[str], steps: int = 15) -> Env:
    env = make_env(load_run(preset, overrides).task, WORLDS)
    env.reset(0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        env.step(0.5 * torch.randn(WORLDS, env.action_size, generator=generator))
    return env


def told(env: Env, name: str) -> np.ndarray:
    return env.observation["actor"][:, env.channel.columns(name)].double().numpy()


def by_kinematics(env: Env) -> tuple[np.ndarray, np.ndarray]:
    """Positions [N, 3] and turns [N, 1] that a robot's node computes from the joints that these worlds tell."""
    assert env.interface.tool is not None
    tool = Tool(env.interface.tool, np.array([j.home for j in env.interface.joints]))
    joints = told(env, "joint_position")
    return np.array([tool.pose(q)[:3, 3] for q in joints]), np.array([[tool.turn(q)] for q in joints])


@pytest.mark.parametrize("preset", ["arm_push", "arm_lift", "arm_insert", "arm_drawer"])
def test_without_errors_it_is_the_truth(preset: str) -> None:
    env = moved(preset, [NOMINAL])
    true = env.task.measure()
    for name in ("tool_position", "tool_turn"):
        if name in [s.name for s in env.channel.specs]:
            np.testing.assert_allclose(told(env, name), true[:, env.channel.columns(name)].double(), atol=1e-6)


@pytest.mark.parametrize("preset", ["arm_push", "arm_insert"])
def test_in_randomized_worlds_it_is_what_the_robots_node_computes(preset: str) -> None:
    none = {"tool_position_bias": {"low": 0.0, "high": 0.0}} if preset == "arm_insert" else {}
    env = moved(preset, [f"task.randomization.{k}.{e}={v}" for k, ends in none.items() for e, v in ends.items()])
    positions, turns = by_kinematics(env)
    np.testing.assert_allclose(told(env, "tool_position"), positions, atol=2e-6)
    if preset == "arm_insert":
        np.testing.assert_allclose(told(env, "tool_turn"), turns, atol=5e-6)
    else:
        true = env.task.measure()[:, env.channel.columns("tool_position")].numpy()
        assert np.linalg.norm(positions - true, axis=1).mean() > 1e-3  # m, which nobody on the robot knows


def test_an_arm_that_is_not_as_its_drawing_does_not_know_it() -> None:
    entry = '{"effect": "field", "field": ["body_pos.0"], "match": "link4", "op": "add", "unit": "m", "nominal": 0.0, '
    entry += '"low": 0.01, "high": 0.01}'
    env = moved("arm_push", [f'task.randomization={{"link": {entry}}}'])
    true = env.task.measure()[:, env.channel.columns("tool_position")].numpy()
    off = np.linalg.norm(told(env, "tool_position") - true, axis=1)
    np.testing.assert_allclose(off, 0.01, atol=1e-4)
    np.testing.assert_allclose(told(env, "tool_position"), by_kinematics(env)[0], atol=2e-6)


def test_errors_of_its_own_are_added() -> None:
    entry = '{"effect": "signal", "kind": "bias", "signal": "tool_position", "unit": "m", '
    entry += '"nominal": 0.0, "low": 0.02, "high": 0.02}'
    env = moved("arm_push", [f'task.randomization={{"drawing": {entry}}}'])
    np.testing.assert_allclose(told(env, "tool_position"), by_kinematics(env)[0] + 0.02, atol=2e-6)


@pytest.mark.parametrize("kind", ["latency", "dropout"])
def test_what_only_joints_can_have_is_refused_for_the_tool_alone(kind: str) -> None:
    unit = "s" if kind == "latency" else "1"
    entry = f'{{"effect": "signal", "kind": "{kind}", "signal": "tool_.*", "unit": "{unit}", '
    entry += '"nominal": 0.0, "low": 0.0, "high": 0.02}'
    with pytest.raises(
        SpaceError, match=r"late\.signal = 'tool_\.\*'; allowed: joint_position, from which tool_position"
    ):
        moved("arm_push", [f'task.randomization={{"late": {entry}}}'])

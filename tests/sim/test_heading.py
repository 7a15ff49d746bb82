"""A heading: what an actor sees, and asks of the tool, is counted along the way that the task goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ashore_subjects import graph_act
from ashore_wiring import TEST_SEED, export_untrained, make_env
from configs.contract import Interface
from configs.derived import NEAR, heading_of, turned
from configs.loader import load_run
from deploy_ros import bundle
from sim.env import Env
from tests.sim.worlds import actions, make


def plane(env: Env, name: str) -> np.ndarray:
    """What the actor sees of a place in the plane, as complex numbers [N]."""
    at = 0
    for signal in env.interface.signals:
        if signal.name == name:
            x, y = env.observation["actor"][:, at : at + 2].double().numpy().T
            return np.asarray(x + 1j * y)
        at += signal.size
    raise KeyError(name)


def test_the_actor_sees_ways_along_the_heading_and_its_length() -> None:
    env = make("arm_push")
    assert env.interface.heading == ("goal_position", "puck_position")
    for action in actions(env, env.settings.episode_steps + 5):
        env.step(action)
        puck, tool, goal = (plane(env, f"{name}_position") for name in ("puck", "tool", "goal"))
        way = goal - puck
        ahead = way / np.sqrt(np.abs(way) ** 2 + NEAR**2)
        to_puck, distance = (puck - tool) / ahead * np.abs(ahead) ** 2, (way * ahead.conj()).real
        expected = np.stack((to_puck.real, to_puck.imag, distance), 1)
        assert env.observation["actor"][:, -3:].numpy() == pytest.approx(expected, abs=1e-6)


def test_an_action_is_counted_along_what_the_actor_saw_then() -> None:
    env = make("arm_push")
    for action in actions(env, 30):
        way = plane(env, "goal_position") - plane(env, "puck_position")
        env.step(action)
        heading = env.command.heading
        assert heading is not None
        x, y = heading.double().numpy().T
        assert x + 1j * y == pytest.approx(way / np.sqrt(np.abs(way) ** 2 + NEAR**2), abs=1e-5)


def test_turning_is_multiplying_complex_numbers_and_a_short_way_leads_nowhere() -> None:
    way = torch.tensor([[3.0, 4.0, 7.0], [0.0, -2.0, 1.0]], dtype=torch.float64)
    heading = heading_of(torch.tensor([[0.0, 5.0], [0.0, 0.0]], dtype=torch.float64))
    assert heading.tolist() == [[0.0, pytest.approx(1.0, abs=1e-5)], [0.0, 0.0]]
    assert turned(way, heading)[0].tolist() == pytest.approx([-4.0, 3.0, 7.0], rel=1e-5)
    assert turned(way, heading)[1].tolist() == [0.0, 0.0, 1.0]


def test_actions_that_move_joints_have_no_heading() -> None:
    env = make(load_run("arm_push", ["task.action=velocity", "task.action_scale=0.5"]).task)
    assert env.interface.heading is None
    env.step(actions(env, 1)[0])
    way = plane(env, "goal_position") - plane(env, "puck_position")
    seen = env.observation["actor"][:, -2:].numpy()
    assert seen[:, 0] + 1j * seen[:, 1] == pytest.approx(way, abs=1e-6)


@pytest.mark.parametrize("memory", ["none", "history", "gru"])
def test_the_exported_graph_turns_as_the_environment_does(memory: str, tmp_path: Path) -> None:
    run = load_run("arm_push", [f"train.ppo.memory.kind={memory}"])
    export_untrained(run, tmp_path / "policy.onnx")
    env = make_env(run.task, 4, seed=TEST_SEED)
    act = graph_act(bundle.load_policy(tmp_path / "policy.onnx"), env)
    obs = env.reset(TEST_SEED)
    for _ in range(20):
        targets = act(obs)
        obs, *_ = env.step_towards(targets)
        torch.testing.assert_close(env.command.target, targets, rtol=0, atol=2e-6)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "changes",
    [
        {"heading": ("tool_position", "puck_position")},  # no difference
        {"action": "velocity", "tool": None, "action_scale": (0.1,) * 7},
        {"differences": (("joint_position", "joint_position"),), "heading": ("joint_position", "joint_position")},
    ],
)
def test_a_heading_is_a_way_for_actions_of_the_tool(changes: dict[str, object]) -> None:
    interface = dict(make("arm_push").interface)
    Interface(**interface)
    with pytest.raises(ValueError, match=r"heading = .*allowed"):
        Interface(**interface | changes)

"""A heading: what an actor sees, and asks of the tool, is counted along the way that the task goes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ashore.configs.contract import Interface
from ashore.configs.laws.task_frame import NEAR, Derived, heading_of, turn
from ashore.configs.loader import load_run
from ashore.sim.env import Env
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
        x, y = env.command.heading.double().numpy().T  # type: ignore[attr-defined]
        env.step(action)
        assert x + 1j * y == pytest.approx(way / np.sqrt(np.abs(way) ** 2 + NEAR**2), abs=1e-5)


def test_turning_is_multiplying_complex_numbers_and_a_short_way_leads_nowhere() -> None:
    way = torch.tensor([[3.0, 4.0, 7.0], [0.0, -2.0, 1.0]], dtype=torch.float64)
    heading = heading_of(torch.tensor([[0.0, 5.0], [0.0, 0.0]], dtype=torch.float64))
    assert heading.tolist() == [[0.0, pytest.approx(1.0, abs=1e-5)], [0.0, 0.0]]
    assert turn(way, heading)[0].tolist() == pytest.approx([-4.0, 3.0, 7.0], rel=1e-5)
    assert turn(way, heading)[1].tolist() == [0.0, 0.0, 1.0]


def test_actions_that_move_joints_have_no_heading() -> None:
    env = make(load_run("arm_push", ["task.action=velocity", "task.action_scale=0.5"]).task)
    assert env.interface.heading is None
    env.step(actions(env, 1)[0])
    way = plane(env, "goal_position") - plane(env, "puck_position")
    seen = env.observation["actor"][:, -2:].numpy()
    assert seen[:, 0] + 1j * seen[:, 1] == pytest.approx(way, abs=1e-6)


def test_what_a_caller_does_to_an_observation_changes_nothing() -> None:
    one, other = make("arm_push"), make("arm_push")
    for action in actions(one, 5):
        one.observation["actor"].mul_(0.1)
        one.step(action)
        other.step(action)
        assert torch.equal(one.command.target, other.command.target)  # type: ignore[attr-defined]


def test_a_heading_in_space_keeps_what_is_above_its_plane() -> None:
    push = make("arm_push").interface
    flat = {"puck_position", "goal_position"}
    signals = tuple(s.model_copy(update={"size": 3}) if s.name in flat else s for s in push.signals)
    interface = Interface(**dict(push) | {"signals": signals})
    seen = [torch.zeros(1, s.size) for s in signals]
    seen[[s.name for s in signals].index("goal_position")] += torch.tensor([0.0, 0.3, 0.2])
    to_puck, ahead = Derived(interface)(seen)
    assert interface.sizes_of_differences == (to_puck.shape[1], ahead.shape[1]) == (3, 2)
    assert ahead[0].tolist() == pytest.approx([0.3, 0.2], abs=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"heading": ("tool_position", "puck_position")},  # no difference
        {"action": "velocity", "tool": None, "action_scale": (0.1,) * 7},
        {"differences": (("joint_position", "joint_position"),), "heading": ("joint_position", "joint_position")},
        {"differences": (("goal_position", "puck_position"),) * 2},
        {"action_scale": (0.2, 0.1, 0.1, 1.0)},
    ],
)
def test_a_heading_is_a_way_for_actions_of_the_tool(changes: dict[str, object]) -> None:
    interface = dict(make("arm_push").interface)
    Interface(**interface)
    with pytest.raises(ValueError, match=r"(heading|differences|action_scale) = .*allowed"):
        Interface(**interface | changes)


def test_a_heading_is_in_the_bases_frame() -> None:
    interface = dict(make("arm_push").interface)
    signals = tuple(s.model_copy(update={"frame": "w"} if s.unit == "m" else {}) for s in interface["signals"])
    with pytest.raises(ValueError, match=r"heading = .*base's frame"):
        Interface(**interface | {"signals": signals})

"""What an action asks for: a velocity of the target, an offset from home, or a share of an actuator's range."""

from __future__ import annotations

import mujoco
import pytest
import torch

from ashore.configs.contract import Interface, JointSpec, SignalSpec, target_memory
from ashore.deploy_ros.messages import trajectory_of
from ashore.deploy_ros.safety import Command
from ashore.sim.drive.command import CommandPath, RawActuatorPath

CHANCE = torch.zeros(1, 2)


def interface(action: str) -> Interface:
    joint = JointSpec(name="j", low=-1, high=1, velocity=10, acceleration=1000, home=0.3)
    signal = SignalSpec(
        name="joint_position", size=1, unit="rad", kind="measurement", max_age=0.1, description="encoder"
    )
    return Interface(
        task="t",
        robot="r",
        control_dt=0.02,
        signals=(signal,),
        memory=target_memory(1, "joint_position"),
        joints=(joint,),
        action=action,
        action_scale=(0.5,),
    )


def targets(action: str, actions: list[float]) -> list[float]:
    path = CommandPath(interface(action), 1)
    path.restart(torch.tensor([0]), torch.full((1, 1), 0.2))
    out = []
    for a in actions:
        path.act(torch.tensor([[a]]), CHANCE)
        out.append(path.target.item())
    return out


def test_a_velocity_adds_up_and_an_offset_does_not() -> None:
    assert targets("velocity", [1.0, 1.0, -0.5]) == pytest.approx([0.21, 0.22, 0.215])
    # 10 rad/s allow 0.2 rad a step: from 0.2 to 0.3 + 0.5 * 0.1 at once, then back to 0.3 - 0.05.
    assert targets("position", [0.1, -0.1]) == pytest.approx([0.35, 0.25])


def test_a_point_stays_within_the_position_limits_as_the_one_that_a_robot_is_sent() -> None:
    face = interface("velocity")
    face = face.model_copy(update={"joints": (face.joints[0].model_copy(update={"acceleration": 8.0}),)})
    path = CommandPath(face, 1)
    path.restart(torch.tensor([0]), torch.full((1, 1), 0.5))
    clipped = 0
    for _ in range(60):
        path.follow(torch.full((1, 1), 2.0), None)
        target, velocity = (x[0].double().numpy() for x in (path.target, path.target_velocity))
        (point,) = trajectory_of(Command(target, velocity), face).points
        assert path.end[0].tolist() == pytest.approx(point.position, abs=1e-6) and path.end.item() <= 1.0
        clipped += target.item() + 0.02 * velocity.item() > 1.0 + 1e-4
    assert clipped


def test_a_direct_action_spans_the_control_range_and_remembers_what_was_in_force() -> None:
    xml = """<mujoco><worldbody><body><joint name="j"/><geom size="0.1"/></body></worldbody>
    <actuator><motor joint="j" ctrllimited="true" ctrlrange="-1 3"/></actuator></mujoco>"""
    path = RawActuatorPath(mujoco.MjModel.from_xml_string(xml), 2)
    draws = torch.zeros(2, 2)
    assert path.act(torch.tensor([[0.5], [-7.0]]), draws).flatten().tolist() == [2.0, -1.0]
    path.act(torch.tensor([[0.0], [0.25]]), draws)
    assert path.previous_velocity.flatten().tolist() == [0.5, -1.0] and path.requested_velocity.flatten().tolist() == [
        0.0,
        0.25,
    ]
    path.restart(torch.tensor([1]), torch.zeros(1, 0))
    path.act(torch.zeros(2, 1), draws)
    assert path.previous_velocity.flatten().tolist() == [0.0, 0.0]
    assert path.finite() is None
    path.act(torch.tensor([[float("nan")], [0.0]]), draws)
    finite = path.finite()
    assert finite is not None and finite.tolist() == [False, True]

"""What the gate makes of robots that press on things, and of signals that stop coming: the twin's robot in simulated time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("cyclonedds")

from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import Gate
from ashore.deploy_ros.transforms import Transform
from tests.deploy_ros.twin_cell import Towards, TwinCell, plant

HEALTHY = {Reason.OK, Reason.LIMITED}


def anywhere(robot: Any, span: float, every: float, seed: int) -> Callable[[float], np.ndarray]:
    """A new posture every so many s, up to `span` rad from home."""
    random = np.random.default_rng(seed)
    home = np.array([j.home for j in robot.interface.joints])
    postures = home + random.uniform(-span, span, (200, len(home)))
    return lambda t: postures[int(t / every)]


def cell(
    preset: str, goal: Callable[[Any], Callable[[float], np.ndarray]], *overrides: str, **settings: Any
) -> TwinCell:
    robot = plant(preset, *overrides)
    it = TwinCell(robot, Towards(robot.interface, goal(robot)), **settings)
    it.begin()
    return it


def home(robot: Any) -> Callable[[float], np.ndarray]:
    return lambda _t: np.array([j.home for j in robot.interface.joints])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("preset", "span", "every"),
    [
        ("quadruped_velocity", 0.5, 0.1),
        ("quadruped_getup", 1.2, 0.2),
        ("hand_reorient", 0.8, 0.4),
        ("cartpole_swingup", 0.5, 0.3),
    ],
)
def test_the_gate_has_nothing_to_say_of_robots_that_press_on_things(
    preset: str, span: float, every: float, seed: int
) -> None:
    it = cell(preset, lambda robot: anywhere(robot, span, every, seed))
    outputs = it.run(4.0)
    assert {o.reason for o in outputs} <= HEALTHY and not it.rejected
    assert {o.reason for o in outputs[8:]} == {Reason.OK}


def test_nor_of_legs_that_stand_under_a_load() -> None:
    it = cell("quadruped_velocity", home, "task.randomization.payload.low=4.0", "task.randomization.payload.high=5.0")
    outputs = it.run(4.0)
    sag = max(abs(it.robot.measure()["joint_position"] - home(it.robot)(0.0)))
    assert sag > 0.15, "its servos give way"
    assert {o.reason for o in outputs} <= HEALTHY and {o.reason for o in outputs[8:]} == {Reason.OK}


@pytest.mark.parametrize("output", ["trajectory", "forward"])
def test_a_gripper_that_holds_something_holds_it_and_the_arm_goes_on(output: str) -> None:
    """Its fingers are told to close and cannot: they are held 2 cm from their target, which they cover in 0.4 s."""
    robot = plant("arm_lift", "task.randomization={}")
    arm, sway = np.array([j.home for j in robot.interface.joints]), np.zeros(8)
    sway[3] = 0.2

    def goal(t: float) -> np.ndarray:
        closed = arm + sway * np.sin(2.0 * t)
        closed[7] = 0.0
        return closed

    it = TwinCell(robot, Towards(robot.interface, goal), gripper_output=output)
    it.begin()
    world, k = robot._env.world, 7
    outputs = []
    step = robot.step

    def held(setpoint: np.ndarray) -> None:
        step(setpoint)
        world.qpos[0, k : k + 2], world.qvel[0, k : k + 2] = world.qpos[0, k : k + 2].clip(min=0.02), 0.0

    robot.step = held  # type: ignore[method-assign]
    outputs = it.run(4.0)
    assert {o.reason for o in outputs[8:]} == {Reason.OK} and not it.rejected
    assert max(o.command.extra for o in outputs[20:]) == 0.0, "the arm is not slowed down by it"
    it.node.stop()
    outputs = it.run(1.0)
    assert outputs[-1].reason is Reason.ESTOP and outputs[-1].position[7] < 0.005, "a stop does not let go"


def test_an_estimate_that_stops_coming_brakes_the_robot_and_is_named() -> None:
    it = cell("arm_push", home, "task.randomization={}")
    assert it.run(0.4)[-1].reason in HEALTHY
    it.lost = {"/ashore/puck_pose"}
    outputs = it.run(0.5)
    shut = next(k for k, o in enumerate(outputs) if o.reason is Reason.SIGNAL_STALE)
    assert 0.2 <= (shut + 1) * 0.02 <= 0.24, "0.2 s is the contract's max_age of the puck"
    assert outputs[-1].status.latched and not outputs[-1].velocity.any()
    assert outputs[shut].status.reason.startswith("puck_position is stale (0.2")
    assert outputs[-1].status.reason.endswith(" s old, on /ashore/puck_pose)")
    assert "puck_position is stale" in it.node.reset(it.now)
    it.lost = set()
    assert it.run(0.1)[-1].reason is Reason.SIGNAL_STALE, "it stays shut"
    assert it.node.reset(it.now) == "" and it.run(0.1)[-1].reason in HEALTHY


@pytest.mark.parametrize("told", [Transform("base", "puck_frame", (50.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)),
                                  Transform("nowhere", "puck_frame", (0.4, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))])  # fmt: skip
def test_an_object_whose_frame_is_lost_brakes_the_robot_and_is_named(told: Transform) -> None:
    """It is said to be where no arm reaches, or hangs from a frame that leads to no base."""
    it = cell("arm_push", home, "task.randomization={}", object="puck=tf:puck_frame")
    assert it.run(0.4)[-1].reason in HEALTHY
    it.node.on_transforms([told._replace(stamp=1e-3)], False, it.now)
    output = it.node.step(it.now)
    assert output is not None and output.reason in HEALTHY, (
        "while it is driven, an earlier one than the last says nothing"
    )
    it.node.on_transforms([told], False, it.now)
    output = it.node.step(it.now)
    assert output is not None and output.reason is Reason.SIGNAL_STALE
    assert output.status.reason == "there is no puck pose on tf:puck_frame any more"


def test_a_legged_robot_that_hears_no_command_any_more_is_told_to_stand_still() -> None:
    it = cell("quadruped_velocity", home, "task.randomization={}", "task.options.stand_fraction=0.0")
    it.run(0.2)
    policy: Any = it.node.policy
    assert np.abs(policy.seen[-1]["linear_velocity_command"]).max() > 0.0
    it.lost = {"/cmd_vel"}
    it.run(0.4)
    assert np.abs(policy.seen[-1]["linear_velocity_command"]).max() > 0.0
    it.run(0.2)
    assert not policy.seen[-1]["linear_velocity_command"].any() and not policy.seen[-1]["yaw_rate_command"].any()
    it.lost = {"/imu/data"}
    assert it.run(0.2)[-1].status.reason.startswith("angular_velocity is stale (0.1")


def test_what_is_missing_is_named_before_it_starts() -> None:
    robot = plant("arm_lift", "task.randomization={}")
    it = TwinCell(robot, Towards(robot.interface, home(robot)), object="cube=tf:cube_3")
    told = robot.measure()
    it.lost = {"/tf", "/ashore/goal_pose"}
    it.topics.publish(told)
    assert it.node.missing(it.now) == "no cube pose on tf:cube_3"
    it.lost = {"/ashore/goal_pose"}
    it.topics.publish(told)
    assert it.node.missing(it.now) == "no goal on /ashore/goal_pose"


def test_soft_servos_of_an_arm_give_it_no_more_room() -> None:
    """The SO-101's servos are 0.165 rad off at their greatest torque, more than a period's way; its jaw may press on things."""
    face = plant("arm_lift", "task.robot=so101").interface
    assert min(j.give / (j.velocity * face.control_dt) for j in face.joints) > 1.0
    gate = Gate.of(face)
    assert [bool(x) for x in np.asarray(gate.following.give)] == [j.group == "gripper" for j in face.joints]

"""Joint states of drivers that wrap, jump, tell no velocities or have names of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.joint_states import JointStates
from ashore.deploy_ros.messages import MessageError, RoutingError, trajectory_of
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.safety import Command
from tests.deploy_ros.policies import DT, JOINTS, interface, make_policy
from tests.deploy_ros.rig import GOAL, Rig


def wrapped(q: Any) -> Any:
    return (np.asarray(q) + np.pi) % (2 * np.pi) - np.pi


def endless(home: float = 0.0, **changes: Any) -> Any:
    """The interface, its first joint without end, fast and at `home`."""
    first, *others = interface().joints
    wide = {"continuous": True, "low": -20.0, "high": 20.0, "velocity": 4.0, "home": home}
    return interface(joints=(first.model_copy(update=wide), *others), **changes)


def test_a_continuous_joint_crosses_pi_at_speed() -> None:
    joints = JointStates(endless().joints, needs_velocity=True)
    truth = np.arange(0.0, 15.0, 4.0 * 0.008)  # rad, at 4 rad/s
    seen = [
        joints.read(JOINTS, [wrapped(q), 0, 0], [4.0, 0, 0], 0.008 * k, running=True).position[0]
        for k, q in enumerate(truth)
    ]
    np.testing.assert_allclose(seen, truth, atol=1e-9)


def test_a_continuous_joint_begins_in_the_turn_nearest_to_home() -> None:
    joints = JointStates(endless(home=3.0).joints, needs_velocity=True)
    assert joints.read(JOINTS, [-3.0, 0, 0], [0, 0, 0], 0.0).position[0] == pytest.approx(2 * np.pi - 3.0)
    fixed = JointStates(interface().joints, needs_velocity=True)
    assert fixed.read(JOINTS, [-3.0, 0, 0], [0, 0, 0], 0.0).position[0] == -3.0


def test_a_velocity_across_pi_is_no_turn_back() -> None:
    joints = JointStates(endless().joints, needs_velocity=True, filter_time=0.0)
    with pytest.raises(MessageError, match="the next one tells"):
        joints.read(JOINTS, [3.13, 0, 0], [], 0.0, running=True)
    assert joints.read(JOINTS, [wrapped(3.15), 0, 0], [], 0.01, running=True).velocity[0] == pytest.approx(2.0)


def test_a_second_publisher_is_named_and_the_robot_held(rig: Rig) -> None:
    rig.started()
    for _ in range(10):
        rig.step()
    reasons = []
    for _ in range(20):
        rig.now += DT / 2
        rig.sense(position=rig.q + 1.0)
        rig.now -= DT / 2
        reasons.append(rig.step().status.reason)
    assert rig.controller.latched and "second publisher" in reasons[-1] and "jumped by" in reasons[-1]
    assert "second publisher" in rig.controller.reset(rig.now)


@pytest.mark.parametrize("every", [2, 5])
def test_a_second_publisher_of_another_rate_is_found_too(rig: Rig, every: int) -> None:
    rig.started()
    for k in range(100):
        if k % every == 0:
            rig.now += DT / 2
            rig.sense(position=rig.q + 1.0)
            rig.now -= DT / 2
        output = rig.step()
    assert rig.controller.latched and "second publisher" in output.status.reason


def test_an_encoder_that_wraps_is_named(rig: Rig) -> None:
    rig.started()
    for _ in range(10):
        rig.step()
    stood = rig.q
    for _ in range(30):
        output = rig.step(position=stood + np.array([2 * np.pi, 0, 0]), velocity=(0, 0, 0))
    assert output.reason is Reason.STALE and "does its encoder wrap" in output.status.reason
    assert np.abs(rig.q - stood).max() < 0.2 and not output.velocity.any()  # it is not sent after its encoder
    assert "outside its limits" in rig.controller.reset(rig.now)


def test_a_robot_that_stands_elsewhere_is_taken_up_there_by_a_reset_alone(policy: Policy) -> None:
    rig = Rig(policy, auto_reset=True).started()
    for _ in range(10):
        rig.step()
    there = rig.q + np.array([0.0, 0.0, 0.5])
    for _ in range(30):
        output = rig.step(position=there, velocity=(0, 0, 0))
    assert output.reason is Reason.STALE and "jumped" in output.status.reason and not output.velocity.any()
    assert rig.controller.reset(rig.now) == ""
    np.testing.assert_allclose(rig.step(position=there, velocity=(0, 0, 0)).position, there, atol=0.01)


def test_one_glitch_of_an_encoder_is_left_out_and_stops_nothing(rig: Rig) -> None:
    rig.started()
    for _ in range(10):
        rig.step()
    assert "jumped" in rig.step_refusing(position=rig.q + 1.0)
    for _ in range(150):
        assert rig.step().reason in (Reason.OK, Reason.LIMITED)
    np.testing.assert_allclose(rig.q, GOAL, atol=1e-3)


def test_a_state_that_comes_late_in_a_burst_is_no_jump() -> None:
    joints = JointStates(interface().joints, needs_velocity=True)
    for k in range(10):  # sent every 0.05 s at 2 rad/s, all received at once
        joints.read(JOINTS, [0.1 * k, 0, 0], [2, 0, 0], 5.0 + 1e-4 * k, stamp=100 + 0.05 * k, running=True)


def test_a_filtered_difference_is_the_first_order_lag_of_the_velocity() -> None:
    tau, dt = 0.02, 0.008
    joints = JointStates(interface().joints, needs_velocity=True, filter_time=tau)
    with pytest.raises(MessageError):
        joints.read(JOINTS, [0, 0, 0], [], 0.0)
    for k in range(1, 20):
        v = joints.read(JOINTS, [0.5 * dt * k, 0, 0], [9, 9, 9], dt * k).velocity[0]
        assert v == pytest.approx(0.5 * (1 - np.exp(-dt * k / tau)))  # the step response; what is sent is not looked at


def test_a_driver_without_velocities_drives_where_they_are_derived(policy: Policy) -> None:
    rig = Rig(policy, derive_velocity=True)
    for _ in range(2):
        rig.sense(velocity=())
        rig.now += DT
    rig.controller.on_goal(GOAL, "base")
    assert rig.controller.activate(rig.now) == ""
    for _ in range(200):
        assert rig.step(velocity=()).reason in (Reason.OK, Reason.LIMITED)
    np.testing.assert_allclose(rig.q, GOAL, atol=2e-3)


def test_joints_have_the_robots_names_on_the_wire(policy: Policy) -> None:
    rig = Rig(policy, joint_prefix="left_", joint_map="b=elbow")
    own = ("left_a", "elbow", "left_c")
    assert "no joint ['left_a', 'elbow', 'left_c']; the message has ['a', 'b', 'c']" in rig.sense()
    assert rig.sense(names=own) == ""
    trajectory = trajectory_of(Command(np.zeros(3), np.zeros(3)), rig.controller.interface)
    assert trajectory.joint_names == own


def test_a_map_that_fits_no_joint_or_two_is_refused(policy: Policy) -> None:
    with pytest.raises(RoutingError, match=r"joint_map names \['x'\]; allowed: the policy's joints \['a', 'b', 'c'\]"):
        Rig(policy, joint_map="x=y")
    with pytest.raises(RoutingError, match="each joint of the robot once"):
        Rig(policy, joint_map="a=b")


def test_goals_keep_to_where_training_drew_them_from(tmp_path: Path) -> None:
    box = {"low": (0.3, -0.5, 0.1), "high": (0.6, 0.5, 0.5)}
    policy = load_policy(make_policy(tmp_path / "policy.onnx", interface(workspace=box)))
    on_goal = Rig(policy).controller.on_goal
    assert on_goal(GOAL, "base") == ""
    assert on_goal((0.45, 0.0, -0.3), "base").endswith("z = -0.3 m; allowed: 0.1 to 0.5 (see anywhere)")
    assert "x = 450 m; allowed: 0.3 to 0.6" in on_goal((450.0, 0.0, 0.3), "base")
    assert Rig(policy, anywhere=True).controller.on_goal((0.45, 0.0, -0.3), "base") == ""


def test_what_was_refused_is_why_the_state_is_stale(rig: Rig) -> None:
    rig.started()
    for _ in range(20):
        output = rig.step(velocity=())
    assert output.status.reason.startswith("the joint state is stale (")
    assert "refused: they come without velocities, which the policy needs" in output.status.reason
    last = output.status.reason
    assert rig.step().status.reason == last  # it is why the robot is held, though the state is fresh again
    assert rig.controller.reset(rig.now) == "" and rig.step().status.reason == "following the policy"


def test_a_topic_that_fell_silent_is_named(rig: Rig) -> None:
    rig.started()
    assert rig.run_until(Reason.STALE, sense=False).status.reason.endswith("s old): none comes on /joint_states")


def test_the_joint_whose_value_is_not_finite_is_named(rig: Rig) -> None:
    rig.started()
    rig.step()
    assert rig.step(position=(0.0, np.nan, 0.0)).status.reason.endswith(": the position of b is nan")

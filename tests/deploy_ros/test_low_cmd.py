"""Legs that speak LowCmd and LowState: a node's controller and a twin's robot, joined by these messages in simulated time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("cyclonedds")

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.groups import groups_of
from ashore.deploy_ros.inspect import describe
from ashore.deploy_ros.messages import RoutingError
from ashore.deploy_ros.profile_files import read_profile, with_profile
from ashore.deploy_ros.reasons import Reason
from ashore.deploy_ros.ros_messages import command, subscriptions
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.unitree import LOW_CMD, MOTORS, checksum, low_state
from tests.deploy_ros.twin_cell import Towards, TwinCell, plant

HEALTHY = {Reason.OK, Reason.LIMITED}
GO2: dict[str, Any] = read_profile("go2").settings


def standing(robot: Any) -> Any:
    home = np.array([j.home for j in robot.interface.joints])
    return lambda t: home + 0.1 * np.sin(2.0 * t)


def cell() -> TwinCell:
    robot = plant("quadruped_velocity", "task.randomization={}")
    it = TwinCell(robot, Towards(robot.interface, standing(robot)), **GO2)
    it.begin()
    return it


def test_the_policys_joints_find_their_motors_by_name_whatever_their_order() -> None:
    face = plant("quadruped_velocity", "task.randomization={}").interface
    backwards = face.model_copy(update={"joints": tuple(reversed(face.joints))})
    (group,) = groups_of(backwards, NodeSettings(**GO2))
    sent = command(types, group.content([0.01 * k for k in range(12)]))
    for k, joint in enumerate(backwards.joints):
        motor = sent.motor_cmd[MOTORS.index(joint.name)]
        assert motor.q == pytest.approx(0.01 * k) and (motor.kp, motor.kd) == (joint.kp, joint.kd) and joint.kp > 0
    assert group.told(sent) == pytest.approx(group.as_told([0.01 * k for k in range(12)]))
    assert group.kind == "LowCmd" and group.topic == "/lowcmd"


def test_the_legs_follow_and_the_robot_takes_all_of_it() -> None:
    it = cell()
    outputs = it.run(2.0)
    assert {o.reason for o in outputs} <= HEALTHY and not it.rejected
    assert {"/lowstate", "/cmd_vel"} <= it.topics_heard and not {"/joint_states", "/imu/data"} & it.topics_heard
    seen = it.node.policy.seen[-1]  # type: ignore[union-attr]
    told = it.robot.measure()
    assert np.ptp([o.position for o in outputs], axis=0).max() > 0.1
    assert set(seen) == set(told) - {"goal_position"} and seen["projected_gravity"][2] < -0.9


def test_a_stop_brakes_and_holds_the_legs_where_they_stand_with_their_gains() -> None:
    it = cell()
    it.run(1.3)
    it.node.stop()
    outputs = it.run(1.0)
    assert outputs[-1].reason is Reason.ESTOP and not outputs[-1].velocity.any()
    (group,) = groups_of(it.robot.interface, it.settings)
    assert group.told(it.told) == outputs[-1].position.tolist()
    assert all(motor.kp > 0 and motor.kd > 0 and motor.tau == 0 for motor in it.told.motor_cmd[:12])
    assert it.told.crc == checksum(LOW_CMD, it.told) and not it.rejected
    assert np.abs(outputs[-1].position - outputs[20].position).max() == 0.0, "it holds"


def test_a_command_that_a_robot_would_not_take_leaves_the_twin_where_it_is() -> None:
    it = cell()
    it.run(0.2)
    before = it.controllers.setpoint(it.now).copy()
    (group,) = groups_of(it.robot.interface, it.settings)

    def refused(field: str, value: Any) -> str:
        """Why a command is not taken, in which motor 2 has this value; its checksum is right."""
        message = command(types, group.content([0.3] * 12))
        setattr(message.motor_cmd[2], field, value)
        message.crc = checksum(LOW_CMD, message)
        return it.controllers.accept_low_cmd("/lowcmd", message, it.now)

    assert "motor 2 has mode 0x00" in refused("mode", 0) and "finite values" in refused("q", np.nan)
    damaged = command(types, group.content([0.3] * 12))
    damaged.crc ^= 0x100
    assert "checksum" in it.controllers.accept_low_cmd("/lowcmd", damaged, it.now)
    assert np.array_equal(it.controllers.setpoint(it.now), before)


def states(controller: Controller) -> Any:
    """What takes a LowState."""
    return next(s.take for s in subscriptions(controller) if s.topic == "/lowstate")


def ready() -> tuple[Controller, Any, Any]:
    """A controller that waits, what it takes a LowState with, and what makes one of a robot that stands at home."""
    robot = plant("quadruped_velocity", "task.randomization={}")
    controller = Controller(NodeSettings(**GO2))
    controller.configure(Towards(robot.interface, standing(robot)))  # type: ignore[arg-type]
    order = tuple(MOTORS.index(j.name) for j in robot.interface.joints)

    def state(tick: int) -> Any:
        still, level = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
        return low_state(types, order, robot.home, np.zeros(12), still, level, tick)

    return controller, states(controller), state


@pytest.mark.parametrize(("fault", "named"), [("frozen", "tick stands still at 15"), ("damaged", "its checksum is 0x")])
def test_a_state_that_is_frozen_or_damaged_is_as_none_and_the_status_says_so(fault: str, named: str) -> None:
    controller, take, state = ready()
    assert "no joint state on /lowstate" in controller.missing(1.0)
    now = 1.0
    for tick in range(1, 6):
        assert take(controller, state(tick), now) == ""
        now += 0.002
    assert controller.activate(now) == ""
    output = None
    for tick in range(6, 40):
        message = state(min(tick, 15) if fault == "frozen" else tick)
        if fault == "damaged" and tick > 15:
            message.motor_state[4].q += 0.5  # a checksum of before
        why = take(controller, message, now)
        assert (why == "") == (tick <= 15)
        now += 0.02
        output = controller.step(now)
    assert output is not None and output.reason is Reason.STALE and output.status.latched
    assert output.status.reason.startswith("the joint state is stale (0.") and named in output.status.reason


def test_a_robot_that_was_started_anew_is_refused_once_and_ticks_wrap() -> None:
    controller, take, state = ready()
    assert [take(controller, state(tick), 1.0) for tick in (2**32 - 2, 2**32 - 1, 0, 5)] == [""] * 4
    assert "went from 5 back to 3" in take(controller, state(3), 1.0)
    assert take(controller, state(4), 1.0) == ""
    assert controller.refusals.count == 1


def test_an_attitude_that_is_none_is_refused_though_the_joints_are_taken() -> None:
    controller, take, state = ready()
    message = state(1)
    message.imu_state.quaternion = [0.0] * 4  # of an IMU that has not started
    message.crc = checksum("unitree_go/LowState", message)
    assert "orientation is of length 0" in take(controller, message, 1.0)
    assert "no imu on /lowstate" in controller.missing(1.0)


def test_what_has_no_motors_or_no_gains_is_refused() -> None:
    arm = plant("arm_reach", "task.randomization={}").interface
    with pytest.raises(RoutingError, match=r"no motors \['joint1'.*allowed: \['FR_hip_joint'"):
        groups_of(arm, NodeSettings(**GO2))
    legs = plant("quadruped_velocity", "task.randomization={}").interface
    soft = tuple(j.model_copy(update={"kp": 0.0}) for j in legs.joints)
    with pytest.raises(RoutingError, match="needs kp and kd of"):
        groups_of(legs.model_copy(update={"joints": soft}), NodeSettings(**GO2))


def test_the_profile_narrows_a_policy_of_a_go1_and_inspect_shows_its_topics() -> None:
    robot = plant("quadruped_velocity", "task.randomization={}")
    settings, profile = with_profile(NodeSettings(profile="go2"))
    assert profile is not None
    narrowed = profile.narrowed(robot.interface)
    for mine, its in zip(robot.interface.joints, narrowed.joints, strict=True):
        assert mine.low <= its.low < its.high <= mine.high and its.velocity <= mine.velocity
    contract = Towards(robot.interface, None).contract
    for name in ("trained_steps", "success", "card"):
        setattr(contract, name, None if name != "trained_steps" else 1)
    contract.format, contract.ashore_version, contract.settings_sha256 = 1, "0", "0" * 64
    text = describe(contract, settings, profile)  # type: ignore[arg-type]
    rows = {line.split()[0]: line for line in text.splitlines() if line.split()}
    assert "/lowstate" in rows["angular_velocity"] and "/lowstate" in rows["joint_position"]
    assert "/cmd_vel" in rows["yaw_rate_command"] and rows["RL_calf_joint"].endswith("/lowcmd")
    assert rows["RL_thigh_joint"].split()[1] == "-0.5236", "the Go2's, narrower than the Go1's"

"""A shadow says what the policy would do, moves nothing, and does not complain that the robot does not follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.dds_rig import Node, Robot
from tests.deploy_ros.lifecycle_rig import feed
from tests.deploy_ros.policies import DT, LIMITS
from tests.deploy_ros.rig import GOAL, Rig

TOPIC = "/joint_trajectory_controller/joint_trajectory"


def test_a_robot_that_stands_still_is_told_the_next_step_again_and_again(policy: Policy) -> None:
    rig = Rig(policy, shadow=True).started()
    first = None
    for _ in range(200):  # 4 s, a robot that does not move
        rig.q, rig.v = np.zeros(3), np.zeros(3)
        output = rig.step()
        first = output if first is None else first
        assert output.reason in (Reason.OK, Reason.LIMITED) and output.status.mode == "shadow"
        np.testing.assert_allclose(output.position, first.position, atol=1e-6)
    # One period's worth at the acceleration limit, towards the goal.
    np.testing.assert_allclose(output.velocity, np.sign(GOAL) * LIMITS.acceleration * DT, rtol=1e-4)


def test_commands_begin_where_somebody_else_moves_the_robot(policy: Policy) -> None:
    rig = Rig(policy, shadow=True).started()
    for k in range(100):
        rig.q, rig.v = np.full(3, 0.005 * k), np.full(3, 0.25)
        where = rig.q
        output = rig.step()
        assert output.reason in (Reason.OK, Reason.LIMITED)
        assert (np.abs(output.position - where) <= LIMITS.velocity * DT).all()
        assert (np.abs(output.velocity - 0.25) <= LIMITS.acceleration * DT + 1e-6).all()


def test_what_would_stop_the_policy_stops_its_shadow(policy: Policy) -> None:
    rig = Rig(policy, shadow=True).started()
    rig.step()
    assert rig.run_until(Reason.STALE, sense=False).status.latched
    rig.sense()
    assert rig.controller.reset(rig.now) == ""
    assert rig.step().reason in (Reason.OK, Reason.LIMITED)


def test_over_dds_nothing_is_sent_to_the_controller(participant: Any, patient_file: Path) -> None:
    robot, shadow = Robot(participant), []  # type: ignore[var-annotated]
    participant.reader(f"/ashore/shadow{TOPIC}", types.JointTrajectory, shadow.append, reliable=True, depth=100)
    other = participant.writer(TOPIC, types.JointTrajectory)  # somebody else drives, and is not disturbed
    with Node(patient_file, shadow=True) as node:
        robot.spin_until(lambda: len(shadow) > 30)
        assert robot.statuses[-1]["mode"] == "shadow" and not robot.statuses[-1]["latched"]
    assert node.code == 0 and not robot.commands and other is not None, node.said


def test_as_a_ros_node_nothing_is_sent_to_the_controller(module: Any, patient_file: Path) -> None:
    node = module.PolicyNode({"policy": str(patient_file), "shadow": True})
    node.strangers[TOPIC] = ["somebody"]
    feed(node, lambda: node.tick() or node.sent.get(f"/ashore/shadow{TOPIC}", [])[30:])
    assert node.trigger_deactivate() is not None and not node.sent.get(TOPIC)
    node.end()

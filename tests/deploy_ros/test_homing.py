"""The way home: slow, all joints at once, through the gate; then it holds, and the node ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ashore.configs.contract import JointSpec
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.reasons import Reason
from tests.deploy_ros.cell import Cell, Servos
from tests.deploy_ros.dds_rig import Node, Robot
from tests.deploy_ros.lifecycle_rig import Arm, run
from tests.deploy_ros.policies import DT, JOINTS, LIMITS, interface, make_policy, signal

HOME = np.array([0.2, -0.1, 0.3])
START = np.array([1.2, -0.3, 0.3])


@pytest.fixture(scope="module")
def homed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy whose home is HOME, and whose joint states may be late."""
    joints = tuple(
        JointSpec(name=name, low=low, high=high, velocity=v, acceleration=a, home=home)
        for name, low, high, v, a, home in zip(JOINTS, *(x.tolist() for x in (*LIMITS, HOME)), strict=True)
    )
    signals = tuple(signal(name, max_age=1.0) for name in ("joint_position", "joint_velocity", "goal_position"))
    file = tmp_path_factory.mktemp("home") / "policy.onnx"
    return make_policy(file, interface(joints=joints, signals=signals))


@pytest.fixture(scope="module")
def homed(homed_file: Path) -> Policy:
    return load_policy(homed_file)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_all_joints_go_home_together_within_a_fraction_of_the_limits(homed: Policy, fraction: float) -> None:
    cell = Cell(homed, Servos(START, lag=0.01), goal=(0.0, 0.0, 0.0), home=True, home_speed=fraction)
    cell.run(3.0 / fraction)
    outputs = cell.outputs
    assert {o.reason for o in outputs} <= {Reason.OK, Reason.LIMITED} and outputs[0].status.mode == "home"
    positions, velocities = (np.array([getattr(o, x) for o in outputs]) for x in ("position", "velocity"))
    assert (np.abs(velocities).max(0) <= fraction * LIMITS.velocity * (1 + 1e-6)).all()
    assert np.abs(velocities[:, 0]).max() > 0.9 * fraction * LIMITS.velocity[0]
    steps = np.abs(np.diff(velocities, axis=0)).max(0) / DT
    assert (steps <= fraction * LIMITS.acceleration * 1.01).all()
    done = (positions - START) / (HOME - START + 1e-12)  # of each joint's way
    assert np.abs(done[:, 0] - done[:, 1]).max() < 0.02  # side by side
    np.testing.assert_allclose(positions[-1], HOME, atol=1e-4)
    np.testing.assert_allclose(cell.robot.q, HOME, atol=1e-3)
    assert cell.node.arrived and cell.node.at_home.startswith("at home; ")


def test_it_has_not_arrived_before_the_robot_has(homed: Policy) -> None:
    cell = Cell(homed, Servos(START, lag=0.01), goal=(0.0, 0.0, 0.0), home=True)
    while not cell.node.arrived:
        cell.run(DT)
        assert cell.now < 20
    np.testing.assert_allclose(cell.robot.q, HOME, atol=0.01)
    assert cell.now > np.abs(HOME - START).max() / (0.2 * LIMITS.velocity[0])


def test_the_gate_watches_the_way_home(homed: Policy) -> None:
    cell = Cell(homed, robot := Servos(START, lag=0.01), goal=(0.0, 0.0, 0.0), home=True)
    cell.run(1.0)
    robot.blocked[:] = True
    cell.run_until(Reason.STALLED)
    cell.run(1.0)
    assert not cell.node.arrived and cell.node.at_home.startswith("not at home")


def test_over_dds_it_needs_no_goal_and_ends_at_home(participant: Any, homed_file: Path) -> None:
    robot = Robot(participant)
    robot.q, robot.repeats_goal = START.copy(), False
    with Node(homed_file, home=True, home_speed=1.0, tracking_lag=5.0, tracking_time=10.0) as node:
        robot.spin_until(lambda: not node.thread.is_alive())
    assert node.code == 0, node.said
    np.testing.assert_allclose(robot.q, HOME, atol=1e-3)
    assert not any(robot.commands[-1].points[-1].velocities)
    assert any(line.startswith("at home; ") for line in node.said) and robot.statuses[0]["mode"] == "home"


def test_as_a_ros_node_it_ends_at_home(module: Any, homed_file: Path) -> None:
    def then(turn: Any) -> Iterator[Any]:
        while True:
            yield turn

    code, node = run(module, homed_file, then, home=True, home_speed=1.0)
    assert code == 0 and any(line.startswith("at home; ") for line in node.log), node.log
    np.testing.assert_allclose(Arm(node).commands[-1].points[0].positions, HOME, atol=1e-3)

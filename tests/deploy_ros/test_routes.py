"""Every exported task's signals, from the simulator's channel into ROS messages and out of them again, are the same signals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("cyclonedds")

from ashore.configs.laws.tool_pose import Tool
from ashore.configs.loader import load_run, presets
from ashore.deploy_ros.messages import RoutingError
from ashore.deploy_ros.routes import routes_of
from ashore.sim import tasks
from ashore.sim.robot_simulator import RobotSimulator
from tests.deploy_ros.policies import interface, signal
from tests.deploy_ros.twin_cell import TwinCell, plant

EXPORTED = [
    name
    for name in sorted(presets())
    if not name.endswith(("_sac", "_large", "_trpo", "_ppo_penalty"))  # the same tasks
    and not tasks.find(load_run(name).task.name, None).raw_actuators
]
DERIVED = ("tool_", "rotation_to_goal", "projected_gravity", "cube_orientation")  # not carried as they are


def moved(robot: RobotSimulator, episodes: int = 1) -> Any:
    """What a robot tells while it moves about: signals, again and again."""
    random = np.random.default_rng(0)
    for _ in range(episodes):
        robot.begin_episode()
        most = 0.5 * np.array([j.velocity for j in robot.interface.joints])
        setpoint, speed = robot.home.copy(), random.normal(scale=0.2, size=len(robot.home)).clip(-most, most)
        for _ in range(8):
            for _ in range(10):
                setpoint = setpoint + speed * robot.physics_dt
                robot.step(setpoint)
            yield robot.measure()


@pytest.mark.parametrize("preset", EXPORTED)
def test_signals_arrive_as_the_simulator_tells_them(preset: str) -> None:
    robot = plant(preset, "task.randomization={}")
    wire = TwinCell(robot)
    for told in moved(robot):
        seen = wire.carry(told)
        assert list(seen) == list(told)
        for name, value in told.items():
            np.testing.assert_allclose(seen[name], value, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("preset", EXPORTED)
def test_signals_with_the_errors_of_sensors_and_cameras_arrive_with_them(preset: str) -> None:
    robot = plant(preset)
    wire = TwinCell(robot)
    for told in moved(robot):
        seen = wire.carry(told)
        for name, value in told.items():
            if not name.startswith(DERIVED):
                np.testing.assert_allclose(seen[name], value, atol=1e-6, err_msg=name)
            elif name == "projected_gravity":  # an attitude is told, which has no length
                np.testing.assert_allclose(seen[name], value / np.linalg.norm(value), atol=1e-6)
            else:  # six numbers with noise are no rotation, and the tool follows from encoders that have errors of their own
                np.testing.assert_allclose(seen[name], value, atol=0.15, err_msg=name)


def test_an_object_may_come_from_a_tf_frame_or_from_another_topic() -> None:
    robot = plant("arm_insert", "task.randomization={}")
    for where, topic in (("tf:block_frame", "/tf"), ("/camera/block", "/camera/block")):
        wire = TwinCell(robot, object=f"hole={where}")
        told = next(iter(moved(robot)))
        seen = wire.carry(told)
        assert wire.topics_heard == {"/joint_states", topic}
        np.testing.assert_allclose(
            [*seen["hole_position"], *seen["hole_yaw"]], [*told["hole_position"], *told["hole_yaw"]]
        )


def test_an_object_that_no_signal_tells_of_is_refused() -> None:
    with pytest.raises(RoutingError, match=r"object = 'puck=/a' names \['puck'\]; this policy is told of \['hole'\]"):
        TwinCell(plant("arm_insert"), object="puck=/a")


def test_an_imu_may_be_turned_in_the_base() -> None:
    robot = plant("quadruped_velocity", "task.randomization={}")
    wire = TwinCell(robot, imu_rotation="0.5,0.5,-0.5,0.5")
    for told in moved(robot):
        seen = wire.carry(told)
        for name in ("angular_velocity", "projected_gravity"):
            np.testing.assert_allclose(seen[name], told[name], atol=1e-6)


@pytest.mark.parametrize("robot", ["panda", "ur5e", "so101"])
def test_the_tool_by_the_contracts_chain_is_where_the_simulator_has_it(robot: str) -> None:
    plant_of = plant("arm_push", f"task.robot={robot}", "task.randomization={}", "task.action=velocity")
    face = plant_of.interface
    assert face.action == "velocity" and face.tool is not None, "the chain is there for the signal's sake alone"
    tool = Tool(face.tool, plant_of.home)
    for told in moved(plant_of):
        np.testing.assert_allclose(tool.pose(told["joint_position"])[:3, 3], told["tool_position"], atol=2e-5)


def test_a_signal_without_a_route_is_refused_with_what_is_routable() -> None:
    first = signal("joint_position")
    assert list(routes_of(interface())) == ["joint_position", "joint_velocity", "goal_position"]
    # An estimate of whatever a pose tells of has one.
    assert routes_of(interface(signals=(first, signal("bottle_position"))))["bottle_position"].sources == ("bottle",)
    with pytest.raises(RoutingError, match=r"'wind' has no route .* routable: \['angular_velocity', 'cabinet_yaw'"):
        routes_of(interface(signals=(first, signal("wind"))))
    with pytest.raises(RoutingError, match="goal_position has 3 values in frame 'w'; routable: 2 or 3 in frame 'b'"):
        routes_of(interface(signals=(first, signal("goal_position", frame="w"))))
    with pytest.raises(RoutingError, match="joint_velocity has 2 values"):
        routes_of(interface(signals=(first, signal("joint_velocity", size=2))))
    tool = signal("tool_position", kind="measurement")
    with pytest.raises(RoutingError, match="needs the arm's kinematics, which this policy file lacks; export"):
        routes_of(interface(signals=(first, tool)))

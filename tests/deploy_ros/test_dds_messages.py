"""What goes over DDS is what ROS 2 would send: types, hashes, bytes; and the environment says where to."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.dds import EnvironmentVariableError, cyclone_config, domain_id
from ashore.deploy_ros.dds_types import HASHES, ros_name
from ashore.deploy_ros.message_definitions import DEFINITIONS
from ashore.deploy_ros.messages import Point, Trajectory
from tests.deploy_ros.policies import JOINTS

pytest.importorskip("cyclonedds")


ROS = get_typestore(Stores.ROS2_JAZZY)
CONTROLLER_STATE = "control_msgs/msg/JointTrajectoryControllerState"
# The published definitions: https://docs.ros.org/en/jazzy/p/control_msgs, https://docs.ros.org/en/humble/p/control_msgs
POINTS = "".join(
    f"trajectory_msgs/JointTrajectoryPoint {name}\n" for name in ("reference", "feedback", "error", "output")
)
BEGINNING = f"std_msgs/Header header\nstring[] joint_names\n{POINTS}"
MULTI_DOF = "string[] multi_dof_joint_names\n" + "".join(
    f"trajectory_msgs/MultiDOFJointTrajectoryPoint multi_dof_{name}\n"
    for name in ("reference", "feedback", "error", "output")
)
OLDER = "trajectory_msgs/JointTrajectoryPoint desired\ntrajectory_msgs/JointTrajectoryPoint actual\n"
OLDER_MULTI_DOF = "".join(
    f"trajectory_msgs/MultiDOFJointTrajectoryPoint multi_dof_{name}\n" for name in ("desired", "actual")
)
ROS.register(get_types_from_msg(f"{BEGINNING}{MULTI_DOF}float64 speed_scaling_factor\n", CONTROLLER_STATE))
for name in (name for name in DEFINITIONS if name.startswith("unitree_go/")):
    # LowCmd's hash is also that of rosidl's generated unitree_go/msg/detail/low_cmd__description.c.
    ROS.register(get_types_from_msg(DEFINITIONS[name], name.replace("/", "/msg/")))


def test_type_names_and_hashes_are_those_of_ros() -> None:
    messages = [types.JointState, types.PoseStamped, types.JointTrajectory, types.Float64MultiArray]
    kinds: list[Any] = [
        *messages,
        types.String,
        types.Bool,
        types.DiagnosticArray,
        types.JointTrajectoryControllerState,
    ]
    kinds += [types.PoseWithCovarianceStamped, types.Imu, types.Joy, types.Twist, types.Float64, types.TFMessage]
    kinds += [types.LowCmd, types.LowState]
    assert {ros_name(k) for k in kinds} == set(HASHES)
    assert types.JointState.__idl_typename__ == "sensor_msgs.msg.dds_.JointState_"
    assert {name: ROS.hash_rihs01(name) for name in HASHES} == HASHES


def test_messages_have_the_bytes_that_ros_gives_them() -> None:
    values: Any = [types.KeyValue(key="k", value="v")]
    status: Any = [types.DiagnosticStatus(level=2, name="n", message="m", values=values)]
    transforms: Any = [types.TransformStamped(child_frame_id="puck", transform=types.Transform())]
    messages: list[Any] = [
        ros.joint_state(types, JOINTS, np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3]), 12.5),
        ros.pose(types, np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0, 0.0]), "base", 12.5),
        ros.joint_trajectory(types, Trajectory(JOINTS, (Point((1.0, 2.0, 3.0), (0.1, 0.2, 0.3), 0.04),))),
        ros.float_array(types, [1.0, 2.0]),
        ros.imu(types, np.array([0.1, 0.2, 0.3]), np.array([0.8, 0.0, 0.6, 0.0]), "imu", 12.5),
        ros.twist(types, np.array([0.5, 0.1, 0.0]), np.array([0.0, 0.0, -0.3])),
        types.Float64(data=0.25),
        types.PoseWithCovarianceStamped(pose=types.PoseWithCovariance(covariance=[0.1 * k for k in range(36)])),
        types.TFMessage(transforms=transforms),
        types.String(data="status"),
        types.Bool(data=True),
        types.DiagnosticArray(status=status),
        ros.controller_state(types, JOINTS, (np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3])), 12.5),
    ]
    for message in messages:
        name = ros_name(type(message))
        sent = message.serialize(use_version_2=False)
        read = ROS.deserialize_cdr(sent, name)
        assert bytes(ROS.serialize_cdr(read, name))[4:] == bytes(sent)[4 : 4 + len(ROS.serialize_cdr(read, name)) - 4]
    state = ROS.deserialize_cdr(messages[0].serialize(use_version_2=False), "sensor_msgs/msg/JointState")
    assert state.name == list(JOINTS) and state.velocity.tolist() == [0.1, 0.2, 0.3]  # type: ignore[attr-defined]
    assert (state.header.stamp.sec, state.header.stamp.nanosec) == (12, 500_000_000)  # type: ignore[attr-defined]


def controller_state_bytes(store: Any) -> bytes:
    """A message whose setpoint is at 1, 2, 3 rad and 0.1, 0.2, 0.3 rad/s, and whose other points are elsewhere."""
    kinds, none = store.types, np.zeros(0)
    duration = kinds["builtin_interfaces/msg/Duration"](sec=0, nanosec=0)

    def point(*q: float) -> Any:
        position = np.array(q)
        return kinds["trajectory_msgs/msg/JointTrajectoryPoint"](
            positions=position, velocities=position / 10, accelerations=none, effort=none, time_from_start=duration
        )

    multi_dof = kinds["trajectory_msgs/msg/MultiDOFJointTrajectoryPoint"](
        transforms=[], velocities=[], accelerations=[], time_from_start=duration
    )
    stamp = kinds["builtin_interfaces/msg/Time"](sec=1, nanosec=2)
    first = {"header": kinds["std_msgs/msg/Header"](stamp=stamp, frame_id=""), "joint_names": list(JOINTS)}
    first |= {"reference": point(1.0, 2.0, 3.0), "multi_dof_joint_names": [], "speed_scaling_factor": 1.0}
    wanted = [name for name in inspect.signature(kinds[CONTROLLER_STATE]).parameters if name != "__msgtype__"]
    rest = {
        name: multi_dof if name.startswith("multi_dof") else point(7.0, 8.0, 9.0)
        for name in wanted
        if name not in first
    }
    message = kinds[CONTROLLER_STATE](**{name: (first | rest)[name] for name in wanted})
    return bytes(store.serialize_cdr(message, CONTROLLER_STATE))


def test_a_controllers_setpoint_is_read_from_humble_too() -> None:
    humble: Any = get_typestore(Stores.ROS2_HUMBLE)
    humble.register(get_types_from_msg(f"{BEGINNING}{OLDER}{MULTI_DOF}{OLDER_MULTI_DOF}", CONTROLLER_STATE))
    for store in (humble, ROS):
        read = types.JointTrajectoryControllerState.deserialize(controller_state_bytes(store))
        assert list(read.joint_names) == list(JOINTS)
        assert list(read.reference.positions) == [1.0, 2.0, 3.0]
        np.testing.assert_allclose(read.reference.velocities, [0.1, 0.2, 0.3])


def test_a_trajectory_survives_its_message() -> None:
    trajectory = Trajectory(
        JOINTS, (Point((1.0, 2.0, 3.0), (), 0.04), Point((1.0, 2.0, 3.0), (0.1, 0.2, 0.3), 1.5)), 12.25
    )
    assert ros.read_trajectory(ros.joint_trajectory(types, trajectory)) == trajectory


def test_the_domain_id_is_taken_from_the_environment() -> None:
    assert domain_id({}) == 0 and domain_id({"ROS_DOMAIN_ID": "42"}) == 42 and domain_id({"ROS_DOMAIN_ID": ""}) == 0
    for bad in ("-1", "233", "robot", "\u00b2", "\u0664"):
        with pytest.raises(EnvironmentVariableError, match="allowed: 0 to 232"):
            domain_id({"ROS_DOMAIN_ID": bad})


def test_the_discovery_range_becomes_cyclones_configuration() -> None:
    reach = "ROS_AUTOMATIC_DISCOVERY_RANGE"
    assert cyclone_config({}) is None and cyclone_config({reach: "SUBNET"}) is None
    assert cyclone_config({reach: "SYSTEM_DEFAULT", "ROS_STATIC_PEERS": "10.0.0.1"}) is None
    local = cyclone_config({reach: "LOCALHOST"})
    assert local is not None and 'NetworkInterface address="127.0.0.1"' in local and "<AllowMulticast>false" in local
    assert cyclone_config({"ROS_LOCALHOST_ONLY": "1", "ROS_STATIC_PEERS": "10.0.0.1"}) == local
    peers = cyclone_config({"ROS_STATIC_PEERS": "10.0.0.1;robot.local"})
    assert peers is not None and '<Peer address="10.0.0.1"/><Peer address="robot.local"/>' in peers
    assert "AllowMulticast" not in peers
    both = cyclone_config({reach: "LOCALHOST", "ROS_STATIC_PEERS": "10.0.0.1"})
    assert (
        both is not None
        and '<Peer address="localhost"/><Peer address="10.0.0.1"/>' in both
        and "Interfaces" not in both
    )
    off = cyclone_config({reach: "OFF", "CYCLONEDDS_URI": "file:///c.xml"})
    assert off is not None and "<Tag>ashore_" in off and off.endswith(",file:///c.xml")
    with pytest.raises(EnvironmentVariableError, match="allowed: SUBNET, LOCALHOST, OFF"):
        cyclone_config({reach: "WORLD"})
    with pytest.raises(EnvironmentVariableError, match="ROS_STATIC_PEERS"):
        cyclone_config({"ROS_STATIC_PEERS": 'a"/><Evil'})


ABSENT = (
    "<CycloneDDS><Domain><General><Interfaces><NetworkInterface name='absent0'/></Interfaces></General></Domain>"
    "</CycloneDDS>"
)


def test_an_interface_that_is_absent_is_named_and_not_the_loopback() -> None:
    environment = os.environ | {"CYCLONEDDS_URI": ABSENT, "ROS_DOMAIN_ID": "77"}
    command = "from ashore.deploy_ros.dds import *\ntry: Participant()\nexcept EnvironmentVariableError as e: print(e)"
    run = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "CYCLONEDDS_URI" in run.stdout and "absent0" in run.stdout
    run = subprocess.run(
        [sys.executable, "-m", "ashore", "doctor"], env=environment, capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert run.returncode != 0
    assert "CYCLONEDDS_URI" in run.stdout and "is the loopback interface up" not in run.stdout

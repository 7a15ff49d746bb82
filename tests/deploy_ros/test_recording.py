"""A recording is what ROS 2 tools read: definitions, bytes, file; and nothing that a disk does reaches the node."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("cyclonedds")

from rosbags.rosbag2 import Reader as Rosbag2Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from ashore.deploy_ros import cdr, recording
from ashore.deploy_ros import dds_types as types
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.cdr import CdrError, decode, encode
from ashore.deploy_ros.mcap import Metadata, Reader, RecordingError
from ashore.deploy_ros.message_definitions import DEFINITIONS, HASHES, full_text, ros_name
from ashore.deploy_ros.messages import Point, Trajectory
from ashore.deploy_ros.recording import ABOUT, EVENTS, Recording
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.unitree import MotorTargets, low_state
from tests.deploy_ros.policies import JOINTS
from tests.deploy_ros.recordings import TOPIC, RecordedRun, recorded, replayed

ROS = get_typestore(Stores.ROS2_JAZZY)
# Not in the store; its definition is held to its hash and to the published one by test_dds_messages.
CONTROLLER_STATE = "control_msgs/JointTrajectoryControllerState"
UNITREE = [name for name in DEFINITIONS if name.startswith("unitree_go/")]
for strange in (CONTROLLER_STATE, *UNITREE):
    ROS.register(get_types_from_msg(DEFINITIONS[strange], ros_name(strange)))

VALUES: Any = [types.KeyValue(key="k", value="v")]
STATUS: Any = [types.DiagnosticStatus(level=2, name="n", message="m", values=VALUES)]
TRANSFORMS: Any = [types.TransformStamped(child_frame_id="puck")]
MESSAGES: list[Any] = [
    ros.joint_state(types, JOINTS, np.array([1.0, -0.0, 1e-300]), np.array([0.1, np.nan, np.inf]), 12.5),
    ros.pose(types, np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0, 0.0]), "base", 12.5),
    ros.joint_trajectory(types, Trajectory(JOINTS, (Point((1.0, 2.0, 3.0), (0.1, 0.2, 0.3), 0.04),))),
    ros.float_array(types, [1.0, 2.0]),
    ros.imu(types, np.array([0.1, 0.2, 0.3]), np.array([0.8, 0.0, 0.6, 0.0]), "imu", 12.5),
    ros.twist(types, np.array([0.5, 0.1, 0.0]), np.array([0.0, 0.0, -0.3])),
    types.Float64(data=0.25),
    types.PoseWithCovarianceStamped(pose=types.PoseWithCovariance(covariance=[0.1 * k for k in range(36)])),
    types.Joy(axes=[0.5, -1.0], buttons=[0, 1, 1]),  # type: ignore[arg-type]
    types.TFMessage(transforms=TRANSFORMS),
    types.String(data="holding: µ"),
    types.Bool(data=True),
    types.DiagnosticArray(status=STATUS),
    ros.controller_state(types, JOINTS, (np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3])), 12.5),
    ros.command(types, MotorTargets((3, 0), (0.4, -0.2), (40.0, 35.0), (1.0, 0.5))),
    low_state(types, (0, 1), np.array([0.1, -0.2]), np.ones(2), np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), 77),
]


def name_of(message: Any) -> str:
    return types.ros_name(type(message)).replace("/msg/", "/")


def test_definitions_and_hashes_are_those_of_ros() -> None:
    fresh = get_typestore(Stores.EMPTY)
    for name, text in DEFINITIONS.items():
        fresh.register(get_types_from_msg(text, ros_name(name)))
    for name in DEFINITIONS:
        assert full_text(name) == ROS.generate_msgdef(ros_name(name), ros_version=2)[0].rstrip("\n") + "\n", name
        assert fresh.hash_rihs01(ros_name(name)) == ROS.hash_rihs01(ros_name(name))
    assert {name: fresh.hash_rihs01(name) for name in HASHES} == HASHES
    assert {types.ros_name(type(message)) for message in MESSAGES} == set(HASHES)


@pytest.mark.parametrize("message", MESSAGES, ids=name_of)
def test_bytes_are_those_of_ros_and_read_back_to_the_same(message: Any) -> None:
    name = name_of(message)
    data = encode(name, message)
    assert data == bytes(ROS.serialize_cdr(ROS.deserialize_cdr(data, ros_name(name)), ros_name(name)))
    sent = bytes(message.serialize(use_version_2=False))
    assert data[4:] == sent[4 : len(data)] and len(sent) - len(data) < 4  # DDS pads to words
    assert encode(name, decode(name, data)) == data


def test_what_a_distributions_message_lacks_is_zero_and_a_byte_may_be_bytes() -> None:
    older = SimpleNamespace(joint_names=list(JOINTS), reference=SimpleNamespace(positions=np.array([1.0, 2.0, 3.0])))
    read = decode(CONTROLLER_STATE, encode(CONTROLLER_STATE, older))
    assert read.joint_names == list(JOINTS) and read.reference.positions == [1.0, 2.0, 3.0]
    assert read.reference.velocities == [] and read.speed_scaling_factor == 0.0
    status = "diagnostic_msgs/DiagnosticStatus"
    assert decode(status, encode(status, SimpleNamespace(level=b"\x02"))).level == 2


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MESSAGES), st.data())
def test_bytes_of_any_kind_make_a_message_or_one_error(message: Any, data: Any) -> None:
    good = bytearray(encode(name_of(message), message))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at] = data.draw(st.integers(0, 255))
    cut = bytes(good[: data.draw(st.integers(0, len(good)))])
    for damaged in (bytes(good), cut, b"\0\1\0\0" + b"\xff" * 64):
        with suppress(CdrError):
            decode(name_of(message), damaged)


def test_rosbags_reads_the_file_back(tmp_path: Path, policy_file: Path) -> None:
    path = recorded(tmp_path / "run.mcap", policy_file)
    with Rosbag2Reader(path) as bag:
        counts = {c.topic: (c.msgtype, c.msgcount) for c in bag.connections}
        read = [(c.topic, ROS.deserialize_cdr(data, c.msgtype)) for c, _, data in bag.messages()]
        texts = {c.msgtype: c.msgdef.data for c in bag.connections}
    assert counts["/joint_states"] == ("sensor_msgs/msg/JointState", 151)
    assert counts[TOPIC] == ("trajectory_msgs/msg/JointTrajectory", 150)
    assert counts["/ashore/goal_pose"] == ("geometry_msgs/msg/PoseStamped", 2)
    assert counts["/ashore/stop"] == counts["/ashore/reset"] == ("std_msgs/msg/Bool", 1)
    assert texts["std_msgs/msg/Bool"] == "bool data\n"
    ours = [m for m in Reader(path) if not isinstance(m, Metadata) and m.topic == TOPIC]
    theirs: list[Any] = [m for topic, m in read if topic == TOPIC]
    positions = [decode("trajectory_msgs/JointTrajectory", m.data).points[0].positions for m in ours]
    assert positions == [m.points[0].positions.tolist() for m in theirs] and len(positions) == 150
    about = next(iter(Reader(path)))
    assert isinstance(about, Metadata) and about.name == ABOUT
    assert about.values["policy_sha256"] == load_policy(policy_file).sha256
    assert NodeSettings.model_validate_json(about.values["settings"]) == NodeSettings()


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path, policy_file: Path) -> None:
    path, said = tmp_path / "run.mcap", []  # type: ignore[var-annotated]
    path.write_bytes(b"mine")
    policy = load_policy(policy_file)
    tape = Recording(path, policy, NodeSettings(), said.append)
    tape.close()
    assert path.read_bytes() == b"mine" and said[0] == f"recording to {tmp_path / 'run_1.mcap'}"
    with pytest.raises(RecordingError, match=r"record = '.*/absent/run.mcap': No such file or directory"):
        Recording(tmp_path / "absent" / "run.mcap", policy, NodeSettings(), said.append)


def test_what_does_not_fit_is_counted_and_said_and_holds_up_nobody(
    tmp_path: Path, policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    disk = threading.Event()  # until it is set, the disk stands still

    def slow(name: str, message: Any) -> bytes:
        assert disk.wait(30)
        return encode(name, message)

    monkeypatch.setattr(recording, "MOST_WAITING", 64)
    monkeypatch.setattr(cdr, "encode", slow)
    run = RecordedRun(tmp_path / "run.mcap", policy_file, said.append)
    run.steps(50)
    disk.set()
    assert isinstance(run.tape, Recording)
    run.tape.close()
    # of 3 messages a step and 3 before the first: 64 wait, and the thread may hold one
    assert run.tape.dropped in (153 - 64, 153 - 65)
    assert said[-1] == (
        f"recorded 153 messages to {tmp_path / 'run.mcap'}, {run.tape.dropped} that did not fit are not in it"
    )
    code, lines = replayed(tmp_path / "run.mcap", policy_file)
    assert code == 1 and lines[0].startswith("equal to the bit: ")
    assert "did not fit while recording" in lines[1]  # at the end, or an event in between


def test_a_full_disk_is_said_and_the_node_goes_on(
    tmp_path: Path, policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(recording, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(recording, "_opened", lambda path: (path, open("/dev/full", "wb")))  # noqa: SIM115
    run = RecordedRun(tmp_path / "run.mcap", policy_file, said.append)
    run.steps(50)
    run.tape.close()
    assert "the recording ends here: No space left on device" in said and "No space left" in said[-1]
    assert run.controller.steps == 50


def test_messages_without_an_event_do_not_pile_up(tmp_path: Path, policy_file: Path) -> None:
    run = RecordedRun(tmp_path / "run.mcap", policy_file)
    for _ in range(250):
        run.sense()
    run.steps(1)
    run.tape.close()
    events = [
        json.loads(decode("std_msgs/String", m.data).data)
        for m in Reader(tmp_path / "run.mcap")
        if not isinstance(m, Metadata) and m.topic == EVENTS
    ]
    assert [(e["event"], len(e["took"])) for e in events] == [
        ("activate", 2),
        ("took", 100),
        ("took", 100),
        ("step", 51),
    ]
    assert replayed(tmp_path / "run.mcap", policy_file)[0] == 0

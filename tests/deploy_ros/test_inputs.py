"""What sources tell is checked, aged and chained through TF; numbers by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ashore.configs.contract import Interface, JointSpec
from ashore.deploy_ros import quaternions
from ashore.deploy_ros.following import Measured
from ashore.deploy_ros.inputs import Inputs
from ashore.deploy_ros.joint_states import implausible
from ashore.deploy_ros.messages import MessageError
from ashore.deploy_ros.settings import NodeSettings
from ashore.deploy_ros.transforms import LONGEST_CHAIN, Transform, Transforms
from tests.deploy_ros.policies import interface, signal

HALF = math.sqrt(0.5)
QUARTER = (HALF, 0.0, 0.0, HALF)  # turn about z, wxyz
NONE = (1.0, 0.0, 0.0, 0.0)
STILL = Measured(np.zeros(3), np.zeros(3), 0.0)


def inputs(*names: str, **settings: Any) -> Inputs:
    rows: dict[str, dict[str, Any]] = {
        "puck_position": {"size": 2, "max_age": 0.2},
        "cube_orientation": {"size": 4, "unit": "1"},
        "angular_velocity": {"kind": "measurement", "unit": "rad/s"},
        "projected_gravity": {"kind": "measurement", "unit": "1"},
        "linear_velocity_command": {"kind": "command", "size": 2, "unit": "m/s", "max_age": 0.5},
        "goal_orientation": {"kind": "command", "size": 6, "unit": "1"},
        "rotation_to_goal": {"size": 6, "unit": "1"},
    }
    signals = [signal("joint_position"), *(signal(name, frame="b", **rows[name]) for name in names)]
    return Inputs(interface(signals=tuple(signals)), NodeSettings(**settings))


@pytest.mark.parametrize(
    ("name", "values", "frame", "why"),
    [
        ("puck", (0.4, math.nan, 0.0, *NONE), "base", "at .*nan.* allowed: within"),
        ("puck", (0.4, 2e3, 0.0, *NONE), "", "allowed: within 1e.03 m of the base"),
        ("puck", (0.4, 0.1, 0.0, *NONE), "camera", "in frame 'camera'; allowed: 'base' or none"),
        ("puck", ("a", 0.1, 0.0, *NONE), "", "reading is no list of numbers"),
        ("puck", (0.4, 0.1), "", "of 2 values; allowed: 7"),
        ("cube", (0.4, 0.1, 0.0, 1.0, 1.0, 0.0, 0.0), "", "orientation is of length 1.41; allowed: a unit quaternion"),
        ("imu", (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), "imu", "orientation is of length 0; allowed: a unit quaternion"),
        ("imu", (500.0, 0.0, 0.0, *NONE), "imu", "allowed: finite values below 100"),
        ("twist", (math.inf, 0.0, 0.0, 0.0, 0.0, 0.0), "", "allowed: finite values below 100"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(name: str, values: Any, frame: str, why: str) -> None:
    told = inputs("puck_position", "cube_orientation", "angular_velocity", "linear_velocity_command")
    with pytest.raises(MessageError, match=why):
        told.take(name, values, frame, 0.0)


def test_a_position_alone_needs_no_orientation() -> None:
    told = inputs("puck_position")
    told.take("puck", (0.4, 0.1, 0.02, 0.0, 0.0, 0.0, 0.0), "/base", 0.0)
    assert told.signals(STILL, 0.0)["puck_position"].tolist() == [0.4, 0.1]


def test_ages_are_those_of_each_signal_and_a_twist_is_waited_for_by_nobody() -> None:
    told = inputs("puck_position", "cube_orientation", "linear_velocity_command")
    missing = told.missing(0.0)
    assert missing is not None and (missing.label, missing.where) == ("puck pose", "/ashore/puck_pose")
    told.take("puck", (0.4, 0.1, 0.0, *NONE), "", 1.0)
    told.take("cube", (0.4, 0.1, 0.0, *NONE), "", 1.0)
    told.take("twist", (0.3, -0.1, 9.0, 9.0, 9.0, 0.2), "", 1.0)
    assert told.missing(1.0) is None and told.stale(1.09) == ""
    assert told.stale(1.15) == "cube_orientation is stale (0.15 s old, on /ashore/cube_pose)"
    told.take("cube", (0.4, 0.1, 0.0, *NONE), "", 1.2)
    assert told.stale(1.25) == "puck_position is stale (0.25 s old, on /ashore/puck_pose)"
    assert told.signals(STILL, 1.5)["linear_velocity_command"].tolist() == [0.3, -0.1]
    assert told.signals(STILL, 1.6)["linear_velocity_command"].tolist() == [0.0, 0.0]


def test_gravity_and_turning_are_seen_from_the_base() -> None:
    """The robot leans forward by a quarter turn about y: down is along its x axis. The IMU's x axis is the base's y axis."""
    told = inputs("angular_velocity", "projected_gravity", imu_rotation=",".join(map(str, QUARTER)))
    base = np.array([HALF, 0.0, HALF, 0.0])
    told.take("imu", (1.0, 2.0, 3.0, *quaternions.multiply(base, np.array(QUARTER))), "imu_link", 0.0)
    signals = told.signals(STILL, 0.0)
    assert signals["projected_gravity"].tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-9)
    assert signals["angular_velocity"].tolist() == pytest.approx([-2.0, 1.0, 3.0])


def test_the_way_to_a_goal_is_what_turns_the_cube_there() -> None:
    told = inputs("rotation_to_goal", "goal_orientation")
    told.take("cube", (0.0, 0.0, 0.0, HALF, HALF, 0.0, 0.0), "", 0.0)  # a quarter turn about x
    told.take("goal", (0.0, 0.0, 0.0, *quaternions.multiply(np.array(QUARTER), np.array([HALF, HALF, 0, 0]))), "", 0.0)
    signals = told.signals(STILL, 0.0)
    assert signals["rotation_to_goal"].tolist() == pytest.approx([0, 1, 0, -1, 0, 0], abs=1e-9)  # x to y, y to -x
    assert signals["goal_orientation"].tolist() == pytest.approx([0, 1, 0, 0, 0, 1], abs=1e-9)


def test_frames_are_chained_and_the_oldest_dates_the_pose() -> None:
    """The camera hangs in the world, turned by a quarter about z; the base stands beside it, the puck is before the camera."""
    tree = Transforms()
    tree.take(
        [Transform("world", "camera", (1.0, 0.0, 0.5), QUARTER), Transform("world", "base", (0.5, 0, 0), NONE)],
        True,
        0.0,
    )
    assert tree.look_up("base", "puck", 1.0) is None
    tree.take([Transform("/camera", "/puck", (0.2, 0.0, 0.0), NONE)], False, 1.0)
    found = tree.look_up("base", "puck", 3.0)
    assert found is not None and found[1] == 1.0
    assert found[0].tolist() == pytest.approx([0.5, 0.2, 0.5, *QUARTER])
    seen = tree.look_up("puck", "base", 3.0)  # the other way round
    assert seen is not None and seen[0][:3].tolist() == pytest.approx([-0.2, 0.5, -0.5])
    static = tree.look_up("base", "camera", 3.0)
    assert static is not None and static[1] == 3.0, "what is static does not age"
    assert tree.look_up("base", "base", 2.0) is not None


def test_frames_that_make_no_sense_are_left_out() -> None:
    tree = Transforms()
    tree.take(
        [Transform("base", "a", (0, math.nan, 0), NONE), Transform("base", "b", (0, 0, 0), (1, 1, 0, 0))], False, 0.0
    )
    assert tree.look_up("base", "a", 0.0) is None and tree.look_up("base", "b", 0.0) is None
    tree.take([Transform("x", "y", (0, 0, 0), NONE), Transform("y", "x", (0, 0, 0), NONE)], False, 0.0)
    assert tree.look_up("x", "y", 0.0) is None, "a circle"
    tree.take([Transform(f"f{k}", f"f{k + 1}", (0, 0, 0.1), NONE) for k in range(LONGEST_CHAIN)], False, 0.0)
    assert tree.look_up("f0", "f9", 0.0) is not None and tree.look_up("f0", f"f{LONGEST_CHAIN}", 0.0) is None


def test_a_tf_frame_that_is_lost_makes_its_signal_stale() -> None:
    told = inputs("puck_position", object="puck=tf:puck_frame")
    missing = told.missing(0.0)
    assert missing is not None and missing.where == "tf:puck_frame"
    told.take_transforms([Transform("base", "puck_frame", (0.4, 0.1, 0.0), NONE)], False, 1.0)
    assert told.missing(1.0) is None and told.signals(STILL, 1.1)["puck_position"].tolist() == [0.4, 0.1]
    assert told.stale(1.5) == "puck_position is stale (0.50 s old, on tf:puck_frame)"


def test_rotations_by_two_columns_come_back() -> None:
    random = np.random.default_rng(0)
    for _ in range(100):
        q = random.normal(size=4)
        q = quaternions.canonical(q / np.linalg.norm(q))
        assert quaternions.from_columns(quaternions.columns(q)) == pytest.approx(q, abs=1e-9)
        x, y = random.normal(size=(2, 3))
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
        assert quaternions.rotate(quaternions.turning(x, y), x) == pytest.approx(y)
    assert quaternions.rotate(quaternions.turning(x, -x), x) == pytest.approx(-x)
    assert quaternions.yaw(quaternions.about_z(2.5)) == pytest.approx(2.5)


def test_a_joint_under_load_may_stand_a_little_outside_of_its_limits() -> None:
    stands = SimpleNamespace(position=np.array([1.2]), velocity=np.zeros(1))
    joint: dict[str, Any] = {
        "name": "calf",
        "low": -1.0,
        "high": 1.0,
        "velocity": 1.0,
        "acceleration": 1.0,
        "home": 0.0,
    }
    assert "outside its limits" in implausible([JointSpec(**joint)], stands)  # type: ignore[arg-type]
    assert implausible([JointSpec(**joint, give=0.3)], stands) == ""  # type: ignore[arg-type]


def test_an_interface_of_before_loads_without_groups_and_gains() -> None:
    data = interface().model_dump(mode="json")
    for joint in data["joints"]:
        for name in ("group", "kp", "kd", "give"):
            del joint[name]
    assert Interface.model_validate(data) == interface()


def test_what_is_sent_again_with_its_old_stamp_makes_no_measurement_fresh() -> None:
    told, seen = inputs("puck_position", "angular_velocity", "linear_velocity_command"), (0.4, 0.1, 0.0, *NONE)
    told.take("puck", seen, "", 1.0, 50.0)
    with pytest.raises(MessageError, match=r"its stamp 50.000 s is not after 50.000 s"):
        told.take("puck", seen, "", 1.2, 50.0)
    told.take("imu", seen, "", 1.25, 50.0)
    assert told.stale(1.3) == (
        "puck_position is stale (0.30 s old, on /ashore/puck_pose; refused: its stamp 50.000 s is not after 50.000 s)"
    )
    with pytest.raises(MessageError, match="is not after"):
        told.take("puck", seen, "", 1.3, 49.0, running=True)
    told.take("puck", seen, "", 1.3, 49.0)  # nothing is driven, and the camera's clock may have been set back
    assert told.stale(1.3) == ""
    told.take("puck", seen, "", 1.4)  # it has no stamps
    told.take("puck", seen, "", 1.5)
    for now in (1.0, 1.1):  # a command is as good when it is said again
        told.take("twist", (0.1,) * 6, "", now, 50.0)


def test_a_static_transform_is_taken_whatever_its_stamp() -> None:
    told = Transforms()
    for x, stamp in ((0.1, 50.0), (0.2, 50.0), (0.3, 40.0)):
        told.take([Transform("base", "camera", (x, 0.0, 0.0), NONE, stamp)], True, 1.0, running=True)
        told.take([Transform("camera", "puck", (0.0, 0.0, 0.0), NONE, 10.0 + x)], False, 1.0, running=True)
        found = told.look_up("base", "puck", 1.0)
        assert found is not None and found[0][0] == x
    told.take([Transform("base", "camera", (0.4, 0.0, 0.0), NONE, 30.0)], False, 2.0, running=True)
    found = told.look_up("base", "camera", 2.0)
    assert found is not None and found[0][0] == 0.4, "its stamp says nothing of a measurement's"


def test_a_transform_that_is_sent_again_with_its_old_stamp_ages() -> None:
    told = Transforms()
    for now, stamp in ((1.0, 50.0), (1.1, 50.1), (1.2, 50.1), (1.3, 50.1)):
        told.take([Transform("base", "puck", (0.4, 0.0, 0.0), NONE, stamp)], False, now)
    found = told.look_up("base", "puck", 1.3)
    assert found is not None and found[1] == 1.1
    told.take([Transform("base", "puck", (0.5, 0.0, 0.0), NONE, 49.0)], False, 1.3, running=True)
    found = told.look_up("base", "puck", 1.3)
    assert found is not None and found[1] == 1.1 and found[0][0] == 0.4, (
        "an earlier one neither, while the robot is driven"
    )
    told.take([Transform("base", "puck", (0.5, 0.0, 0.0), NONE, 49.0)], False, 1.35)
    found = told.look_up("base", "puck", 1.35)
    assert found is not None and found[1] == 1.35, "nothing is driven, and the clock may have been set back"
    told.take([Transform("base", "puck", (0.4, 0.0, 0.0), NONE)], False, 1.4)
    told.take([Transform("base", "puck", (0.4, 0.0, 0.0), NONE)], False, 1.5)
    found = told.look_up("base", "puck", 1.6)
    assert found is not None and found[1] == 1.5, "it has no stamps"

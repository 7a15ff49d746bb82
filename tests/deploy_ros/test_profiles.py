"""What is known of robots: settings for their drivers, and limits that a policy file never widens."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ashore.configs.contract import JointSpec
from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.profile import OwnLimits, Profile, ProfileError
from ashore.deploy_ros.profile_draft import SilenceError, draft
from ashore.deploy_ros.profile_files import names, read_profile, with_profile
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.dds_rig import Node, Robot
from tests.deploy_ros.policies import JOINTS, LIMITS, interface
from tests.deploy_ros.rig import Rig

ROBOTS = ["fr3", "gen3", "go2", "go2_ros2_control", "panda", "so101", "twin", "ur10e", "ur5e", "xarm6", "xarm7"]


def own(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_the_robots_that_come_along() -> None:
    assert names() == ROBOTS


@pytest.mark.parametrize("name", ROBOTS)
def test_each_is_whole_and_says_where_its_figures_are_from(name: str) -> None:
    profile = read_profile(name)
    assert profile.about and profile.sources
    assert all(own.velocity is None or 0.5 < own.velocity < 40 for own in profile.joints.values())
    for joint, own in profile.joints.items():
        assert own.low is None or own.high is None or -7 < own.low < own.high < 7, joint
    assert with_profile(NodeSettings(profile=name))[0].profile == name


@pytest.mark.parametrize(
    ("robot", "profile"), [("ur5e", "ur5e"), ("panda", "panda"), ("panda", "fr3"), ("so101", "so101")]
)
def test_it_fits_the_robot_that_policies_are_trained_on(robot: str, profile: str) -> None:
    pytest.importorskip("mujoco")
    from ashore.configs.loader import load_run
    from tests.deploy_ros.twin_cell import plant

    for task in ("arm_reach", "arm_lift"):
        assert load_run(task, [f"task.robot={robot}"]).task.robot.name == robot
        face = plant(task, f"task.robot={robot}", "task.randomization={}").interface
        settings, known = with_profile(NodeSettings(profile=profile))
        assert known is not None
        narrowed = Controller(settings, known)._robots_own(face)
        assert [j.name for j in narrowed.joints] == [settings.renamed(j.name) for j in face.joints]


@pytest.mark.parametrize("name", ["fr3", "panda"])
def test_a_franka_is_heard_on_the_arms_own_topic(name: str) -> None:
    """`/joint_states` is merged at 30 Hz there, and comes up to 33 ms late."""
    assert read_profile(name).settings["joint_states"] == "/franka/joint_states"


def test_what_a_user_sets_goes_before_the_profile() -> None:
    settings, _ = with_profile(NodeSettings(profile="ur5e", base_frame="table"))
    assert settings.controller == "scaled_joint_trajectory_controller" and settings.base_frame == "table"
    # Also where it is what would be the default without a profile.
    settings, _ = with_profile(NodeSettings(profile="ur5e", controller="joint_trajectory_controller"))
    assert settings.controller == "joint_trajectory_controller" and settings.base_frame == "base_link"


def test_limits_are_narrowed_and_never_widened() -> None:
    own = {
        "a": OwnLimits(low=-0.5, high=9.0, velocity=0.7, acceleration=99.0),
        "b": OwnLimits(),
        "c": OwnLimits(high=0.4),
    }
    a, b, c = Profile(joints=own).narrowed(interface()).joints
    was = interface().joints
    assert (a.low, a.high, a.velocity, a.acceleration) == (-0.5, 2.0, 0.7, 8.0)
    assert b == was[1] and (c.low, c.high, c.velocity) == (-1.0, 0.4, 1.0)


def test_the_gate_keeps_the_robots_limits(policy: Policy) -> None:
    profile = Profile(joints={"a": OwnLimits(high=0.3, velocity=0.4), "b": OwnLimits(), "c": OwnLimits()})
    rig = Rig(policy)
    rig.controller = Controller(NodeSettings(), profile)
    rig.controller.configure(policy)
    rig.started().controller.on_goal((1.0, -0.4, 0.3), "base")
    outputs = [rig.step() for _ in range(150)]
    assert max(o.velocity[0] for o in outputs) <= 0.4 + 1e-9 and max(o.position[0] for o in outputs) <= 0.3 + 1e-9
    assert outputs[-1].position[0] > 0.29 and np.abs([o.velocity[1] for o in outputs]).max() > 0.4
    assert np.abs([o.velocity[1] for o in outputs]).max() <= LIMITS.velocity[1]


def test_a_policy_for_another_robot_is_refused(policy: Policy) -> None:
    settings, profile = with_profile(NodeSettings(profile="ur5e"))
    with pytest.raises(
        ProfileError, match=r"^the policy drives \['a', 'b', 'c'\]; the profile's robot has \['shoulder"
    ):
        Controller(settings, profile).configure(policy)


def test_a_home_that_the_robot_cannot_reach_is_refused() -> None:
    with pytest.raises(ProfileError, match=r"^joint a: home = 0 is outside of the robot's limits \[0.1, 2\]$"):
        Profile(joints={n: OwnLimits(low=0.1 if n == "a" else None) for n in JOINTS}).narrowed(interface())


def test_a_range_without_end_is_no_limit() -> None:
    joint = JointSpec(name="a", low=-9.0, high=9.0, velocity=1.0, acceleration=1.0, home=5.0, continuous=True)
    face = interface().model_copy(update={"joints": (joint,)})
    (kept,) = Profile(joints={"a": OwnLimits(low=-3.0, high=3.0, velocity=0.5)}).narrowed(face).joints
    assert (kept.low, kept.high, kept.velocity) == (-9.0, 9.0, 0.5)


def test_joint_states_that_come_too_seldom_are_refused_before_anything_moves() -> None:
    with pytest.raises(
        ProfileError, match=r"^joint states come at 10 Hz, and joint_position may be 0.1 s old; .* 15 Hz$"
    ):
        Profile(state_rate=10.0).narrowed(interface())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jonits: {}", "jonits is unknown; allowed: about, sources, settings, state_rate, latency, joints"),
        ("settings: {contrller: x}", "settings.contrller is unknown; allowed: joint_states, goal, "),
        ("settings: {rate: 0}", "settings.rate = 0: Input should be greater than or equal to 1"),
        ("settings: {profile: ur5e}", "settings.profile; allowed: settings of a node, but for another profile"),
        ("joints: {a: {speed: 1}}", "joints.a.speed is unknown; allowed: low, high, velocity, acceleration"),
        ("joints: {a: {velocity: -1}}", "joints.a.velocity = -1: Input should be greater than 0"),
        ("joints: {a: {velocity: .nan}}", "allowed: a finite number"),
        ("- ur5e", "holds no names with values; allowed: about, "),
        ("a: &x 1\nb: *x", "anchors and aliases"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ProfileError) as error:
        read_profile(own(tmp_path / "mine.yaml", text))
    assert says in str(error.value) and "\n" not in str(error.value), error.value


@pytest.mark.parametrize("name", ["ur6", "../ur5e", "nowhere/mine.yaml"])
def test_a_profile_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ProfileError, match="allowed: "):
        read_profile(name)


def test_without_pyyaml_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['yaml'] = None\nfrom ashore.deploy_ros.profile_files import read_profile\n"
    run = [sys.executable, "-c", code + "read_profile('ur5e')"]
    done = subprocess.run(run, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=60)
    assert "ProfileError: profile = 'ur5e' is YAML, and yaml is missing: pip install pyyaml" in done.stderr


def test_over_dds_it_is_read_and_refused(participant: Any, patient_file: Path, tmp_path: Path) -> None:
    with Node(patient_file, profile="ur5e") as node:
        node.thread.join(30)
    assert node.code == 2 and node.said[0].startswith("the policy drives ['a', 'b', 'c']")
    mine = own(tmp_path / "mine.yaml", "settings: {controller: own_controller, wait: 0.1}")
    with Node(patient_file, profile=mine) as node:
        node.thread.join(30)
    assert node.code == 1 and "to /own_controller/joint_trajectory" in node.said[0]


def test_a_ros_node_takes_it_as_the_defaults_of_its_parameters(
    module: Any, patient_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = own(
        tmp_path / "mine.yaml", "settings: {controller: own, rate: 100}\njoints: {a: {velocity: 0.5}, b: {}, c: {}}"
    )
    node = module.PolicyNode({"policy": str(patient_file), "profile": mine, "base_frame": "table"})
    node.tick()
    assert node.settings.controller == "own" and node.settings.rate == 100 and node.settings.base_frame == "table"
    assert node._controller.interface.joints[0].velocity == 0.5 and node.descriptors["profile"].read_only
    node.end()
    assert module.spin([], {"policy": str(patient_file), "profile": "ur6"}) == 2
    assert "profile = 'ur6'; allowed: fr3, " in capsys.readouterr().err


def test_the_command_line_goes_before_the_profile(tmp_path: Path, policy_file: Path) -> None:
    mine = own(tmp_path / "mine.yaml", "settings: {controller: own, wait: 0.1}")
    run = [sys.executable, "-m", "ashore", "deploy", str(policy_file), "--profile", mine, "--controller", "mine"]
    done = subprocess.run(run, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=120)
    assert done.returncode == 1 and "to /mine/joint_trajectory" in done.stdout, done.stdout + done.stderr
    with pytest.raises(ValidationError):
        NodeSettings(speed=0.01)


def test_a_draft_is_a_profile_of_what_is_there(participant: Any, tmp_path: Path) -> None:
    robot = Robot(participant)
    found: list[str] = []
    listening = threading.Thread(target=lambda: found.append(draft(2.0)))
    listening.start()
    robot.spin_until(lambda: not listening.is_alive())
    profile = read_profile(own(tmp_path / "draft.yaml", found[0]))
    assert list(profile.joints) == list(JOINTS) and profile.state_rate is not None and profile.state_rate > 1
    settings = {"joint_states": "/joint_states", "controller": "joint_trajectory_controller", "output": "trajectory"}
    assert profile.settings == settings
    with pytest.raises(SilenceError, match="no joint states in ROS domain"):
        draft(0.2)

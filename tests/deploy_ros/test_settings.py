"""A node's settings are refused where they could not work."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ashore.deploy_ros.settings import NodeSettings


def test_commands_go_to_the_controllers_topic() -> None:
    assert NodeSettings().command_topic == "/joint_trajectory_controller/joint_trajectory"
    assert NodeSettings(controller="arm", output="forward").command_topic == "/arm/commands"


def test_a_gripper_has_its_own_controller_or_that_of_the_arm() -> None:
    assert NodeSettings().gripper_topic == "/gripper_controller/joint_trajectory"
    assert NodeSettings(gripper_output="forward").gripper_topic == "/gripper_controller/commands"
    own = NodeSettings(gripper_controller="arm", controller="arm", output="forward")
    assert own.gripper_topic == own.command_topic == "/arm/commands"


def test_objects_come_from_topics_and_frames() -> None:
    both = NodeSettings(object="puck=/camera/puck,hole=tf:block/hole")
    assert both.objects == {"puck": "/camera/puck", "hole": "tf:block/hole"} and NodeSettings().objects == {}
    assert NodeSettings(imu_rotation="0.6,0,0,0.8").mount == pytest.approx((0.6, 0, 0, 0.8))


@pytest.mark.parametrize(
    "wrong",
    [
        {"joint_states": "joint_states"},
        {"goal": "/a//b"},
        {"controller": "/arm"},
        {"output": "torque"},
        {"rate": 0},
        {"wait": 0},
        {"tracking_lag": float("nan")},
        {"surprise": 1},
        {"object": "puck"},
        {"object": "puck=camera"},
        {"object": "puck=tf:"},
        {"imu_rotation": "1,0,0"},
        {"imu_rotation": "1,1,0,0"},
        {"imu_rotation": "nan,0,0,0"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        NodeSettings.model_validate(wrong)

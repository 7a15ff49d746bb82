"""A node's settings are refused where they could not work."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ashore.deploy_ros.settings import NodeSettings


def test_commands_go_to_the_controllers_topic() -> None:
    assert NodeSettings().command_topic == "/joint_trajectory_controller/joint_trajectory"
    assert NodeSettings(controller="arm", output="forward").command_topic == "/arm/commands"


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
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        NodeSettings.model_validate(wrong)

"""Settings of a gripper that would do nothing are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ashore.configs.contract import Interface
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.groups import require_gripper
from ashore.deploy_ros.messages import RoutingError
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.settings import NodeSettings
from tests.deploy_ros.policies import interface


def with_gripper() -> Interface:
    *arm, finger = interface().joints
    return interface(joints=(*arm, finger.model_copy(update={"group": "gripper", "give": 1.0})))


@pytest.mark.parametrize(
    ("gripper", "given", "says"),
    [
        (
            False,
            {"gripper_output": "gripper_command", "output": "low_cmd"},
            "gripper_output = 'gripper_command': this policy drives no gripper; allowed: 'trajectory', as where it is not set",
        ),
        (False, {"gripper_action": "/hand/grip"}, "gripper_action = '/hand/grip': this policy drives no gripper"),
        (False, {"gripper_controller": "hand"}, "gripper_controller = 'hand': this policy drives no gripper"),
        (
            True,
            {"gripper_effort": 5.0},
            "gripper_effort = 5.0: gripper_output = 'trajectory' is no action; allowed: 0.0",
        ),
        (
            True,
            {"gripper_output": "forward", "controller": "arm", "gripper_controller": "arm"},
            "gripper_output = 'forward': the gripper's controller is the arm's, see gripper_controller; allowed: 'trajectory'",
        ),
    ],
)
def test_a_setting_of_a_gripper_that_would_do_nothing_is_refused(
    gripper: bool, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(RoutingError) as error:
        require_gripper(with_gripper() if gripper else interface(), NodeSettings(**given), {})
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(
    ("gripper", "given"),
    [
        (True, {"gripper_output": "gripper_command", "gripper_effort": 5.0, "gripper_step": 0.01}),
        (True, {"gripper_output": "gripper_command", "output": "low_cmd"}),
        (True, {"gripper_output": "forward"}),
        (True, {"gripper_output": "forward", "output": "forward", "controller": "arm", "gripper_controller": "arm"}),
        (False, {"gripper_output": "forward", "output": "forward"}),
    ],
)
def test_what_does_something_or_changes_nothing_is_taken(gripper: bool, given: dict[str, Any]) -> None:
    require_gripper(with_gripper() if gripper else interface(), NodeSettings(**given), {})


def test_a_robots_profile_serves_policies_without_a_gripper_too(policy_file: Path) -> None:
    hand: dict[str, Any] = {"gripper_output": "gripper_command", "gripper_effort": 5.0}
    profile = Profile(settings=hand)
    Controller(profile.under(NodeSettings()), profile).configure(load_policy(policy_file))
    with pytest.raises(RoutingError, match=r"gripper_effort = 6.0: this policy drives no gripper"):
        Controller(profile.under(NodeSettings(gripper_effort=6.0)), profile).configure(load_policy(policy_file))
    with pytest.raises(RoutingError, match="gripper_output = 'gripper_command': this policy drives no gripper"):
        Controller(NodeSettings(**hand)).configure(load_policy(policy_file))

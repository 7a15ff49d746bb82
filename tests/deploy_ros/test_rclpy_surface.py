"""Every call of rclpy that the ROS 2 shell makes exists in Humble, Jazzy and Kilted, with these arguments.

rclpy_surface.json has what the sources define, as in three packages on PyPI: Humble in rclpy-intellisense 1.2.0, a copy of the
Python files of that branch of github.com/ros2/rclpy; Jazzy in ros-rclpy 7.1.6; Kilted in ros-rclpy 9.1.2.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.deploy_ros.rclpy_surface import (
    COMPILED,
    FILES,
    GUARDED,
    MEMBERS,
    ROOT,
    TABLE,
    Use,
    attributes,
    definition,
    names,
    refusal,
    uses,
)

KNOWN: dict[str, dict[str, str | None]] = json.loads(TABLE.read_text())
DISTRIBUTIONS = ("humble", "jazzy", "kilted")
PYTHONS = {
    name for kind in (str, list, dict, set, Exception, Path, time, threading.Event(), threading) for name in dir(kind)
}
MESSAGES = {  # and their fields that the shell itself fills or reads; those of the robot are in test_dds_messages
    "rcl_interfaces/msg/ParameterDescriptor": {"description", "read_only", "dynamic_typing", "floating_point_range"},
    "rcl_interfaces/msg/FloatingPointRange": {"from_value", "to_value", "step"},
    "rcl_interfaces/msg/SetParametersResult": {"successful", "reason"},
    "lifecycle_msgs/msg/Transition": {"id", "label"},
}


def all_uses() -> list[Use]:
    return [use for path in FILES for use in uses(path)]


def own_names() -> set[str]:
    """What our own code defines: functions, classes, fields, attributes."""
    found = set()
    for path in [*(ROOT / "deploy_ros").glob("*.py"), *(ROOT / "configs").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            found |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            found |= {n.attr for t in targets for n in ast.walk(t) if isinstance(n, ast.Attribute)}
    return found


def test_the_table_is_of_what_is_used() -> None:
    assert set(KNOWN) == set(names())
    assert all(set(row) == set(DISTRIBUTIONS) for row in KNOWN.values())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_each_name_exists_and_takes_the_arguments_that_it_is_given(distribution: str) -> None:
    assert [name for name, row in KNOWN.items() if row[distribution] is None] == []
    called = [use for use in all_uses() if use.name in KNOWN and use.positional is not None]
    assert len(called) > 40
    assert [why for use in called if (why := refusal(str(KNOWN[use.name][distribution]), use))] == []


def test_a_call_that_does_not_fit_is_found() -> None:
    signature = str(KNOWN["executors.Executor.spin_once"]["humble"])
    wrong = Use("executors.Executor.spin_once", "x.py:1", 0, ("timeout",))
    assert refusal(signature, wrong) == (
        "x.py:1: executors.Executor.spin_once(self, timeout_sec=None): got an unexpected keyword argument 'timeout'"
    )
    assert refusal(signature, Use(wrong.name, "x.py:1", 2)).endswith("too many positional arguments")


def test_nothing_else_of_rclpy_is_used() -> None:
    compiled = {name.split(".")[-1] for name in COMPILED}
    fields = {"metadata", "annotation", "model_fields", "model_dump", "errors"}  # of pydantic
    fields |= {name for message in MESSAGES.values() for name in message} | {"data", "transition", "success", "Goal"}
    fields |= {"return_code", "goals_canceling"}  # of action_msgs/srv/CancelGoal_Response
    known = own_names() | PYTHONS | set(MEMBERS) | set(GUARDED) | compiled | fields
    known |= {name.split(".")[-1] for name in KNOWN} | {"exit", "stderr", "version_info", "MessageOnly"}
    unknown = {f"{where}: {name}" for path in FILES for name, where in attributes(path) if name not in known}
    assert unknown == set(), "add what is rclpy's to MEMBERS in rclpy_surface.py, and make the table again"


@pytest.mark.parametrize("store", ["ROS2_HUMBLE", "ROS2_JAZZY", "ROS2_KILTED"])
def test_the_messages_of_parameters_and_transitions_have_the_fields(store: str) -> None:
    typesys: Any = pytest.importorskip("rosbags.typesys")
    definitions = typesys.get_typestore(getattr(typesys.Stores, store)).fielddefs
    for name, fields in MESSAGES.items():
        assert fields <= {field for field, _ in definitions[name][1]}, name


def test_the_rclpy_that_is_installed_has_it_too() -> None:
    found = importlib.util.find_spec("rclpy")
    if found is None or found.origin is None:
        pytest.skip("no rclpy here")
    folder = Path(found.origin).parent
    signatures = {name: definition(folder, name) for name in KNOWN}
    assert [name for name, signature in signatures.items() if signature is None] == []
    assert [why for use in all_uses() if (why := refusal(str(signatures.get(use.name, "value")), use))] == []

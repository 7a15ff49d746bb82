"""`ros2 launch ashore_ros policy.launch.py policy:=/path/to/policy.onnx [profile:=ur5e] [controller:=...] [params:=...]`"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode

# What may be left out; then it is as the parameter file or the profile says.
ARGUMENTS = {
    "profile": "what is known of the robot's driver: ur5e, fr3, ..., or a YAML file",
    "controller": "controller to drive",
}


def generate_launch_description() -> LaunchDescription:
    """The managed node; with `autostart` (a parameter, true by default) it configures and activates itself."""
    defaults = Path(get_package_share_directory("ashore_ros")) / "config" / "policy.yaml"
    return LaunchDescription(
        [
            DeclareLaunchArgument("policy", description="policy file, .onnx"),
            DeclareLaunchArgument("params", default_value=str(defaults), description="parameter file"),
            *(DeclareLaunchArgument(n, default_value="", description=text) for n, text in ARGUMENTS.items()),
            OpaqueFunction(function=node),
        ]
    )


def node(context: Any) -> list[Any]:
    """The node, with what the command line says before what the parameter file says."""
    said = {name: LaunchConfiguration(name).perform(context) for name in ("policy", *ARGUMENTS)}
    return [
        LifecycleNode(
            package="ashore_ros",
            executable="policy_node",
            name="ashore",
            namespace="",
            output="screen",
            parameters=[LaunchConfiguration("params"), {name: value for name, value in said.items() if value}],
        )
    ]

"""`ros2 launch ashore_ros policy.launch.py policy:=/path/to/policy.onnx [params:=/path/to/policy.yaml] [controller:=...]`"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode


def generate_launch_description() -> LaunchDescription:
    """The managed node; with `autostart` (a parameter, true by default) it configures and activates itself."""
    defaults = Path(get_package_share_directory("ashore_ros")) / "config" / "policy.yaml"
    node = LifecycleNode(
        package="ashore_ros",
        executable="policy_node",
        name="ashore",
        namespace="",
        output="screen",
        parameters=[
            LaunchConfiguration("params"),
            {"policy": LaunchConfiguration("policy"), "controller": LaunchConfiguration("controller")},
        ],
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("policy", description="policy file, .onnx"),
            DeclareLaunchArgument("params", default_value=str(defaults), description="parameter file"),
            DeclareLaunchArgument(
                "controller", default_value="joint_trajectory_controller", description="controller to drive"
            ),
            node,
        ]
    )

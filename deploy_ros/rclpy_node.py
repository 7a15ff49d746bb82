"""The ROS 2 executable. Where rclpy is missing it says so, and what runs without."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from os import PathLike
from typing import Any

from ashore.deploy_ros.profile_files import with_profile
from ashore.deploy_ros.settings import NodeSettings

WITHOUT_ROS = (
    "rclpy cannot be imported ({error}). Source a ROS 2 installation (source /opt/ros/<distro>/setup.bash) and use its Python, "
    "or drive the robot without ROS: in a checkout: pip install '.[dds]', then `ashore deploy <policy.onnx>`."
)


def main(args: Sequence[str] | None = None) -> int:
    """Run the lifecycle node, set by ROS parameters, until interrupted; gives the exit code, 2 without ROS 2."""
    return _spin(args, {})


def run(policy_path: str | PathLike[str], settings: NodeSettings) -> int:
    """As `main`, set by `settings` instead."""
    return _spin([], {"policy": str(policy_path), **with_profile(settings)[0].model_dump()})


def _spin(args: Sequence[str] | None, parameters: dict[str, Any]) -> int:
    try:
        from ashore.deploy_ros import rclpy_spin
    except ImportError as error:
        print(WITHOUT_ROS.format(error=error), file=sys.stderr)
        return 2
    return rclpy_spin.spin(args, parameters)


if __name__ == "__main__":
    sys.exit(main())

"""The ROS 2 process: the lifecycle node in an executor, which whatever happens ends with a robot that holds."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from ashore.deploy_ros.interrupts import stop_on_signals
from ashore.deploy_ros.lifecycle_node import PolicyNode
from ashore.deploy_ros.profile import ProfileError
from ashore.deploy_ros.states import EXIT_FAILED, EXIT_OK, EXIT_UNUSABLE


def spin(args: Sequence[str] | None, parameters: dict[str, Any]) -> int:
    """Run the node until a signal or its shutdown; gives the exit code. `parameters` go before ROS's.

    0: stopped as asked, at rest; without a manager (`autostart`), 1: what it needs did not come within `wait`, 2: the policy
    file or a parameter cannot be used; 3: it failed under way, or somebody else began to command the robot, and it braked.
    Whatever ends it, and whatever is raised, in the executor or the control thread: the robot is braked and held first.
    """
    stop = threading.Event()
    # Not rclpy's own handlers: they end the context, and with it the publisher that the last command needs.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        with stop_on_signals(stop):
            try:
                node, failed = PolicyNode(parameters), False
            except (InvalidParameterTypeException, InvalidParameterValueException, ProfileError) as error:
                print(f"ashore: {error}", file=sys.stderr)
                return EXIT_UNUSABLE
            executor = SingleThreadedExecutor()
            try:
                executor.add_node(node)
                while rclpy.ok() and not stop.is_set() and not node.finalized and node.failure is None:
                    if node.exit_code is not None:
                        break
                    executor.spin_once(timeout_sec=0.1)
            except Exception as error:  # from rclpy or from any callback
                failed = True
                node.get_logger().fatal(f"failed: {error!r}; braking, then ending")
            finally:
                code = node.exit_code or EXIT_OK
                node.end()
                executor.shutdown()
                node.destroy_node()
            return EXIT_FAILED if failed or node.failure is not None else code
    finally:
        rclpy.try_shutdown()

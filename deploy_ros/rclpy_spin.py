"""The ROS 2 process: the lifecycle node in an executor, which whatever happens ends with a robot that holds."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from ashore.deploy_ros.interrupts import stop_on_signals
from ashore.deploy_ros.lifecycle_node import PolicyNode

EXIT_OK, EXIT_FAILED = 0, 3


def spin(args: Sequence[str] | None, parameters: dict[str, Any]) -> int:
    """Run the node until a signal or its shutdown; gives the exit code, 3 where it failed. `parameters` go before ROS's.

    Whatever ends it, and whatever is raised, in the executor or the control thread: the robot is braked and held first.
    """
    stop = threading.Event()
    # Not rclpy's own handlers: they end the context, and with it the publisher that the last command needs.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        with stop_on_signals(stop):
            node, failed = PolicyNode(parameters), False
            executor = SingleThreadedExecutor()
            try:
                executor.add_node(node)
                while rclpy.ok() and not stop.is_set() and not node.finalized and node.failure is None:
                    executor.spin_once(timeout_sec=0.1)
            except Exception as error:  # from rclpy or from any callback
                failed = True
                node.get_logger().fatal(f"failed: {error!r}; braking, then ending")
            finally:
                node.end()
                executor.shutdown()
                node.destroy_node()
            return EXIT_FAILED if failed or node.failure is not None else EXIT_OK
    finally:
        rclpy.try_shutdown()

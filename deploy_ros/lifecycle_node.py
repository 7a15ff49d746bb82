"""A policy drives a robot as a ROS 2 managed node: a thin rclpy shell over the controller."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.srv import ChangeState
from pydantic import ValidationError
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray, String
from trajectory_msgs.msg import JointTrajectory

from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.bundle import PolicyFileError, load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.loop import ControlLoop
from ashore.deploy_ros.messages import RoutingError, Trajectory
from ashore.deploy_ros.rclpy_types import (
    LISTEN,
    LISTEN_RELIABLY,
    PUBLISH,
    TYPES,
    JointTrajectoryControllerState,
    descriptor_of,
    received,
)
from ashore.deploy_ros.settings import DIAGNOSTICS_TOPIC, NODE_NAME, RESET_TOPIC, STATUS_TOPIC, STOP_TOPIC, NodeSettings
from ashore.deploy_ros.states import State
from ashore.deploy_ros.transitions import counted, refusing

DELIVERY_TIME = 1.0  # s at most to see the last command delivered
OF_THE_TWIN = ("time_limit", "episodes")  # settings for supervised runs; a managed node is stopped by its manager

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class PolicyNode(LifecycleNode):
    """Parameters are `NodeSettings`, `policy` (a file) and `autostart`; topics are those of the DDS node."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        overrides = [Parameter(name, value=value) for name, value in parameters.items() if name not in OF_THE_TWIN]
        super().__init__(NODE_NAME, parameter_overrides=overrides)
        self._lock = threading.Lock()
        self._controller = Controller()
        self._loop: ControlLoop | None = None
        self._said = ""
        self._loop_failure: Exception | None = None
        self.failure_of_error_transition: Exception | None = None
        self._entities: list[Any] = []
        self._commands: Any = None
        self.transitions = 0  # that were begun
        self.declare_parameter("policy", "", ParameterDescriptor(description="policy file, .onnx"))
        described = ParameterDescriptor(
            description="configure and, once state and goal are there, activate without a manager"
        )
        self.declare_parameter("autostart", True, described)
        for name, field in NodeSettings.model_fields.items():
            if name not in OF_THE_TWIN:
                self.declare_parameter(name, field.default, descriptor_of(field))
        # Ordinary publishers: lifecycle publishers would drop the hold that follows a deactivation.
        self._status = self.create_publisher(String, STATUS_TOPIC, PUBLISH)
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS_TOPIC, PUBLISH)
        # From the beginning, for a stop holds in every state. Twice: see the DDS node.
        self._stops = [
            self.create_subscription(Bool, STOP_TOPIC, self._on_stop, qos) for qos in (LISTEN, LISTEN_RELIABLY)
        ]
        self.create_timer(1.0, self._diagnose)
        self._began = time.monotonic()
        self._starter = self.create_timer(0.1, self._start)
        for service in self.services:
            if service.srv_type is ChangeState:
                service.callback = refusing(self, service.callback, lambda: self._controller.state.value)

    @property
    def finalized(self) -> bool:
        return self._controller.state is State.FINALIZED

    @property
    def failure(self) -> Exception | None:
        """What ends the node: a failure of the control loop, which may still brake, or of an error transition."""
        present = self._loop.failure if self._loop is not None else None
        return self._loop_failure or present or self.failure_of_error_transition

    def end(self) -> None:
        """Brake, hold, and then finalize, whatever state rclpy is in."""
        try:
            self._finish()
        finally:
            if not self.finalized:
                try:
                    self.trigger_shutdown()
                except Exception as error:  # nothing moves any more
                    self.get_logger().error(f"no orderly shutdown: {error!r}")

    @counted
    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Load and check the policy; listen."""
        names = [name for name in NodeSettings.model_fields if name not in OF_THE_TWIN]
        try:
            settings = NodeSettings(**{name: self.get_parameter(name).value for name in names})
            controller = Controller(settings)
            controller.configure(load_policy(self.get_parameter("policy").value))
        except (ValidationError, PolicyFileError, RoutingError) as error:
            self.get_logger().error(str(error))
            return FAILURE
        if self._controller.stopped:
            controller.stop()
        self._controller = controller
        kind = Float64MultiArray if settings.output == "forward" else JointTrajectory
        self._commands = self.create_publisher(kind, settings.command_topic, PUBLISH)
        self._entities = [
            self.create_subscription(JointState, settings.joint_states, self._on_joint_state, LISTEN),
            self.create_subscription(PoseStamped, settings.goal, self._on_goal, LISTEN),
            self.create_subscription(Bool, RESET_TOPIC, self._on_reset, LISTEN),
        ]
        if settings.output == "trajectory" and JointTrajectoryControllerState is not None:  # else: no control_msgs here
            kind, topic = JointTrajectoryControllerState, settings.controller_state_topic
            self._entities.append(self.create_subscription(kind, topic, self._on_controller_state, LISTEN))
        return super().on_configure(state)

    @counted
    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Begin to drive, from where the robot stands; refused without a fresh, plausible joint state and a goal."""
        with self._lock:
            why = self._controller.activate(time.monotonic())
        if why:
            self.get_logger().error(f"not activated: {why}")
            return FAILURE
        activated = super().on_activate(state)
        if activated == SUCCESS:  # the last thing that can fail, so that an error does not meet a robot that moves
            self._loop = ControlLoop(self._controller, self._lock, self._send, self._report, self.get_logger().warning)
        return activated

    @counted
    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """Brake within the limits, hold, and stop sending."""
        self._finish()
        return super().on_deactivate(state)

    @counted
    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        self._controller.cleanup()
        self._release()
        return super().on_cleanup(state)

    @counted
    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        self._finish()
        if not self.finalized:
            self._controller.shutdown()
        return super().on_shutdown(state)

    @counted
    def on_error(self, state: Any) -> TransitionCallbackReturn:
        """A transition failed half way: brake, hold, and be unconfigured again, an emergency stop apart."""
        self._finish()
        self._release()
        stopped, self._controller = self._controller.stopped, Controller()
        if stopped:
            self._controller.stop()
        return super().on_error(state)

    def _finish(self) -> None:
        """Brake and hold. The executor waits in here, so what comes for it meanwhile is heard here."""
        loop = self._loop
        if loop is None:
            return
        loop.finish()
        loop.join(self._listen)
        self._loop = None
        if loop.failure is not None:
            self._loop_failure = loop.failure
            self.get_logger().error(f"the control loop failed: {loop.failure!r}")
        try:
            self._commands.wait_for_all_acked(Duration(seconds=DELIVERY_TIME))
        except Exception as error:  # not every middleware can
            self.get_logger().warning(f"whether the last command was delivered is not known: {error!r}")

    def _listen(self) -> None:
        for subscription in (*self._stops, *self._entities):
            for message in received(subscription):
                subscription.callback(message)

    def _release(self) -> None:
        """Listen and publish no more."""
        for subscription in self._entities:
            self.destroy_subscription(subscription)
        self._entities = []
        if self._commands is not None:
            self.destroy_publisher(self._commands)
            self._commands = None

    def _start(self) -> None:
        """Without a manager: configure, wait for what is missing and say so, activate, once."""
        if not self.get_parameter("autostart").value or self._controller.state in (State.ACTIVE, State.FINALIZED):
            self._starter.cancel()  # not asked for, or a manager was faster
            return
        if self._controller.state is State.UNCONFIGURED and self.trigger_configure() != SUCCESS:
            self._starter.cancel()
            return
        with self._lock:
            why = self._controller.missing(time.monotonic())
        if why and time.monotonic() - self._began < self._controller.settings.wait:
            if (kind := "".join(c for c in why if not c.isdigit())) != self._said:
                self._said = kind
                self.get_logger().info(f"waiting: {why}")
            return
        self._starter.cancel()
        if why:
            self.get_logger().error(f"gave up: {why}; once it is there: ros2 lifecycle set /{NODE_NAME} activate")
        else:
            self.trigger_activate()

    def _send(self, content: Trajectory | list[float]) -> None:
        if isinstance(content, Trajectory):
            self._commands.publish(ros.joint_trajectory(TYPES, content))
        else:
            self._commands.publish(ros.float_array(TYPES, content))

    def _report(self, status: str) -> None:
        self._status.publish(String(data=status))

    def _diagnose(self) -> None:
        loop = self._loop
        with self._lock:
            last = loop.last if loop is not None else None
            message = ros.diagnostics(TYPES, NODE_NAME, self._controller, last, time.time())
        self._diagnostics.publish(message)
        if loop is not None and last is not None and last.reason.latches:
            self.get_logger().warning(f"holding: {last.status.reason}; to go on, publish true to {RESET_TOPIC}")

    def _on_joint_state(self, message: JointState) -> None:
        with self._lock:
            ros.take_joint_state(self._controller, message, time.monotonic())

    def _on_controller_state(self, message: Any) -> None:
        with self._lock:
            ros.take_controller_state(self._controller, message, time.monotonic())

    def _on_goal(self, message: PoseStamped) -> None:
        with self._lock:
            why = ros.take_goal(self._controller, message)
        if why:
            self.get_logger().warning(f"refused: {why}")

    def _on_stop(self, message: Bool) -> None:
        if message.data:
            with self._lock:
                self._controller.stop()

    def _on_reset(self, message: Bool) -> None:
        if message.data:
            with self._lock:
                why = self._controller.reset(time.monotonic())
            self.get_logger().info(f"no reset: {why}" if why else "reset")

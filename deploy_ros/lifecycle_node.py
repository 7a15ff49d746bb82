"""A policy drives a robot as a ROS 2 managed node: a thin rclpy shell over the controller."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import String

from ashore.configs.errors import AshoreError
from ashore.deploy_ros import ros_messages as ros
from ashore.deploy_ros.autostart import Autostart
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.diagnostics import diagnose
from ashore.deploy_ros.explanations import holding
from ashore.deploy_ros.gripper_goals import GripperTarget
from ashore.deploy_ros.loop import ControlLoop
from ashore.deploy_ros.messages import Content
from ashore.deploy_ros.profile import Profile
from ashore.deploy_ros.rclpy_buttons import Buttons
from ashore.deploy_ros.rclpy_commands import Commands, RivalError, absent
from ashore.deploy_ros.rclpy_gripper import Grippers
from ashore.deploy_ros.rclpy_log import Log
from ashore.deploy_ros.rclpy_parameters import POLICY, ParameterError, declare_parameters, refuse_changes, settings_of
from ashore.deploy_ros.rclpy_types import (
    LISTEN,
    LISTEN_LATCHED,
    LISTEN_RELIABLY,
    PUBLISH,
    TYPES,
    received,
)
from ashore.deploy_ros.recording import Tape, tape_of
from ashore.deploy_ros.refusals import Announcer
from ashore.deploy_ros.run_report import require_report, write_report
from ashore.deploy_ros.settings import (
    DIAGNOSTICS_TOPIC,
    EPISODE_TOPIC,
    NODE_NAME,
    RESET_TOPIC,
    STATUS_TOPIC,
    NodeSettings,
    relative,
)
from ashore.deploy_ros.states import State
from ashore.deploy_ros.takers import takers
from ashore.deploy_ros.transitions import counted, refuse_unknown

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class PolicyNode(LifecycleNode):
    """Parameters are `NodeSettings`, `policy` (a file) and `autostart`; topics are those of the DDS node."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        super().__init__(NODE_NAME, parameter_overrides=overrides)
        self._lock, self._log = threading.Lock(), Log(self)
        self._reset_topic = self.resolve_topic_name(relative(RESET_TOPIC))
        self._tape = Tape()
        self._profile: Profile | None = None
        self._controller = self._new_controller(None)
        self._loop: ControlLoop | None = None
        self._episodes, self._active_since = 0, time.monotonic()
        self._loop_failure: Exception | None = None
        self.failure_of_error_transition: Exception | None = None
        self._entities: list[Any] = []
        self._commands = Commands(self)
        self._grippers = Grippers(self)
        self.transitions = 0  # that were begun
        self._profile = declare_parameters(self)
        refuse_changes(self, lambda: self.state)
        self._status = self.create_publisher(String, relative(STATUS_TOPIC), PUBLISH)
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS_TOPIC, PUBLISH)
        self._buttons = Buttons(self, self._press_stop, self._press_reset)
        self.create_subscription(String, relative(EPISODE_TOPIC), self._on_episode, LISTEN_RELIABLY)
        self._holding, self._refused = (Announcer(self._log.warning) for _ in range(2))
        self.create_timer(1.0, self._diagnose)
        self._autostart = Autostart(self, SUCCESS, FAILURE)
        self.create_timer(0.2, self._look_for_rivals)
        refuse_unknown(self, ChangeState, lambda: self._controller.state.value)

    @property
    def state(self) -> State:
        return self._controller.state

    @property
    def settings(self) -> NodeSettings:
        """As the node was configured."""
        return self._controller.settings

    @property
    def exit_code(self) -> int | None:
        """What the process shall end with, where there is nothing left to do: it could not start, or its time is over."""
        over = self._controller.arrived or self.settings.ends(time.monotonic() - self._active_since, self._episodes)
        return 0 if over and self.state is State.ACTIVE else self._autostart.exit_code

    def missing(self, now: float) -> str:
        """What keeps the node from being activated; empty where nothing does."""
        with self._lock:
            why = self._controller.missing(now)
        return why or self._grippers.missing()

    def rivals(self) -> str:
        """Who else commands the robot; empty where nobody does, or where a shadow would not disturb them."""
        if self.settings.shadow or self.settings.beside_others:
            return ""
        return self._commands.rivals(self._controller.groups)

    def _new_controller(self, settings: NodeSettings | None) -> Controller:
        controller = self._tape.controller(settings, self._profile)
        controller.reset_topic = self._reset_topic
        return controller

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
            self._tape.close()

    @counted
    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Load and check the policy; listen."""
        try:
            settings = settings_of(self)
            require_report(settings)
            policy = load_policy(self.get_parameter(POLICY).value)
            self._tape.close()
            self._tape = tape_of(policy, settings, self._profile, self._log.info)
            controller = self._new_controller(settings)
            controller.configure(policy)
            if why := absent(controller.groups):
                raise ParameterError(why)
        except (ParameterError, AshoreError) as error:
            self.get_logger().error(str(error))
            return FAILURE
        if self._controller.stopped:
            controller.stop()
        self._controller = controller
        self._grippers = Grippers(self, controller, self._fail_gripper)
        self._entities = [
            self.create_subscription(
                getattr(TYPES, s.kind), relative(s.topic), take, LISTEN_LATCHED if s.latched else LISTEN
            )
            for s, take in takers(controller, self._lock, self._tape, self._refused)
            if getattr(TYPES, s.kind) is not None  # what comes with a package that is not here
        ]
        return super().on_configure(state)

    @counted
    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Begin to drive, from where the robot stands; refused without a fresh, plausible joint state and a goal, and where
        somebody else drives."""
        why = self.missing(time.monotonic()) or self.rivals()
        if not why:
            self._commands.open(self._controller.groups, self._listen)
            with self._lock:
                why = self._controller.activate(time.monotonic())
            self._grippers.renew()
        if why:
            self.get_logger().error(f"not activated: {why}")
            return FAILURE
        activated = super().on_activate(state)
        if activated == SUCCESS:  # the last thing that can fail, so that an error does not meet a robot that moves
            self._active_since, self._episodes = time.monotonic(), 0
            self._loop = ControlLoop(self._controller, self._lock, self._send, self._report, self._log.warning)
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
        stopped, self._controller = self._controller.stopped, self._new_controller(None)
        if stopped:
            self._controller.stop()
        return super().on_error(state)

    def _finish(self) -> None:
        """Brake and hold. The executor waits in here, so what comes for it meanwhile is heard here."""
        loop = self._loop
        if loop is None:
            return
        loop.finish()
        self._grippers.cancel()
        loop.join(self._listen)
        self._loop = None
        write_report(self._controller, self._log.warning)
        if loop.failure is not None:
            self._loop_failure = loop.failure
            self.get_logger().error(f"the control loop failed: {loop.failure!r}")
        self._commands.flush()
        if self.settings.home:
            self.get_logger().info(self._controller.at_home)

    def _listen(self) -> None:
        for subscription in (*self._buttons.subscriptions, *self._entities):
            for arguments in received(subscription):
                subscription.callback(*arguments)

    def _release(self) -> None:
        """Listen and publish no more."""
        self._tape.close()
        self._tape = Tape()
        for subscription in self._entities:
            self.destroy_subscription(subscription)
        self._entities = []
        self._commands.close()
        self._grippers.close()

    def _send(self, topic: str, content: Content) -> None:
        if isinstance(content, GripperTarget):
            self._grippers.aim(topic, content)
            return
        message = self._commands.send(topic, content)
        self._tape.sent(topic, ros.kind_of(content), message)

    def _report(self, status: str) -> None:
        message = String(data=status)
        self._status.publish(message)
        self._tape.sent(STATUS_TOPIC, "String", message)

    def _diagnose(self) -> None:
        last = self._loop.last if self._loop is not None else None
        diagnose(TYPES, self._controller, self._lock, last, self._diagnostics.publish, self._tape)
        if why := holding(last, self.state, self._reset_topic):
            self._holding(why, time.monotonic())
        else:
            self._holding.over()

    def _look_for_rivals(self) -> None:
        if self._loop is not None and self._loop_failure is None and (rivals := self.rivals()):
            self.get_logger().error(f"{rivals}; braking, then ending")
            self._loop_failure = RivalError(rivals)

    def _press_stop(self) -> None:
        with self._lock:
            self._controller.stop()

    def _press_reset(self) -> str:
        with self._lock:
            why = self._controller.reset(time.monotonic())
        if not why:
            self._grippers.renew()
        return why

    def _fail_gripper(self, why: str) -> None:
        self.get_logger().error(why)
        with self._lock:
            self._controller.on_gripper(why)

    def _on_episode(self, _message: String) -> None:
        self._episodes += 1

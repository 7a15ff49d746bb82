"""Stand-ins for the parts of rclpy that the node uses. What the real one raises, they raise.

The lifecycle is that of rclpy 7.1 (Jazzy, December 2024): `rclpy/lifecycle/node.py` and `rcl_lifecycle.c`. An exception in a
transition's callback counts as an error; a transition that the state does not have is an RCLError, in a service's callback
too, and what a callback raises leaves `SingleThreadedExecutor.spin_once`.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from tests.deploy_ros.fake_actions import ActionClient, run_executor
from tests.deploy_ros.fake_topics import Handle, Subscription, info_of

CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE, INACTIVE_SHUTDOWN, ACTIVE_SHUTDOWN = (
    1,
    2,
    3,
    4,
    6,
    7,
)  # lifecycle_msgs/Transition
# From which state an id leads, through which callback, to which state.
TRANSITIONS = {
    CONFIGURE: ("unconfigured", "on_configure", "inactive"),
    CLEANUP: ("inactive", "on_cleanup", "unconfigured"),
    ACTIVATE: ("inactive", "on_activate", "active"),
    DEACTIVATE: ("active", "on_deactivate", "inactive"),
    5: ("unconfigured", "on_shutdown", "finalized"),
    6: ("inactive", "on_shutdown", "finalized"),
    7: ("active", "on_shutdown", "finalized"),
}
SHUTDOWN = {"unconfigured": 5, "inactive": 6, "active": 7}


class Return(enum.Enum):
    SUCCESS = 0
    FAILURE = 1
    ERROR = 2


class RCLError(RuntimeError):
    """rclpy's, of `_rclpy_pybind11`."""


class InvalidParameterTypeException(Exception):  # noqa: N818 - its name
    """rclpy's, of `rclpy.exceptions`."""


class InvalidParameterValueException(Exception):  # noqa: N818 - its name
    """rclpy's, of `rclpy.exceptions`."""


class Message(SimpleNamespace):
    """Any ROS message."""


class ChangeState:
    """lifecycle_msgs/srv/ChangeState."""


class Logger:
    """Keeps what is said, whatever its severity. As rclpy's, it takes one severity alone from each line that calls it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._severities: dict[tuple[str, int, int], str] = {}
        self.info, self.warning, self.error, self.fatal = map(self._saying, ("info", "warning", "error", "fatal"))

    def _saying(self, severity: str) -> Callable[[str], None]:
        def say(text: str) -> None:
            caller = sys._getframe(1)  # as rclpy.impl.rcutils_logger.CallerId
            place = (caller.f_code.co_filename, caller.f_lineno, caller.f_lasti)
            if self._severities.setdefault(place, severity) != severity:
                raise ValueError("Logger severity cannot be changed between calls.")
            self.lines.append(text)

        return say


class FakeNode:
    """What `rclpy.lifecycle.LifecycleNode` offers to the node, kept in memory."""

    namespace = "/"

    def __init__(self, name: str, *, parameter_overrides: list[Any]) -> None:
        self.name, self.logger = name, Logger()
        self.log = self.logger.lines
        self.overrides = {p.name: p.value for p in parameter_overrides}
        self.reliabilities: dict[str, list[int]] = {}
        self.parameters: dict[str, Any] = {}
        self.descriptors: dict[str, Any] = {}
        self.listeners: dict[str, Any] = {}
        self.subscriptions: list[Subscription] = []
        self.delivered: dict[str, int] = {}  # topic -> how many messages there were when a delivery was waited for
        self.sent: dict[str, list[Any]] = {}
        self.timers: list[Any] = []
        self.publishers: list[tuple[str, Any]] = []
        self.strangers: dict[str, list[str]] = {}  # names of other nodes that publish, by topic
        self.label = "unconfigured"
        self.checks: list[Any] = []
        self.action_clients: list[ActionClient] = []
        self.broken: Callable[[str], None] = lambda _topic: None  # raises where publishing on a topic shall fail
        service = SimpleNamespace(srv_type=ChangeState, callback=self.__on_change_state)
        self.services = iter([SimpleNamespace(srv_type=object, callback=None), service])
        self.change_state_service = service
        NODES.append(self)

    def declare_parameter(self, name: str, default: Any, descriptor: Any) -> None:
        value = self.overrides.get(name, default)
        if type(value) is not type(default) and not getattr(descriptor, "dynamic_typing", False):
            raise InvalidParameterTypeException(f"Trying to set parameter {name!r} to {value!r}, of another type")
        if why := out_of_range(value, descriptor):
            raise InvalidParameterValueException(
                f"Invalid parameter value ({value}) for parameter. Reason: {why}", name
            )
        self.parameters[name], self.descriptors[name] = value, descriptor

    def add_on_set_parameters_callback(self, callback: Any) -> None:
        self.checks.append(callback)

    def set_parameter(self, name: str, value: Any) -> Any:
        """As `ros2 param set`."""
        for check in self.checks:
            if not (result := check([SimpleNamespace(name=name, value=value)])).successful:
                return result
        self.parameters[name] = value
        return result

    def resolve_topic_name(self, topic: str) -> str:
        return topic if topic.startswith("/") else f"{self.namespace.rstrip('/')}/{topic}"

    def get_parameter(self, name: str) -> Any:
        return SimpleNamespace(value=self.parameters[name])

    def get_logger(self) -> Logger:
        return self.logger

    def create_publisher(self, kind: Any, topic: str, _qos: Any) -> Any:
        topic = self.resolve_topic_name(topic)
        sent, handle = self.sent.setdefault(topic, []), Handle()

        def publish(message: Any) -> None:
            with handle:
                self.broken(topic)
                sent.append(message)

        def wait_for_all_acked(_timeout: Any) -> bool:
            with handle:
                self.delivered[topic] = len(sent)
            return True

        publisher = SimpleNamespace(publish=publish, wait_for_all_acked=wait_for_all_acked, handle=handle)
        publisher.get_subscription_count = lambda: 1
        self.publishers.append((topic, publisher))
        return publisher

    def get_name(self) -> str:
        return self.name

    def get_publishers_info_by_topic(self, topic: str) -> list[Any]:
        """`rclpy.topic_endpoint_info.TopicEndpointInfo` of ours and of `strangers`."""
        own = [self.name for t, publisher in self.publishers if t == topic and not publisher.handle.destroyed]
        return [SimpleNamespace(node_name=name) for name in [*own, *self.strangers.get(topic, [])]]

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> Subscription:
        topic = self.resolve_topic_name(topic)
        self.subscriptions.append(subscription := Subscription(kind, topic, callback, qos.depth))
        self.listeners[topic] = lambda message, sent=None: subscription.call(message, info_of(sent))
        self.reliabilities.setdefault(topic, []).append(qos.reliability)
        return subscription

    def receive(self, topic: str, message: Any, sent: int | None = None) -> None:
        """A message comes, from any thread; the executor, or whoever takes it, hands it to the callback."""
        for subscription in [s for s in self.subscriptions if s.topic == topic]:
            subscription.handle.queue.append((message, info_of(sent)))

    def create_timer(self, period: float, callback: Any) -> Any:
        timer = SimpleNamespace(period=period, callback=callback, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

    def destroy_timer(self, timer: Any) -> bool:
        self.timers.remove(timer)
        return True

    def destroy_subscription(self, subscription: Subscription) -> None:
        self.subscriptions.remove(subscription)
        self.listeners.pop(subscription.topic, None)
        subscription.handle.destroyed = True

    def destroy_publisher(self, publisher: Any) -> None:
        publisher.handle.destroyed = True

    def destroy_node(self) -> None:
        self.label = "destroyed"

    def on_configure(self, _: Any) -> Return:
        return Return.SUCCESS

    on_activate = on_deactivate = on_cleanup = on_shutdown = on_error = on_configure

    def trigger_configure(self) -> Return:
        return self.__change_state(CONFIGURE)

    def trigger_activate(self) -> Return:
        return self.__change_state(ACTIVATE)

    def trigger_deactivate(self) -> Return:
        return self.__change_state(DEACTIVATE)

    def trigger_cleanup(self) -> Return:
        return self.__change_state(CLEANUP)

    def trigger_shutdown(self) -> Return | None:
        return self.__change_state(SHUTDOWN[self.label]) if self.label in SHUTDOWN else None

    def __change_state(self, transition: int) -> Return:
        start, callback, goal = TRANSITIONS.get(transition, ("", "", ""))
        if self.label != start:
            raise RCLError(
                "Failed to trigger lifecycle state machine transition: Transition is not registered., "
                "at ./src/rcl_lifecycle.c:355"
            )
        self.label = callback
        outcome = self._execute(callback)
        if outcome is Return.ERROR:
            recovered = self._execute("on_error") is Return.SUCCESS
            self.label = "unconfigured" if recovered else "finalized"
        else:
            self.label = goal if outcome is Return.SUCCESS or callback == "on_shutdown" else start
        return outcome

    def _execute(self, callback: str) -> Return:
        try:
            result: Return = getattr(self, callback)(None)
        except Exception:
            return Return.ERROR
        return result

    def __on_change_state(self, request: Any, response: Any) -> Any:
        response.success = self.__change_state(request.transition.id) is Return.SUCCESS
        return response

    def change_state(self, transition: int) -> bool:
        """As a client's call arrives in the executor."""
        request = Message(transition=Message(id=transition, label=""))
        return bool(self.change_state_service.callback(request, Message(success=None)).success)

    @property
    def finalized(self) -> bool:  # the node's own
        raise NotImplementedError

    def tick(self) -> None:
        run_executor()
        for timer in list(self.timers):
            if not timer.cancelled:
                timer.callback()


def out_of_range(value: Any, descriptor: Any) -> str:
    for interval in getattr(descriptor, "floating_point_range", []) if isinstance(value, float) else []:
        if not interval.from_value <= value <= interval.to_value:
            return f"Parameter must be between {interval.from_value} and {interval.to_value}"
    return ""


NODES: list[FakeNode] = []  # that were made


class Executor:
    """`SingleThreadedExecutor`: what a callback raises leaves `spin_once`. `script`: what comes in, one a call."""

    script: Iterator[Callable[[FakeNode], None]] = iter(())

    def add_node(self, node: FakeNode) -> None:
        self._node = node

    def spin_once(self, timeout_sec: float) -> None:
        for subscription in list(self._node.subscriptions):
            if (taken := subscription.handle.take_message(subscription.msg_type, subscription.raw)) is not None:
                subscription.call(*taken)
        next(Executor.script)(self._node)

    def shutdown(self) -> None: ...

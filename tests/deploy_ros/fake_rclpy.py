"""Stand-ins for the parts of rclpy that the node uses. What the real one raises, they raise.

The lifecycle is that of rclpy 7.1 (Jazzy, December 2024): `rclpy/lifecycle/node.py` and `rcl_lifecycle.c`. An exception in a
transition's callback counts as an error; a transition that the state does not have is an RCLError, in a service's callback
too, and what a callback raises leaves `SingleThreadedExecutor.spin_once`. Handles are those of `destroyable.cpp`: entering
one gives nothing, and one that was destroyed cannot be used.
"""

from __future__ import annotations

import enum
import importlib
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

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
PACKAGES = (
    "builtin_interfaces",
    "control_msgs",
    "diagnostic_msgs",
    "geometry_msgs",
    "rcl_interfaces",
    "sensor_msgs",
    "std_msgs",
    "trajectory_msgs",
)
OURS = ("ashore.deploy_ros.rclpy_types", "ashore.deploy_ros.lifecycle_node", "ashore.deploy_ros.rclpy_spin")


class Return(enum.Enum):
    SUCCESS = 0
    FAILURE = 1
    ERROR = 2


class RCLError(RuntimeError):
    """rclpy's, of `_rclpy_pybind11`."""


class InvalidHandle(RuntimeError):  # noqa: N818 - its name
    """rclpy's, of `_rclpy_pybind11`."""


class Handle:
    """What a publisher or a subscription holds of the middleware."""

    def __init__(self) -> None:
        self.queue: deque[Any] = deque()
        self.destroyed = False

    def __enter__(self) -> None:
        if self.destroyed:
            raise InvalidHandle("cannot use Destroyable because destruction was requested")

    def __exit__(self, *_: object) -> None: ...

    def take_message(self, _msg_type: Any, _raw: bool) -> tuple[Any, Any] | None:
        return (self.queue.popleft(), "message info") if self.queue else None


class Subscription:
    """Keeps the newest messages for the executor, or for whoever takes them."""

    def __init__(self, msg_type: Any, topic: str, callback: Callable[[Any], None], depth: int) -> None:
        self.msg_type, self.topic, self.callback, self.raw = msg_type, topic, callback, False
        self.handle = Handle()
        self.handle.queue = deque(maxlen=depth)


class Message(SimpleNamespace):
    """Any ROS message."""


class ChangeState:
    """lifecycle_msgs/srv/ChangeState."""


class Logger:
    """Keeps what is said, whatever its severity."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.info = self.warning = self.error = self.fatal = self.lines.append


class FakeNode:
    """What `rclpy.lifecycle.LifecycleNode` offers to the node, kept in memory."""

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
        self.label = "unconfigured"
        self.broken: Callable[[str], None] = lambda _topic: None  # raises where publishing on a topic shall fail
        service = SimpleNamespace(srv_type=ChangeState, callback=self.__on_change_state)
        self.services = iter([SimpleNamespace(srv_type=object, callback=None), service])
        self.change_state_service = service
        NODES.append(self)

    def declare_parameter(self, name: str, default: Any, descriptor: Any) -> None:
        self.parameters[name] = self.overrides.get(name, default)
        self.descriptors[name] = descriptor

    def get_parameter(self, name: str) -> Any:
        return SimpleNamespace(value=self.parameters[name])

    def get_logger(self) -> Logger:
        return self.logger

    def create_publisher(self, kind: Any, topic: str, _qos: Any) -> Any:
        sent, handle = self.sent.setdefault(topic, []), Handle()

        def publish(message: Any) -> None:
            with handle:
                self.broken(topic)
                sent.append(message)

        def wait_for_all_acked(_timeout: Any) -> bool:
            with handle:
                self.delivered[topic] = len(sent)
            return True

        return SimpleNamespace(publish=publish, wait_for_all_acked=wait_for_all_acked, handle=handle)

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> Subscription:
        self.listeners[topic] = callback
        self.reliabilities.setdefault(topic, []).append(qos.reliability)
        self.subscriptions.append(Subscription(kind, topic, callback, qos.depth))
        return self.subscriptions[-1]

    def receive(self, topic: str, message: Any) -> None:
        """A message comes, from any thread; the executor, or whoever takes it, hands it to the callback."""
        for subscription in [s for s in self.subscriptions if s.topic == topic]:
            subscription.handle.queue.append(message)

    def create_timer(self, _period: float, callback: Any) -> Any:
        timer = SimpleNamespace(callback=callback, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

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
        for timer in self.timers:
            if not timer.cancelled:
                timer.callback()


NODES: list[FakeNode] = []  # that were made


class Executor:
    """`SingleThreadedExecutor`: what a callback raises leaves `spin_once`. `script`: what comes in, one a call."""

    script: Iterator[Callable[[FakeNode], None]] = iter(())

    def add_node(self, node: FakeNode) -> None:
        self._node = node

    def spin_once(self, timeout_sec: float) -> None:
        for subscription in list(self._node.subscriptions):
            if (taken := subscription.handle.take_message(subscription.msg_type, subscription.raw)) is not None:
                subscription.callback(taken[0])
        next(Executor.script)(self._node)

    def shutdown(self) -> None: ...


@contextmanager
def stand_ins() -> Iterator[Any]:
    """`ashore.deploy_ros.rclpy_spin`, imported with stand-ins; what was there before comes back."""
    names = (
        "Duration", "Time", "DiagnosticArray", "DiagnosticStatus", "KeyValue", "PoseStamped", "FloatingPointRange",
        "ParameterDescriptor", "JointState", "Bool", "Float64MultiArray", "Header", "String", "JointTrajectory",
        "JointTrajectoryControllerState", "JointTrajectoryPoint", "QoSProfile",
    )  # fmt: skip
    anything: dict[str, Any] = {name: type(name, (Message,), {}) for name in names}
    anything |= {"LifecycleNode": FakeNode, "TransitionCallbackReturn": Return, "SingleThreadedExecutor": Executor}
    anything |= {"ChangeState": ChangeState, "ReliabilityPolicy": SimpleNamespace(BEST_EFFORT=1, RELIABLE=2)}
    anything["Parameter"] = lambda name, value: SimpleNamespace(name=name, value=value)
    anything["SignalHandlerOptions"] = SimpleNamespace(NO=0)
    anything |= {"init": lambda **_: None, "ok": lambda: True, "try_shutdown": lambda: None}
    parts = [f"rclpy.{part}" for part in ("duration", "executors", "lifecycle", "parameter", "qos", "signals")]
    modules = ["rclpy", *parts, *PACKAGES, *(f"{p}.msg" for p in PACKAGES), "lifecycle_msgs", "lifecycle_msgs.srv"]
    before = {name: sys.modules.get(name) for name in (*modules, *OURS)}
    for name in modules:
        stand_in = ModuleType(name)
        vars(stand_in).update(anything)
        sys.modules[name] = stand_in
    for name in OURS:
        sys.modules.pop(name, None)
    NODES.clear()
    try:
        yield importlib.import_module("ashore.deploy_ros.rclpy_spin")
    finally:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module

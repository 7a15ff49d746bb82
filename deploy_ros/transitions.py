"""What rclpy's lifecycle leaves to a node: to say what a transition raised, and to refuse one that its state does not have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

# rcl_lifecycle's message for a transition that does not exist in the present state. Older rclpy lets it out of the service's
# callback as an RCLError, a class without a public name.
NOT_REGISTERED = "Transition is not registered"


class Node(Protocol):
    """What the functions below need of a lifecycle node."""

    transitions: int  # that were begun
    failure_of_error_transition: Exception | None

    def get_logger(self) -> Any: ...


def counted(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A transition's callback, counted; what it raises is said here, for rclpy takes it silently and goes on to `on_error`.

    Where that one raises, rclpy finalizes the node, and no transition leads on from there.
    """

    @wraps(method)
    def transition(self: Node, state: Any) -> Any:
        self.transitions += 1
        try:
            return method(self, state)
        except Exception as error:
            self.get_logger().error(f"{method.__name__}: {error!r}")
            if method.__name__ == "on_error":
                self.failure_of_error_transition = error
            raise

    return transition


def refuse_unknown(node: Any, service_type: Any, state: Callable[[], str]) -> None:
    """Have the node's services of this type, ChangeState, refuse a transition that does not exist in the present `state`."""
    for service in node.services:
        if service.srv_type is service_type:
            service.callback = _refusing(node, service.callback, state)


def _refusing(node: Node, change: Callable[[Any, Any], Any], state: Callable[[], str]) -> Callable[[Any, Any], Any]:
    """The callback `change` of a ChangeState service, which refuses a transition that does not exist in the present state."""

    def answer(request: Any, response: Any) -> Any:
        begun = node.transitions
        try:
            return change(request, response)
        except Exception as error:
            if NOT_REGISTERED not in str(error) or node.transitions != begun:
                raise
            asked = request.transition.label or request.transition.id
            node.get_logger().warning(f"no transition {asked} while {state()}: refused")
            response.success = False
            return response

    return answer

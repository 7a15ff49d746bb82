"""What a node says of itself once a second, as a DiagnosticArray of ROS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.recording import Tape
from ashore.deploy_ros.ros_messages import time_of
from ashore.deploy_ros.settings import DIAGNOSTICS_TOPIC, NODE_NAME
from ashore.deploy_ros.states import Output
from ashore.deploy_ros.variants import mode_of

LEVEL_OK, LEVEL_WARN, LEVEL_ERROR = 0, 1, 2  # diagnostic_msgs/DiagnosticStatus


def diagnose(
    types: Any,
    controller: Controller,
    lock: threading.Lock,
    last: Output | None,
    publish: Callable[[Any], None],
    tape: Tape,
) -> None:
    """Publish and record how the controller is, which is used under `lock`; last: what its last step gave."""
    if controller.delays is not None:
        controller.delays.estimate()
    with lock:
        message = diagnostics(types, NODE_NAME, controller, last, time.time())
    publish(message)
    tape.sent(DIAGNOSTICS_TOPIC, "DiagnosticArray", message)


def diagnostics(types: Any, name: str, controller: Controller, output: Output | None, stamp: float) -> Any:
    """A DiagnosticArray of one status: OK while the policy drives, ERROR once the gate is shut, else WARN."""
    p50, p99, worst = controller.latency()
    values = {
        "state": controller.state.value,
        "mode": mode_of(controller.settings),
        "steps": str(controller.steps),
        "skipped periods": str(controller.skipped),
        "refused messages": str(controller.refusals.count),
        "last refusal": controller.refusals.last,
        "step p50 [s]": f"{p50:.6f}",
        "step p99 [s]": f"{p99:.6f}",
        "step max [s]": f"{worst:.6f}",
    }
    values |= controller.delays.texts() if controller.delays is not None else {}
    if output is None:
        level, text = LEVEL_WARN, "not active"
    else:
        level = LEVEL_ERROR if controller.latched else LEVEL_OK if output.reason.drives else LEVEL_WARN
        text = ("shadow: " if controller.settings.shadow else "") + output.status.reason
    status = types.DiagnosticStatus(
        level=types.level_of(level),
        name=f"{name}: policy",
        message=text,
        hardware_id="",
        values=[types.KeyValue(key=key, value=value) for key, value in values.items()],
    )
    return types.DiagnosticArray(header=types.Header(stamp=time_of(types, stamp)), status=[status])

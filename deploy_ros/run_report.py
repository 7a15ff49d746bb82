"""What a run came to, as JSON: steps, how long they took, how late the robot is and how old its signals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ashore.configs.whole_file import require_writable, whole_file
from ashore.deploy_ros.control import Controller
from ashore.deploy_ros.settings import NodeSettings


def report_of(controller: Controller) -> dict[str, Any]:
    """Of a configured controller. Times are seconds."""
    p50, p99, worst = controller.latency()
    return {
        "task": controller.interface.task,
        "robot": controller.interface.robot,
        "policy_sha256": controller.given.sha256,
        "steps": controller.steps,
        "skipped_periods": controller.skipped,
        "refused_messages": controller.refusals.count,
        "step": {"p50": p50, "p99": p99, "max": worst},
        "period_error": controller.timing.period_errors.summary(),
        "delays": controller.delays.report() if controller.delays is not None else {},
    }


def require_report(settings: NodeSettings) -> None:
    """UsageError, before anything moves, where the file that the settings name cannot be written."""
    if settings.report:
        require_writable(Path(settings.report))


def write_report(controller: Controller, say: Callable[[str], None]) -> None:
    """To the file that the settings name, if they do; where it cannot be written any more, that is said."""
    if not (name := controller.settings.report):
        return
    try:
        with whole_file(Path(name)) as part:
            part.write_text(json.dumps(report_of(controller), indent=1) + "\n")
    except (OSError, ValueError) as error:
        say(f"report = {name!r}: {getattr(error, 'strerror', None) or error}")

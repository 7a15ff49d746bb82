"""`ashore bench node`: one control step of the robot side, from joint state to safe command."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ashore.configs.loader import load_run
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.control import Controller
from ashore.runs import export_untrained

STEPS = 5000


def bench_node(path: Path | None) -> dict[str, Any]:
    """Drive the controller through many steps of a robot that follows its targets; time in the steps alone."""
    policy = load_policy(path) if path is not None else _untrained()
    joints = policy.contract.interface.joints
    names, dt = [j.name for j in joints], policy.contract.interface.control_dt
    controller = Controller()
    controller.configure(policy)
    position, velocity = np.array([j.home for j in joints]), np.zeros(len(joints))
    controller.on_goal([0.4, 0.1, 0.3], "")
    controller.on_joint_state(names, position.tolist(), velocity.tolist(), 0.0, 0.0)
    if why := controller.activate(0.0):
        raise RuntimeError(f"the controller does not start: {why}")
    durations, reasons = [], set()
    for k in range(1, STEPS + 1):
        controller.on_joint_state(names, position.tolist(), velocity.tolist(), 0.0, k * dt)
        output = controller.step(k * dt)
        assert output is not None
        position, velocity = output.position, output.velocity
        durations.append(output.status.latency * 1e3)
        reasons.add(output.reason.value)
    p50, p99, worst = np.percentile(durations[100:], [50, 99, 100])
    figures = {"p50_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4), "max_ms": round(float(worst), 4)}
    return figures | {"steps": STEPS, "gate": sorted(reasons)}


def _untrained() -> Policy:
    """A policy of the real size and shape: speed does not depend on what was learned."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.onnx"
        export_untrained(load_run("arm_reach"), file)
        return load_policy(file)

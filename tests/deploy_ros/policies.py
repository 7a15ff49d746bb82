"""A small policy file of the real format, made without a trainer: it brings every joint to the goal of the same number."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ashore.configs.contract import (
    METADATA_CONTRACT,
    METADATA_GOLDEN,
    METADATA_SHA256,
    POSITION_TARGET,
    VELOCITY_TARGET,
    Contract,
    Interface,
    JointSpec,
    SignalSpec,
    target_memory,
)
from ashore.configs.laws.limits import JointLimits, limit_target
from ashore.deploy_ros.safety import limits_of

JOINTS = ("a", "b", "c")
DT = 0.02  # s
GAIN = 4.0  # 1/s
LIMITS = JointLimits(
    low=np.array([-2.0, -1.5, -1.0]),
    high=np.array([2.0, 1.5, 1.0]),
    velocity=np.array([2.0, 1.5, 1.0]),
    acceleration=np.array([8.0, 8.0, 8.0]),
)
INPUTS = ("joint_position", "joint_velocity", "goal_position", "memory.target", "memory.target_velocity")
OUTPUTS = (POSITION_TARGET, VELOCITY_TARGET, "next.target", "next.target_velocity")


def signal(name: str, **changes: Any) -> SignalSpec:
    kind, unit, frame = {
        "joint_position": ("measurement", "rad", ""),
        "joint_velocity": ("measurement", "rad/s", ""),
        "goal_position": ("command", "m", "b"),
    }.get(name, ("estimate", "m", "b"))
    spec = {"name": name, "size": 3, "unit": unit, "kind": kind, "frame": frame, "max_age": 0.1, "description": name}
    return SignalSpec.model_validate(spec | changes)


def interface(**changes: Any) -> Interface:
    """Three joints, a goal for each."""
    joints = tuple(
        JointSpec(name=name, low=low, high=high, velocity=v, acceleration=a, home=0.0)
        for name, low, high, v, a in zip(JOINTS, *(x.tolist() for x in LIMITS), strict=True)
    )
    fields: dict[str, Any] = {
        "task": "follow",
        "robot": "gantry",
        "control_dt": DT,
        "signals": tuple(map(signal, INPUTS[:3])),
        "memory": target_memory(3, "joint_position"),
        "joints": joints,
        "action_scale": (2.0, 1.5, 1.0),
    }
    return Interface(**(fields | changes))


def expected_targets(
    signals: dict[str, np.ndarray], limits: JointLimits = LIMITS, dt: float = DT
) -> tuple[np.ndarray, np.ndarray]:
    """What the policy answers to signals [steps, 3], by the law of configs.laws.limits: position and velocity [steps, 3]."""
    p, v = np.asarray(signals["joint_position"][0], np.float64), np.zeros(3)
    positions, velocities = [], []
    for goal in np.asarray(signals["goal_position"], np.float64):
        p, v = limit_target(p + GAIN * dt * (goal - p), p, v, limits, dt)
        p, v = p.astype(np.float32).astype(np.float64), v.astype(np.float32).astype(np.float64)
        positions.append(p)
        velocities.append(v)
    return np.array(positions), np.array(velocities)


def make_policy(path: Path, face: Interface | None = None, **changes: Any) -> Path:
    """Write a policy file; `changes` break one thing in it: `golden_error`, `outputs`, `domain`, `metadata`, `checksum`."""
    face = face or interface()
    contract = Contract(
        interface=face, trained_on=(), settings={}, settings_sha256="0" * 64, ashore_version="0", trained_steps=1
    )
    random = np.random.default_rng(0)
    law = limits_of(face), face.control_dt
    sequences = []
    for _ in range(2):
        signals = {s.name: random.uniform(-0.9, 0.9, (12, s.size)).astype(np.float32) for s in face.signals}
        position, velocity = expected_targets(signals, *law)
        recorded = {name: x.tolist() for name, x in signals.items()}
        error = changes.get("golden_error", 0.0)
        sequences.append(
            {"signals": recorded, "position_target": (position + error).tolist(), "velocity_target": velocity.tolist()}
        )
    model = _model(changes.get("outputs", OUTPUTS), changes.get("domain", ""), *law)
    metadata = {
        METADATA_CONTRACT: contract.model_dump_json(),
        METADATA_GOLDEN: json.dumps({"sequences": sequences}),
        METADATA_SHA256: "0" * 64,
    }
    helper.set_model_props(model, metadata | changes.get("metadata", {}))
    path.write_bytes(seal(model.SerializeToString(deterministic=True)))
    return path


def seal(data: bytes) -> bytes:
    """The bytes with their checksum where 64 zeros were, or where another checksum was."""
    key = METADATA_SHA256.encode() + b"\x12\x40"
    begin = data.index(key) + len(key)
    blank = data[:begin] + b"0" * 64 + data[begin + 64 :]
    return blank.replace(key + b"0" * 64, key + hashlib.sha256(blank).hexdigest().encode())


def _model(outputs: tuple[str, ...], domain: str, limits: JointLimits, dt: float) -> onnx.ModelProto:
    """The law of ashore.configs.laws.limits in double precision, as the real export has it."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(value: Any) -> str:
        name = f"k{len(constants)}"
        values = np.broadcast_to(np.asarray(value, np.float64), (3,))
        constants.append(numpy_helper.from_array(values, name))
        return name

    def op(kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"x{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def clip(x: str, low: str, high: str) -> str:
        return op("Min", op("Max", x, low), high)

    def stopping(distance: str) -> str:
        root = op("Sqrt", op("Mul", constant(2 * limits.acceleration), op("Max", distance, constant(0.0))))
        return op("Max", op("Sub", root, constant(limits.acceleration * dt / 2)), constant(0.0))

    _, _, goal, p, v = (op("Cast", name, to=TensorProto.DOUBLE) for name in INPUTS)
    dv, v_max = constant(limits.acceleration * dt), constant(limits.velocity)
    wanted = op("Mul", op("Sub", goal, p), constant(GAIN))
    wanted = clip(wanted, op("Sub", v, dv), op("Add", v, dv))
    wanted = clip(wanted, op("Neg", v_max), v_max)
    up, down = stopping(op("Sub", constant(limits.high), p)), stopping(op("Sub", p, constant(limits.low)))
    wanted = clip(wanted, op("Neg", down), up)
    moved = op("Add", p, op("Mul", wanted, constant(dt)))
    for name, value in zip(outputs, (moved, wanted, moved, wanted), strict=True):
        nodes.append(helper.make_node("Cast", [value], [name], to=TensorProto.FLOAT))
    nodes[-1].domain = domain
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in INPUTS],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in outputs],
        constants,
    )
    opsets = [helper.make_opsetid("", 18), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)

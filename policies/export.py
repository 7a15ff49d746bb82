"""One `.onnx` a policy: the graph, its contract, golden vectors and a checksum; written only once proven equal."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from ashore.configs.card import Card
from ashore.configs.contract import (
    METADATA_CONTRACT,
    METADATA_GOLDEN,
    METADATA_SHA256,
    POSITION_TARGET,
    TARGET,
    VELOCITY_TARGET,
    Contract,
    Interface,
)
from ashore.configs.errors import AshoreError
from ashore.configs.space import Dimension
from ashore.policies.graph import PolicyGraph
from ashore.policies.networks import Actor
from ashore.policies.normalize import Normalizer

OPSET = 18
TOLERANCE = 1e-5  # rad between torch and onnxruntime; of a velocity, what it moves in a control period
Sequences = Sequence[Mapping[str, np.ndarray]]  # each: signal name -> [steps, size]


class ExportError(AshoreError):
    """The policy could not be written to a file that does what it should; there is no file."""


def export_policy(
    actor: Actor,
    normalizer: Normalizer,
    interface: Interface,
    path: Path,
    *,
    trained_on: Sequence[Dimension],
    settings: dict[str, Any],
    settings_sha256: str,
    trained_steps: int,
    success: float | None,
    ashore_version: str,
    golden: Sequences | None = None,
    card: Card | None = None,
) -> Contract:
    """Write the policy to `path`; give the contract in it: `interface` with what the actor remembers of its own.

    `golden` are recorded signals, at least two sequences of ten steps; without them, they are drawn from the statistics
    of training. Raises ExportError where onnxruntime and torch differ on them by more than `TOLERANCE`.
    """
    if actor.discrete:
        raise ExportError(
            "a policy that chooses among actions is not exported; allowed: one of continuous actions, for a robot"
        )
    try:
        specs = actor.memory.specs(interface)
        interface = Interface(**dict(interface) | {"memory": (*interface.memory, *specs)})
        contract = Contract(
            interface=interface,
            trained_on=tuple(trained_on),
            settings=settings,
            settings_sha256=settings_sha256,
            ashore_version=ashore_version,
            trained_steps=trained_steps,
            success=success,
            card=card,
        )
        graph = PolicyGraph(actor, normalizer, interface)
        sequences = _checked(draw_signals(normalizer, interface) if golden is None else golden, interface)
    except ValueError as error:
        raise ExportError(str(error)) from error
    vectors = [_golden(graph, interface, signals) for signals in sequences]
    model = _to_onnx(graph, interface)
    _write(model, contract, vectors, path)
    return contract


def _write(model: onnx.ModelProto, contract: Contract, vectors: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The graph with its contract and golden vectors, under its name only once onnxruntime agrees with them."""
    metadata = {
        METADATA_CONTRACT: contract.model_dump_json(),
        METADATA_GOLDEN: json.dumps({"sequences": vectors}),
        METADATA_SHA256: "0" * 64,
    }
    onnx.helper.set_model_props(model, metadata)
    data = _with_checksum(model.SerializeToString(deterministic=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(data)
        _require_equal(temporary, contract.interface, vectors)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def draw_signals(normalizer: Normalizer, interface: Interface, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Three sequences of 20 steps that wander where training was; the position signal stays within the joint limits."""
    random = np.random.Generator(np.random.Philox(seed))
    mean, std = normalizer.mean.cpu().numpy(), normalizer.std.cpu().numpy()
    measured = next(m.starts_as for m in interface.memory if m.name == TARGET)
    sequences = []
    for _ in range(3):
        signals, begin = {}, 0
        for s in interface.signals:
            center, spread = mean[begin : begin + s.size], std[begin : begin + s.size]
            begin += s.size
            walk = random.normal(size=s.size) + 0.1 * random.normal(size=(20, s.size)).cumsum(0)
            signals[s.name] = (center + spread * walk).astype(np.float32)
            if s.name == measured:
                low, high = ([getattr(j, end) for j in interface.joints] for end in ("low", "high"))
                signals[s.name] = signals[s.name].clip(low, high).astype(np.float32)
        sequences.append(signals)
    return sequences


def _checked(sequences: Sequences, interface: Interface) -> list[dict[str, np.ndarray]]:
    """The sequences as float32, each signal there with its size, all of one length."""
    if len(sequences) < 2:
        raise ValueError(f"golden has {len(sequences)} sequences; allowed: at least 2")
    sizes = {s.name: s.size for s in interface.signals}
    result = []
    for signals in sequences:
        if set(signals) != set(sizes):
            raise ValueError(f"golden signals = {sorted(signals)}; allowed: {sorted(sizes)}")
        arrays = {name: np.asarray(signals[name], dtype=np.float32) for name in sizes}
        steps = len(next(iter(arrays.values())))
        for name, array in arrays.items():
            if steps < 10 or array.shape != (steps, sizes[name]) or not np.isfinite(array).all():
                raise ValueError(
                    f"golden signal {name} has shape {array.shape}; allowed: finite, [10 or more, {sizes[name]}]"
                )
        result.append(arrays)
    return result


def _first_memory(interface: Interface, first: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The memories [1, size] that a sequence begins with, given its first signals [1, size]."""
    return [
        np.zeros((1, m.size), np.float32)
        if m.starts_as is None
        else np.tile(first[m.starts_as], m.size // first[m.starts_as].shape[1])
        for m in interface.memory
    ]


def _golden(graph: PolicyGraph, interface: Interface, signals: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """A sequence of signals with the targets that torch gives, as JSON numbers that are exactly the float32 values."""
    memory = [torch.from_numpy(m) for m in _first_memory(interface, {name: x[:1] for name, x in signals.items()})]
    positions, velocities = [], []
    for t in range(len(next(iter(signals.values())))):
        seen = [torch.from_numpy(signals[s.name][t : t + 1]) for s in interface.signals]
        position, velocity, *memory = graph(*seen, *memory)
        positions.append(position[0].tolist())
        velocities.append(velocity[0].tolist())
    recorded = {name: x.tolist() for name, x in signals.items()}
    return {"signals": recorded, "position_target": positions, "velocity_target": velocities}


def _to_onnx(graph: PolicyGraph, interface: Interface) -> onnx.ModelProto:
    """The graph with the contract's names, a free batch dimension and operators of the standard alone."""
    memories = [m.name for m in interface.memory]
    inputs = [s.name for s in interface.signals] + [f"memory.{name}" for name in memories]
    outputs = [POSITION_TARGET, VELOCITY_TARGET, *(f"next.{name}" for name in memories)]
    # Batch 2, since the exporter takes a size of 1 for a constant.
    sizes = [s.size for s in interface.signals] + [m.size for m in interface.memory]
    example = tuple(torch.zeros(2, size) for size in sizes)
    batch = torch.export.Dim("n")
    with _quiet():
        program = torch.onnx.export(
            graph,
            example,
            dynamo=True,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=(tuple({0: batch} for _ in example),),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:  # source lines of this machine
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    names = [x.name for x in model.graph.input], [x.name for x in model.graph.output]
    if names != (inputs, outputs):
        raise ExportError(f"the graph takes and gives {names}; expected {(inputs, outputs)}")
    foreign = {n.domain for n in model.graph.node if n.domain not in ("", "ai.onnx")} | {
        f.name for f in model.functions
    }
    if foreign:
        raise ExportError(f"the graph has operators outside the ONNX standard: {sorted(foreign)}")
    onnx.checker.check_model(model, full_check=True)
    return model


def _with_checksum(data: bytes) -> bytes:
    """The file's bytes with the placeholder's 64 zeros replaced by the SHA-256 of the bytes that have them."""
    # Key, then field 2 of the entry, 64 bytes long: as protobuf writes it.
    placeholder = METADATA_SHA256.encode() + b"\x12\x40" + b"0" * 64
    if data.count(placeholder) != 1:
        raise ExportError(f"{data.count(placeholder)} places for the checksum in the file; expected 1")
    return data.replace(placeholder, placeholder[:-64] + hashlib.sha256(data).hexdigest().encode())


def _require_equal(path: Path, interface: Interface, vectors: Sequence[Mapping[str, Any]]) -> None:
    """Run the file through the golden sequences, memory handed on; raise where a target differs from torch's."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for i, vector in enumerate(vectors):
        signals = {name: np.array(x, np.float32) for name, x in vector["signals"].items()}
        memory = _first_memory(interface, {name: x[:1] for name, x in signals.items()})
        for t, expected in enumerate(zip(vector["position_target"], vector["velocity_target"], strict=True)):
            feed = {name: x[t : t + 1] for name, x in signals.items()}
            feed |= {f"memory.{m.name}": x for m, x in zip(interface.memory, memory, strict=True)}
            position, velocity, *memory = session.run(None, feed)
            wrong = np.abs(np.array([position[0], velocity[0]]) - np.array(expected))
            error = float((wrong * [[1.0], [interface.control_dt]]).max())
            if not error <= TOLERANCE:
                raise ExportError(
                    f"golden sequence {i}, step {t}: onnxruntime is {error:.1e} off; allowed: {TOLERANCE:.0e}"
                )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about packages that are not there and its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

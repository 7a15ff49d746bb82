"""A policy file in, a policy out; or one line that says why not. The file is not trusted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from pydantic import Field, ValidationError

from ashore.configs.base import Vector
from ashore.configs.contract import (
    FORMAT,
    METADATA_CONTRACT,
    METADATA_GOLDEN,
    METADATA_SHA256,
    POSITION_TARGET,
    VELOCITY_TARGET,
    Contract,
    Interface,
)
from ashore.configs.errors import AshoreError
from ashore.configs.schema import Settings
from ashore.deploy_ros.graph_cost import cost_of
from ashore.deploy_ros.onnx_fields import FieldError
from ashore.deploy_ros.onnx_graph import Model

MAX_BYTES = 64 * 2**20
MAX_TEXT = 8 * 2**20  # characters of the contract, whose settings may hold a robot's model, or of the golden vectors
MAX_GOLDEN_STEPS, MAX_GOLDEN_WORK = (
    2**12,
    2**32,
)  # of all golden sequences; of which an export has about a hundred steps
TOLERANCE = 1e-5  # rad between this machine and the golden vectors; of a velocity, what it moves in a control period

Signals = Mapping[str, Any]  # signal name -> [size] or [n, size]
Memory = dict[str, np.ndarray]  # memory name -> [size] or [n, size] float32

# The entry's key, then its field 2 of 64 bytes, as protobuf writes it.
_CHECKSUM = re.compile(re.escape(METADATA_SHA256.encode()) + rb"\x12\x40([0-9a-f]{64})")


class PolicyFileError(AshoreError):
    """A file is not a policy that can be run as it promises; says which file and why, in one line."""


class Policy:
    """The graph of a policy file, and its contract. It keeps no state: memory comes in and goes out."""

    def __init__(self, contract: Contract, session: onnxruntime.InferenceSession, sha256: str) -> None:
        """sha256: of the file, which tells one policy from another."""
        self.contract, self.sha256 = contract, sha256
        self._session = session
        self._signals = {s.name: s.size for s in contract.interface.signals}
        self._memory = {m.name: m.size for m in contract.interface.memory}
        self._outputs = [POSITION_TARGET, VELOCITY_TARGET, *(f"next.{name}" for name in self._memory)]

    def initial_memory(self, signals: Signals) -> Memory:
        """Memory before the first step, as `MemorySpec.starts_as` says; of the signals' rank."""
        checked = {name: self._checked(name, size, signals) for name, size in self._signals.items()}
        zeros = next(iter(checked.values())).shape[:-1]
        return {
            m.name: np.zeros((*zeros, m.size), np.float32)
            if m.starts_as is None
            else np.tile(checked[m.starts_as], m.size // self._signals[m.starts_as])
            for m in self.contract.interface.memory
        }

    def step(self, signals: Signals, memory: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, Memory]:
        """Targets one control period ahead: position rad, velocity rad/s, [joints] or [n, joints] float32; next memory.

        Signals and memory are all `[size]`, or all `[n, size]` for n robots at once.
        """
        feed = {name: self._checked(name, size, signals) for name, size in self._signals.items()}
        for name, size in self._memory.items():
            feed[f"memory.{name}"] = self._checked(name, size, memory)
        single = next(iter(feed.values())).ndim == 1
        if single:
            feed = {name: value[None] for name, value in feed.items()}
        outputs = self._session.run(self._outputs, feed)
        position, velocity, *following = (x[0] for x in outputs) if single else outputs
        return position, velocity, dict(zip(self._memory, following, strict=True))

    @staticmethod
    def _checked(name: str, size: int, values: Mapping[str, Any]) -> np.ndarray:
        if name not in values:
            raise ValueError(f"{name} is missing; there are {sorted(values)}")
        value = np.asarray(values[name], dtype=np.float32)
        if value.ndim not in (1, 2) or value.shape[-1] != size:
            raise ValueError(f"{name} has shape {list(value.shape)}; allowed: [{size}] or [n, {size}]")
        return value


def load_policy(path: str | PathLike[str]) -> Policy:
    """Read, verify and try out a policy file. Raises PolicyFileError, and nothing else, where it cannot be used."""
    try:
        data = _read(Path(path))
        model = Model(data)
        metadata = model.metadata()
        _verify_checksum(data, metadata)
        contract = _contract(metadata)
        golden = _golden(metadata, cost_of(model.graph()).work)
        policy = Policy(contract, _session(data, contract.interface), hashlib.sha256(data).hexdigest())
        _replay(policy, golden)
    except (FieldError, PolicyFileError) as error:
        raise PolicyFileError(f"{path}: {_one_line(error)}") from None
    return policy


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise PolicyFileError("there is no such file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise PolicyFileError(f"cannot be read: {_one_line(error)}") from None
    if len(data) > MAX_BYTES:
        raise PolicyFileError(f"larger than {MAX_BYTES // 2**20} MiB, which no policy is")
    if not data:
        raise PolicyFileError("the file is empty")
    return data


def _verify_checksum(data: bytes, metadata: Mapping[str, str]) -> None:
    places = list(_CHECKSUM.finditer(data))
    if not places and METADATA_CONTRACT not in metadata:
        raise PolicyFileError("an ONNX model without an Ashore contract; `ashore export` writes one")
    if len(places) != 1:
        raise PolicyFileError(f"{len(places)} checksums where one is due: damaged, or not written by `ashore export`")
    digest = places[0].group(1)
    begin, end = places[0].span(1)
    if metadata.get(METADATA_SHA256) != digest.decode():
        raise PolicyFileError("its checksum is not in its metadata: damaged, or not written by `ashore export`")
    if hashlib.sha256(data[:begin] + b"0" * 64 + data[end:]).hexdigest().encode() != digest:
        raise PolicyFileError("checksum mismatch: the file was damaged or changed after its export")


def _contract(metadata: Mapping[str, str]) -> Contract:
    try:
        return Contract.model_validate_json(_text(metadata, METADATA_CONTRACT), strict=True)
    except ValidationError as error:
        for problem in error.errors():
            if problem["loc"] == ("format",):
                raise PolicyFileError(f"format {str(problem['input'])[:40]!r}; this Ashore reads {FORMAT!r}") from None
        raise PolicyFileError(f"contract: {_first_problem(error)}") from None


def _text(metadata: Mapping[str, str], key: str) -> str:
    text = metadata.get(key, "")
    if len(text) > MAX_TEXT:
        raise PolicyFileError(f"{key} has {len(text):,} characters; allowed: at most {MAX_TEXT:,}")
    return text


def _session(data: bytes, interface: Interface) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # onnxruntime: fatal only; what it refuses is raised
    try:
        # The exporter has folded what is constant; what is left of a stranger's file is not worked out at load.
        session = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"], disabled_optimizers=["ConstantFolding"]
        )
    except Exception as error:  # onnxruntime's errors share no other base
        raise PolicyFileError(f"onnxruntime refuses the graph: {_one_line(error)}") from None
    memory = {m.name: m.size for m in interface.memory}
    joints = len(interface.joints)
    inputs = {s.name: s.size for s in interface.signals} | {f"memory.{k}": size for k, size in memory.items()}
    outputs = {POSITION_TARGET: joints, VELOCITY_TARGET: joints} | {f"next.{k}": size for k, size in memory.items()}
    _require("inputs", session.get_inputs(), inputs)
    _require("outputs", session.get_outputs(), outputs)
    return session


def _require(what: str, found: list[Any], promised: Mapping[str, int]) -> None:
    """Names, float32 and `[n, size]` as the contract promises, in any order."""
    if sorted(x.name for x in found) != sorted(promised):
        raise PolicyFileError(f"{what} of the graph are {[x.name for x in found]}; promised: {list(promised)}")
    for x in found:
        if (
            x.type != "tensor(float)"
            or len(x.shape) != 2
            or isinstance(x.shape[0], int)
            or x.shape[1] != promised[x.name]
        ):
            raise PolicyFileError(
                f"{x.name} of the graph is {x.type} {x.shape}; promised: float32 [n, {promised[x.name]}]"
            )


class _Sequence(Settings):
    signals: dict[str, tuple[Vector, ...]]  # name -> [steps][size]
    position_target: tuple[Vector, ...] = Field(min_length=1)  # [steps][joints]
    velocity_target: tuple[Vector, ...] = Field(min_length=1)


class _Golden(Settings):
    sequences: tuple[_Sequence, ...] = Field(min_length=1)


def _golden(metadata: Mapping[str, str], work: int) -> tuple[_Sequence, ...]:
    """The golden sequences, each of one length; `work` of a step bounds how many steps there may be."""
    try:
        golden = _Golden.model_validate_json(_text(metadata, METADATA_GOLDEN), strict=True)
    except ValidationError as error:
        raise PolicyFileError(f"golden vectors: {_first_problem(error)}") from None
    for i, sequence in enumerate(golden.sequences):
        lengths = {len(x) for x in (*sequence.signals.values(), sequence.position_target, sequence.velocity_target)}
        if len(lengths) != 1:
            raise PolicyFileError(f"golden sequence {i} has parts of {sorted(lengths)[:9]} steps; allowed: one length")
    most = min(MAX_GOLDEN_STEPS, MAX_GOLDEN_WORK // work)
    if (steps := sum(len(sequence.position_target) for sequence in golden.sequences)) > most:
        raise PolicyFileError(f"golden sequences of {steps} steps; allowed: at most {most}")
    return golden.sequences


def _replay(policy: Policy, sequences: Sequence[_Sequence]) -> None:
    """Run the golden sequences, memory handed on from step to step."""
    for i, sequence in enumerate(sequences):
        try:
            worst = _worst(policy, sequence)
        except Exception as problem:  # onnxruntime's errors share no other base
            raise PolicyFileError(f"golden sequence {i} does not run: {_one_line(problem)}") from None
        if not worst <= TOLERANCE:
            raise PolicyFileError(
                f"golden sequence {i}: targets {worst:.1e} off on this machine; allowed: {TOLERANCE:.0e}"
            )


def _worst(policy: Policy, sequence: _Sequence) -> float:
    """Largest difference from the recorded targets; NaN where a target is not a number."""
    memory: Memory = {}
    errors = []
    for t, expected in enumerate(zip(sequence.position_target, sequence.velocity_target, strict=True)):
        signals = {name: values[t] for name, values in sequence.signals.items()}
        memory = memory or policy.initial_memory(signals)
        position, velocity, memory = policy.step(signals, memory)
        wrong = np.abs(np.array([position, velocity], np.float64) - np.array(expected))
        errors.append((wrong * [[1.0], [policy.contract.interface.control_dt]]).max())
    return float(np.max(errors))


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    return _one_line(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" if problem["loc"] else problem["msg"])


def _one_line(error: object) -> str:
    """At most 300 characters of one line; what a terminal would obey or could not show is written as `\\x1b`."""
    text = " ".join(str(error)[:10_000].split())[:300]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)[:300]

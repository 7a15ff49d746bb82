"""The graph of an ONNX file, as far as its cost depends on it; read without trusting it and without `onnx`.

Field numbers: onnx/onnx.proto.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import NamedTuple

from ashore.deploy_ros.onnx_fields import FieldError, File, Message

OPSET = 18  # of `ashore export`: another one may give an operator another meaning
STANDARD_DOMAINS = ("", "ai.onnx")
ITEM_SIZES = {1: 4, 6: 4, 7: 8, 9: 1, 11: 8}  # bytes of float, int32, int64, bool, double, by TensorProto.DataType
INT64 = 7
MAX_RANK = 8
MAX_VALUES = 64  # of an int64 constant whose values decide a shape

Shape = tuple[int, ...]


class Constant(NamedTuple):
    """A tensor in the file, and its values where they may decide a shape."""

    shape: Shape
    values: tuple[int, ...] | None = None


class Node(NamedTuple):
    """One operator; its attributes are those that are integers."""

    kind: str
    inputs: list[str]  # "": left out
    outputs: list[str]
    attributes: Mapping[str, tuple[int, ...]]


class Graph(NamedTuple):
    """Nodes in the order in which they run. An input's shape is that for one robot."""

    inputs: Mapping[str, Shape]
    constants: Mapping[str, Constant]
    nodes: list[Node]


class Model:
    """The one graph of a file and its metadata. Raises FieldError where the bytes are no ONNX model."""

    def __init__(self, data: bytes) -> None:
        self._model = File(data).message()
        graph = self._model.message(7)
        if graph is None:
            raise FieldError("not an ONNX file")
        self._graph = graph

    def metadata(self) -> dict[str, str]:
        """The file's metadata, each key once."""
        metadata: dict[str, str] = {}
        for entry in self._model.messages(14):
            key = entry.text(1)
            if key in metadata:
                raise FieldError(f"metadata {key[:40]!r} is there twice")
            metadata[key] = entry.text(2)
        return metadata

    def graph(self) -> Graph:
        """The graph. FieldError where it is not plain: subgraphs, functions, data outside of the file or packed otherwise
        than `ashore export` does, another opset, a name that is given twice."""
        if self._model.has(20, 25):
            raise FieldError("the model brings functions or training steps of its own")
        for opset in self._model.messages(8):
            _check_domain(opset.text(1))
            if (version := opset.integer(2)) != OPSET:
                raise FieldError(f"the graph is of ONNX opset {version}; this Ashore reads {OPSET}")
        if self._graph.has(15):
            raise FieldError("the graph has sparse tensors")
        nodes, constants = [], [(tensor.text(8), _constant(tensor)) for tensor in self._graph.messages(5)]
        for message in self._graph.messages(1):
            node, tensor = _node(message)
            if tensor is None:
                nodes.append(node)
            else:
                constants += [(name, tensor) for name in node.outputs]
        inputs = [(value.text(1), _input_shape(value)) for value in self._graph.messages(11)]
        names = [name for name, _ in (*inputs, *constants)] + [x for node in nodes for x in node.outputs if x]
        if len(set(names)) < len(names):
            raise FieldError("the graph gives a name to two things")
        return Graph(dict(inputs), dict(constants), nodes)


def _check_domain(domain: str) -> None:
    if domain not in STANDARD_DOMAINS:
        raise FieldError(f"the graph has operators outside the ONNX standard, of domain {domain[:40]!r}")


def _node(message: Message) -> tuple[Node, Constant | None]:
    """A node, and what it holds where it is a constant."""
    _check_domain(message.text(7))
    kind, attributes, tensor = message.text(4), {}, None
    for attribute in message.messages(5):
        name = attribute.text(1)
        if attribute.has(6, 11, 22, 23):
            raise FieldError(f"the operator {kind[:40]!r} of the graph brings loops, branches or sparse tensors")
        if attribute.has(10, 14, 15, 21) or attribute.has(5) != (kind == "Constant") or name in attributes:
            raise FieldError(f"the operator {kind[:40]!r} has an attribute that no policy needs")
        if (value := attribute.message(5)) is not None:
            tensor = _constant(value)
        attributes[name] = (attribute.integer(3),) if attribute.has(3) else attribute.integers(8)
    if (kind == "Constant") != (tensor is not None):
        raise FieldError("a constant of the graph has no value")
    return Node(kind, message.texts(1), message.texts(2), attributes), tensor


def _constant(tensor: Message) -> Constant:
    """Its shape, once its bytes are as many as that takes."""
    if tensor.has(13) or tensor.integer(14) != 0:
        raise FieldError("the graph keeps data in other files")
    shape, kind, span = _checked(tensor.integers(1)), tensor.integer(2), tensor.data(9)
    size = math.prod(shape) * ITEM_SIZES.get(kind, 0)
    if span is None or span.end - span.begin != size or size == 0 or tensor.has(3, 4, 5, 6, 7, 10, 11):
        raise FieldError(f"a constant of the graph, of type {kind}, is not as large as its shape {list(shape)} says")
    if kind != INT64 or len(shape) > 1 or size > 8 * MAX_VALUES:
        return Constant(shape)
    return Constant(shape, struct.unpack(f"<{size // 8}q", tensor.file.data[span.begin : span.end]))


def _input_shape(value: Message) -> Shape:
    """[n, size] with n = 1: the robot that is driven."""
    kind = value.message(2)
    tensor = None if kind is None else kind.message(1)
    shape = None if tensor is None else tensor.message(2)
    if shape is None:
        raise FieldError("an input of the graph has no shape")
    return _checked(tuple(1 if k == 0 and not d.has(1) else d.integer(1) for k, d in enumerate(shape.messages(1))))


def _checked(shape: Shape) -> Shape:
    if len(shape) > MAX_RANK or any(size < 1 for size in shape):
        raise FieldError(
            f"the graph has a tensor of shape {list(shape[:MAX_RANK])}; allowed: at most {MAX_RANK} sizes from 1"
        )
    return shape

"""The few fields of an ONNX file that decide whether it may be loaded, read without trusting it and without `onnx`.

Field numbers: onnx/onnx.proto. Wire format: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MAX_FIELDS = 200_000  # a policy has a few thousand; a file made of tiny fields would keep us reading for minutes
STANDARD_DOMAINS = ("", "ai.onnx")
# What `ashore export` writes, with a margin for other activations, normalizations and recurrent networks. None of them
# makes a tensor whose size a value decides (ConstantOfShape, Expand, Tile, Resize, Range, ...), and none runs a subgraph.
# That is no bound on memory: broadcasting can still multiply sizes.
OPERATORS = frozenset(
    "Abs Add And Cast Ceil Clip Concat Constant Div Elu Equal Erf Exp Flatten Floor GRU Gemm Greater GreaterOrEqual "
    "Identity LSTM LayerNormalization LeakyRelu Less LessOrEqual Log MatMul Max Min Mul Neg Not Or Pow Reciprocal "
    "ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Shape Sigmoid Sign Sin Slice Softmax Softplus Split Sqrt "
    "Squeeze Sub Tanh Transpose Unsqueeze Where".split()
)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class FieldError(ValueError):
    """The bytes are no ONNX model, or one that must not be loaded; says why in one line."""


class Span(NamedTuple):
    """A part of the file's bytes: [begin, end)."""

    begin: int
    end: int


def read_metadata(data: bytes) -> dict[str, str]:
    """The metadata of an ONNX model whose graph is plain: `OPERATORS` alone, no external data, no subgraphs."""
    model = _Reader(data)
    graphs, metadata = 0, {}
    for number, value in model.fields(Span(0, len(data))):
        if number == 7:
            graphs += 1
            _check_graph(model, model.message(value))
        elif number == 14:
            entry = dict(model.fields(model.message(value)))
            key, text = (model.text(entry.get(k, Span(0, 0))) for k in (1, 2))
            if key in metadata:
                raise FieldError(f"metadata {key!r} is there twice")
            metadata[key] = text
        elif number in (20, 25):
            raise FieldError("the model brings functions or training steps of its own")
    if graphs != 1:
        raise FieldError("not an ONNX file")
    return metadata


def _check_graph(model: _Reader, graph: Span) -> None:
    for number, value in model.fields(graph):
        if number == 1:
            _check_node(model, model.message(value))
        elif number == 5:
            _check_tensor(model, model.message(value))
        elif number == 15:
            raise FieldError("the graph has sparse tensors")


def _check_node(model: _Reader, node: Span) -> None:
    for number, value in model.fields(node):
        if number == 4 and (kind := model.text(value)) not in OPERATORS:
            raise FieldError(f"the graph has the operator {kind[:40]!r}, which no policy needs")
        if number == 7 and (domain := model.text(value)) not in STANDARD_DOMAINS:
            raise FieldError(f"the graph has operators outside the ONNX standard, of domain {domain!r}")
        if number == 5:
            _check_attribute(model, model.message(value))


def _check_attribute(model: _Reader, attribute: Span) -> None:
    for number, value in model.fields(attribute):
        if number in (5, 10):
            _check_tensor(model, model.message(value))
        elif number in (6, 11, 22, 23):
            raise FieldError("the graph has loops, branches or sparse tensors")


def _check_tensor(model: _Reader, tensor: Span) -> None:
    for number, value in model.fields(tensor):
        if number == 13 or (number == 14 and value != 0):
            raise FieldError("the graph keeps data in other files")


class _Reader:
    """Walks protobuf fields; every length is checked against the message that holds it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.seen = 0

    def fields(self, message: Span) -> Iterator[tuple[int, int | Span]]:
        """Field number and value: an integer, or the span of bytes, text or a message."""
        at, end = message
        while at < end:
            self.seen += 1
            if self.seen > MAX_FIELDS:
                raise FieldError(f"more than {MAX_FIELDS} fields, which no policy has")
            tag, at = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                value, at = self._varint(at, end)
                yield number, value
                continue
            length = 8 if wire == _FIXED64 else 4
            if wire == _BYTES:
                length, at = self._varint(at, end)
            elif wire not in (_FIXED64, _FIXED32):
                raise FieldError("not an ONNX file, or a damaged one")
            if number == 0 or length > end - at:
                raise FieldError("not an ONNX file, or a truncated or damaged one")
            yield number, Span(at, at + length)
            at += length

    def message(self, value: int | Span) -> Span:
        if not isinstance(value, Span):
            raise FieldError("not an ONNX file, or a damaged one")
        return value

    def text(self, value: int | Span) -> str:
        span = self.message(value)
        try:
            return self.data[span.begin : span.end].decode()
        except UnicodeDecodeError:
            raise FieldError("not an ONNX file, or a damaged one") from None

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise FieldError("not an ONNX file, or a truncated or damaged one")
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise FieldError("not an ONNX file, or a damaged one")

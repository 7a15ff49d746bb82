"""What a policy's graph costs, from the shapes of its tensors alone, before anything runs.

A small file can ask for hours and gigabytes: two constants of a few thousand values that broadcast against each other, a
chain of matrix products of the result, all of it worked out while the graph is loaded. So the operators are those that
`ashore export` writes and others as plain, every shape follows from the file, and a graph of more than `MOST_WORK` is refused.
Rules: onnx/docs/Operators.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ashore.deploy_ros.onnx_fields import FieldError
from ashore.deploy_ros.onnx_graph import ITEM_SIZES, MAX_RANK, Constant, Graph, Node, Shape

# Work is counted in multiply-adds: about 1 ns each. So the graph takes at most about 20 ms a step, and its tensors, beside
# those in the file, at most 8 MiB. No network that fits into a policy file comes near: 64 MiB are 8 million weights.
MOST_WORK = 2**24
PER_NODE, PER_VALUE = 1000, 16  # of starting an operator; of a value that it reads or writes

ELEMENTWISE = frozenset(
    "Abs Add And Ceil Clip Cos Div Elu Equal Erf Exp Floor Greater GreaterOrEqual Identity LeakyRelu Less LessOrEqual Log "
    "Max Min Mul Neg Not Or Pow Reciprocal Relu Sigmoid Sign Sin Softplus Sqrt Sub Tanh Where".split()
)


class Call(NamedTuple):
    """A node with what is known of its inputs; None: left out."""

    node: Node
    shapes: list[Shape | None]
    values: list[tuple[int, ...] | None]

    def shape(self, k: int) -> Shape:
        """Of the k-th input."""
        if k >= len(self.shapes) or (shape := self.shapes[k]) is None:
            raise self.wrong("lacks an input")
        return shape

    def constant(self, k: int, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """The values of the k-th input, which must be in the file; `default` where it is left out."""
        values = default if k >= len(self.shapes) or self.shapes[k] is None else self.values[k]
        if values is None:
            raise self.wrong("gives a tensor whose shape is not in the file")
        return values

    def attribute(self, name: str, default: int) -> int:
        values = self.node.attributes.get(name, (default,))
        if len(values) != 1:
            raise self.wrong(f"has no such {name}")
        return values[0]

    def axes(self, axes: tuple[int, ...], rank: int) -> list[int]:
        """Axes counted from 0, each once."""
        counted = [axis % rank if -rank <= axis < rank else rank for axis in axes]
        if rank in counted or len(set(counted)) < len(counted):
            raise self.wrong(f"has axes {list(axes)} of {rank}")
        return counted

    def wrong(self, what: str) -> FieldError:
        return FieldError(f"the operator {self.node.kind!r} of the graph {what}")


class Result(NamedTuple):
    """The shapes that an operator gives, and its multiply-adds beside what its values cost."""

    shapes: list[Shape]
    products: int = 0


class Cost(NamedTuple):
    """Of a step for one robot, and of loading the graph."""

    work: int  # multiply-adds, or what takes as long
    shapes: Mapping[str, Shape]  # of every tensor


def cost_of(graph: Graph) -> Cost:
    """What the graph costs; FieldError where that is more than `MOST_WORK`, or not to be known."""
    constants: Mapping[str, Constant] = graph.constants
    shapes = {name: constant.shape for name, constant in constants.items()} | dict(graph.inputs)
    work = 0
    for node in graph.nodes:
        rule = RULES.get(node.kind)
        if rule is None:
            raise FieldError(f"the graph has the operator {node.kind[:40]!r}, which no policy needs")
        if missing := [name for name in node.inputs if name and name not in shapes]:
            raise FieldError(f"the graph uses {missing[0][:40]!r} before it is there")
        call = Call(
            node,
            [shapes[name] if name else None for name in node.inputs],
            [constants[name].values if name in constants else None for name in node.inputs],
        )
        result = rule(call)
        if len(result.shapes) != len(node.outputs) or any(len(shape) > MAX_RANK for shape in result.shapes):
            raise call.wrong("gives other tensors than it should")
        shapes |= zip(node.outputs, result.shapes, strict=True)
        read = 0 if result.products else sum(math.prod(shape) for shape in call.shapes if shape is not None)
        values = max(read, sum(math.prod(shape) for shape in result.shapes))
        work += PER_NODE + PER_VALUE * values + result.products
        if work > MOST_WORK:
            raise FieldError(f"the graph takes more than {MOST_WORK:,} operations a step, which no policy does")
    return Cost(work, shapes)


def _broadcast(call: Call, shapes: list[Shape]) -> Shape:
    rank = max(map(len, shapes))
    sizes = []
    for at in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        sizes.append(max(at))
        if any(size not in (1, sizes[-1]) for size in at):
            raise call.wrong(f"has inputs of shapes {[list(shape) for shape in shapes[:4]]}")
    return tuple(sizes)


def _elementwise(call: Call) -> Result:
    given = [shape for shape in call.shapes if shape is not None]
    return Result([_broadcast(call, [call.shape(0), *given])])


def _cast(call: Call) -> Result:
    if call.attribute("to", 0) not in ITEM_SIZES:
        raise call.wrong("makes something else of numbers")
    return Result([call.shape(0)])


def _matmul(call: Call) -> Result:
    a, b = call.shape(0), call.shape(1)
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise call.wrong(f"multiplies shapes {list(a)} and {list(b)}")
    shape = (*_broadcast(call, [a[:-2], b[:-2]]), a[-2], b[-1])
    return Result([shape], math.prod(shape) * a[-1])


def _gemm(call: Call) -> Result:
    a, b = call.shape(0), call.shape(1)
    a, b = (x[::-1] if call.attribute(name, 0) else x for x, name in ((a, "transA"), (b, "transB")))
    if len(a) != 2 or len(b) != 2 or a[1] != b[0]:
        raise call.wrong(f"multiplies shapes {list(a)} and {list(b)}")
    shape = (a[0], b[1])
    if len(call.shapes) > 2 and call.shapes[2] is not None and _broadcast(call, [shape, call.shape(2)]) != shape:
        raise call.wrong(f"adds shape {list(call.shape(2))} to {list(shape)}")
    return Result([shape], math.prod(shape) * a[1])


def _concat(call: Call) -> Result:
    parts = [call.shape(k) for k in range(max(1, len(call.shapes)))]
    (axis,) = call.axes((call.attribute("axis", 0),), len(parts[0]))
    if any(part[:axis] + part[axis + 1 :] != parts[0][:axis] + parts[0][axis + 1 :] for part in parts):
        raise call.wrong("joins tensors that do not fit")
    return Result([(*parts[0][:axis], sum(part[axis] for part in parts), *parts[0][axis + 1 :])])


def _slice(call: Call) -> Result:
    shape = list(call.shape(0))
    starts, ends = call.constant(1), call.constant(2)
    axes = call.axes(call.constant(3, tuple(range(len(starts)))), len(shape))
    steps = call.constant(4, (1,) * len(starts))
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise call.wrong("cuts nothing out")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        shape[axis] = len(range(*slice(start, end, step).indices(shape[axis])))
    if 0 in shape:
        raise call.wrong("cuts nothing out")
    return Result([tuple(shape)])


def _split(call: Call) -> Result:
    shape = call.shape(0)
    (axis,) = call.axes((call.attribute("axis", 0),), len(shape))
    count = call.attribute("num_outputs", len(call.node.outputs))
    if not 0 < count == len(call.node.outputs) <= shape[axis]:
        raise call.wrong("gives other tensors than it should")
    size = -(-shape[axis] // count)
    sizes = call.constant(1, (*(size,) * (count - 1), shape[axis] - size * (count - 1)))
    if sum(sizes) != shape[axis] or min(sizes) < 1:
        raise call.wrong(f"cuts {shape[axis]} values into {list(sizes[:8])}")
    return Result([(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes])


def _squeeze(call: Call) -> Result:
    shape = call.shape(0)
    axes = call.axes(call.constant(1), len(shape))
    if any(shape[axis] != 1 for axis in axes):
        raise call.wrong(f"takes axes {axes} from {list(shape)}")
    return Result([tuple(size for axis, size in enumerate(shape) if axis not in axes)])


def _unsqueeze(call: Call) -> Result:
    axes = call.constant(1)
    shape = list(call.shape(0))
    for axis in sorted(call.axes(axes, len(shape) + len(axes))):
        shape.insert(axis, 1)
    return Result([tuple(shape)])


def _transpose(call: Call) -> Result:
    shape = call.shape(0)
    order = call.axes(call.node.attributes.get("perm", tuple(range(len(shape)))[::-1]), len(shape))
    if len(order) != len(shape):
        raise call.wrong(f"orders {len(order)} axes of {list(shape)}")
    return Result([tuple(shape[axis] for axis in order)])


def _reshape(call: Call) -> Result:
    shape, wanted = call.shape(0), list(call.constant(1))
    if not call.attribute("allowzero", 0):
        wanted = [shape[k] if size == 0 and k < len(shape) else size for k, size in enumerate(wanted)]
    rest = math.prod(size for size in wanted if size != -1)
    if wanted.count(-1) == 1 and rest > 0:
        wanted[wanted.index(-1)] = math.prod(shape) // rest
    if any(size < 1 for size in wanted) or math.prod(wanted) != math.prod(shape):
        raise call.wrong(f"makes {list(call.constant(1)[:MAX_RANK])} of {list(shape)}")
    return Result([tuple(wanted)])


def _reduce(call: Call) -> Result:
    shape = call.shape(0)
    axes = call.axes(call.constant(1), len(shape))
    keep = call.attribute("keepdims", 1)
    kept = [1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes]
    return Result([tuple(kept)])


RULES: Mapping[str, Callable[[Call], Result]] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"), _reduce),
    "Cast": _cast,
    "Concat": _concat,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}

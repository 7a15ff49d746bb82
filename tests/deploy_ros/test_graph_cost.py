"""What a graph costs is known from its shapes, as onnxruntime finds them, and a bomb is refused before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ashore.deploy_ros import bundle
from ashore.deploy_ros.bundle import MAX_GOLDEN_STEPS
from ashore.deploy_ros.graph_cost import MOST_WORK, RULES, cost_of
from ashore.deploy_ros.onnx_fields import FieldError
from ashore.deploy_ros.onnx_graph import Constant, Graph, Model, Node
from tests.deploy_ros.policies import make_policy
from tests.deploy_ros.test_bundle import changed, refusal


@pytest.fixture
def no_session(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What onnxruntime was asked to load."""
    asked: list[Any] = []
    monkeypatch.setattr(bundle.onnxruntime, "InferenceSession", lambda *arguments, **_: asked.append(arguments))
    return asked


def add_constant(model: onnx.ModelProto, name: str, values: np.ndarray) -> str:
    model.graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def add_node(model: onnx.ModelProto, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
    model.graph.node.append(helper.make_node(kind, list(inputs), [output], **attributes))
    return output


def add_square(model: onnx.ModelProto, size: int) -> str:
    """[size, size] of two constants of `size` values."""
    column, row = (add_constant(model, name, np.full(s, 0.5)) for name, s in (("c", (size, 1)), ("r", (1, size))))
    return add_node(model, "Mul", [column, row], "square")


def test_a_small_file_of_11_tflop_is_refused_unrun(policy_file: Path, tmp_path: Path, no_session: list[Any]) -> None:
    def products(model: onnx.ModelProto) -> None:
        x = add_square(model, 4096)
        for k in range(80):  # of 2 * 4096^3 = 0.137 TFLOP each, worked out while the graph is loaded
            x = add_node(model, "MatMul", [x, "square"], f"m{k}")

    path = changed(policy_file, tmp_path / "p.onnx", products)
    assert path.stat().st_size < 200_000
    assert "takes more than 16,777,216 operations" in refusal(path) and not no_session


def test_a_small_file_of_3_6_gb_is_refused_unrun(policy_file: Path, tmp_path: Path, no_session: list[Any]) -> None:
    path = changed(policy_file, tmp_path / "p.onnx", lambda model: add_square(model, 21_200))  # of 8 bytes each
    assert path.stat().st_size < 500_000
    assert "takes more than 16,777,216 operations" in refusal(path) and not no_session


def test_a_graph_that_grows_slowly_is_refused_too(policy_file: Path, tmp_path: Path, no_session: list[Any]) -> None:
    def doublings(model: onnx.ModelProto) -> None:
        x = "x0"
        for k in range(40):
            x = add_node(model, "Concat", [x, x], f"d{k}", axis=1)

    def chain(model: onnx.ModelProto) -> None:
        x = "x0"
        for k in range(17_000):
            x = add_node(model, "Neg", [x], f"n{k}")

    for change in (doublings, chain):
        assert "operations a step" in refusal(changed(policy_file, tmp_path / "p.onnx", change)) and not no_session


@pytest.mark.parametrize(
    "change",
    [
        lambda m: add_node(m, "Reshape", ["x0", "x1"], "y"),
        lambda m: add_node(m, "Slice", ["x0", add_constant(m, "s", np.array([0])), "x1"], "y"),
        lambda m: add_node(m, "Squeeze", ["x0"], "y"),
        lambda m: add_node(m, "ReduceSum", ["x0"], "y"),
        lambda m: add_node(m, "Unsqueeze", ["x0", add_constant(m, "a", np.arange(9))], "y"),
        lambda m: add_node(m, "Add", ["x0", add_constant(m, "a", np.zeros(4))], "y"),
        lambda m: add_node(m, "MatMul", ["x0", add_constant(m, "a", np.zeros((4, 4)))], "y"),
        lambda m: add_node(m, "Gemm", ["x0", add_constant(m, "a", np.zeros((4, 4)))], "y"),
        lambda m: add_node(m, "Cast", ["x0"], "y", to=TensorProto.STRING),
        lambda m: add_node(m, "Split", ["x0"], "y", axis=1, num_outputs=3),
        lambda m: add_node(m, "Neg", ["nowhere"], "y"),
        lambda m: add_node(m, "Neg", [], "y"),
        lambda m: add_node(m, "Neg", ["x0"], "x1"),
        lambda m: m.graph.initializer[0].dims.append(2**40),
        lambda m: m.graph.initializer[0].dims.append(-1),
        lambda m: m.graph.initializer[0].dims.__setitem__(0, 0),
        lambda m: m.graph.initializer[0].double_data.append(1.0),
        lambda m: m.graph.input[2].type.tensor_type.shape.dim[1].__setattr__("dim_value", 2**50),
        lambda m: m.graph.input[2].type.tensor_type.shape.dim[1].__setattr__("dim_param", "m"),
        lambda m: m.graph.input[2].type.tensor_type.ClearField("shape"),
        lambda m: m.opset_import[0].__setattr__("version", 17),
    ],
)
def test_shapes_that_are_not_in_the_file_are_refused_unrun(
    policy_file: Path, tmp_path: Path, no_session: list[Any], change: Any
) -> None:
    assert "graph" in refusal(changed(policy_file, tmp_path / "p.onnx", change)) and not no_session


def test_more_golden_vectors_than_an_export_has_are_refused_unrun(tmp_path: Path, no_session: list[Any]) -> None:
    step = {name: [[0.1] * 3] for name in ("joint_position", "joint_velocity", "goal_position")}
    one = {"signals": step, "position_target": [[0.1] * 3], "velocity_target": [[0.0] * 3]}
    golden = bundle._Golden.model_validate({"sequences": [one] * (MAX_GOLDEN_STEPS + 1)}).model_dump_json()
    path = make_policy(tmp_path / "p.onnx", metadata={bundle.METADATA_GOLDEN: golden})
    assert "golden sequences of 4097 steps; allowed: at most 4096" in refusal(path) and not no_session


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 0.9, shape)


ONE, TWO = [array(2, 3, 4)], [array(2, 3, 4), array(3, 1)]
# Operator, inputs, attributes, number of outputs: one call of every rule and of each way in which it is called.
CALLS: list[tuple[str, list[Any], dict[str, Any], int]] = [
    *((kind, ONE, {}, 1) for kind in "Abs Exp Floor Identity Neg Relu Sigmoid Sin Sqrt Tanh".split()),
    *((kind, TWO, {}, 1) for kind in "Add Div Max Min Mul Pow Sub Less GreaterOrEqual".split()),
    ("Max", [array(1, 4), array(3, 1), array(2, 1, 1)], {}, 1),
    ("Clip", [array(2, 3), np.array(0.2), np.array(0.5)], {}, 1),
    ("Clip", [array(2, 3), None, np.array(0.5)], {}, 1),
    ("Cast", ONE, {"to": TensorProto.FLOAT}, 1),
    ("Concat", [array(2, 3), array(2, 5), array(2, 1)], {"axis": -1}, 1),
    ("Gemm", [array(2, 3), array(5, 3), array(5)], {"transB": 1}, 1),
    ("Gemm", [array(3, 2), array(3, 5)], {"transA": 1}, 1),
    ("MatMul", [array(2, 3), array(3, 5)], {}, 1),
    ("MatMul", [array(4, 1, 2, 3), array(6, 3, 5)], {}, 1),
    ("ReduceSum", [array(2, 3, 4), np.array([-1, 0])], {"keepdims": 0}, 1),
    ("ReduceMax", [array(2, 3, 4), np.array([1])], {}, 1),
    ("Reshape", [array(2, 3, 4), np.array([-1, 6])], {"allowzero": 1}, 1),
    ("Reshape", [array(2, 3, 4), np.array([0, -1, 2])], {}, 1),
    ("Slice", [array(9, 7), np.array([1]), np.array([2**63 - 1])], {}, 1),
    ("Slice", [array(9, 7), np.array([-3, 1]), np.array([-1, 6]), np.array([-1, 0]), np.array([1, 2])], {}, 1),
    ("Slice", [array(9, 7), np.array([8]), np.array([-(2**63)]), np.array([0]), np.array([-2])], {}, 1),
    ("Split", [array(2, 12)], {"axis": 1, "num_outputs": 3}, 3),
    ("Split", [array(2, 7)], {"axis": -1, "num_outputs": 3}, 3),
    ("Split", [array(2, 7), np.array([1, 4, 2])], {"axis": 1}, 3),
    ("Squeeze", [array(1, 3, 1), np.array([0, -1])], {}, 1),
    ("Transpose", ONE, {"perm": [2, 0, 1]}, 1),
    ("Transpose", ONE, {}, 1),
    ("Unsqueeze", [array(2, 3), np.array([0, -1])], {}, 1),
    ("Unsqueeze", [array(2, 3), np.array([3, 1])], {}, 1),
]


@pytest.mark.parametrize(("kind", "inputs", "attributes", "outputs"), CALLS)
def test_shapes_are_those_that_onnxruntime_gives(
    kind: str, inputs: list[Any], attributes: dict[str, Any], outputs: int
) -> None:
    given = {f"i{k}": x for k, x in enumerate(inputs) if x is not None}
    names = ["" if x is None else f"i{k}" for k, x in enumerate(inputs)]
    results = [f"o{k}" for k in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(kind, names, results, **attributes)],
        "g",
        [],
        [helper.make_empty_tensor_value_info(name) for name in results],
        [numpy_helper.from_array(x, name) for name, x in given.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data = model.SerializeToString()
    found = onnxruntime.InferenceSession(data).run(None, {})
    shapes = cost_of(Model(data).graph()).shapes
    assert [shapes[name] for name in results] == [x.shape for x in found]


def test_a_call_of_every_rule_is_tried() -> None:
    rules = {id(rule): kind for kind, rule in RULES.items()}
    assert {id(RULES[kind]) for kind, *_ in CALLS} == set(rules)


def test_work_is_that_of_multiply_adds_values_and_operators() -> None:
    weights = numpy_helper.from_array(array(200, 100), "w")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["h"], transB=1), helper.make_node("Tanh", ["h"], ["y"])],
        "g",
        [value("x", TensorProto.DOUBLE, ["n", 100])],
        [value("y", TensorProto.DOUBLE, ["n", 200])],
        [weights],
    )
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    # 200 x 100 products; 200 values each by 16; two operators by 1000.
    assert cost_of(Model(data).graph()).work == 20_000 + 2 * 200 * 16 + 2000 < MOST_WORK


def test_a_constant_by_a_node_is_a_constant() -> None:
    tensor = numpy_helper.from_array(np.array([3, 2]))
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=tensor),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [], [], [numpy_helper.from_array(array(6), "x")])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    assert cost_of(Model(data).graph()).shapes["y"] == (3, 2)
    nodes[0].attribute[0].t.data_type = TensorProto.STRING
    graph = helper.make_graph(nodes, "g", [], [], [numpy_helper.from_array(array(6), "x")])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    with pytest.raises(FieldError, match="a constant of the graph, of type 8"):
        Model(data).graph()


def test_readers_that_differ_find_no_field_twice(policy_file: Path, tmp_path: Path) -> None:
    data = policy_file.read_bytes()
    for extra in (b"\x3a\x00", b"\x3a\x02\x52\x00"):  # a second graph, which protobuf would merge with the first
        (tmp_path / "p.onnx").write_bytes(data + extra)
        assert "a field is there twice" in refusal(tmp_path / "p.onnx")


def test_the_largest_network_that_fits_into_a_file_is_affordable() -> None:
    width = 2048
    layers = bundle.MAX_BYTES // (8 * width**2)
    constants = {f"w{k}": Constant((width, width)) for k in range(layers)} | {"zero": Constant(())}
    nodes, x = [], "x"
    for k in range(layers):
        nodes.append(Node("Gemm", [x, f"w{k}"], [f"h{k}"], {}))
        for kind, inputs, output in (
            ("Max", [f"h{k}", "zero"], f"a{k}"),
            ("Min", [f"h{k}", "zero"], f"b{k}"),
            ("Exp", [f"b{k}"], f"c{k}"),
            ("Add", [f"a{k}", f"c{k}"], f"d{k}"),
            ("Sub", [f"d{k}", "zero"], f"e{k}"),
        ):
            nodes.append(Node(kind, inputs, [output], {}))
        x = f"e{k}"
    work = cost_of(Graph({"x": (1, width)}, constants, nodes)).work
    assert 2 * width**2 == layers * width**2 < work < MOST_WORK

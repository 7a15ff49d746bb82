"""A policy file is run as it promises, or refused in one line."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ashore.configs.contract import METADATA_CONTRACT, METADATA_GOLDEN
from ashore.deploy_ros import bundle
from ashore.deploy_ros.bundle import Policy, PolicyFileError, load_policy
from tests.deploy_ros.policies import expected_targets, make_policy, seal


def refusal(path: Path) -> str:
    """Why a file is refused: one line that begins with its name."""
    with pytest.raises(PolicyFileError) as caught:
        load_policy(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text and len(text) < 600
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return text


def changed(path: Path, to: Path, change: Any) -> Path:
    """A copy with its model changed and a checksum that is right again: what a forger could write."""
    model = onnx.load(path)
    change(model)
    to.write_bytes(seal(model.SerializeToString(deterministic=True)))
    return to


def test_a_sound_file_runs_as_its_golden_vectors_say(policy: Policy) -> None:
    random = np.random.default_rng(1)
    names = ("joint_position", "joint_velocity", "goal_position")
    signals = {name: random.uniform(-0.9, 0.9, (50, 3)).astype(np.float32) for name in names}
    memory = policy.initial_memory({name: x[0] for name, x in signals.items()})
    assert memory["target"].tolist() == signals["joint_position"][0].tolist() and not memory["target_velocity"].any()
    positions, velocities = expected_targets(signals)
    for t in range(50):
        position, velocity, memory = policy.step({name: x[t] for name, x in signals.items()}, memory)
        assert position.shape == velocity.shape == memory["target"].shape == (3,)
        np.testing.assert_allclose(position, positions[t], atol=1e-6)
        np.testing.assert_allclose(velocity, velocities[t], atol=1e-6)


def test_many_robots_at_once_get_what_each_would_get_alone(policy: Policy) -> None:
    random = np.random.default_rng(2)
    names = ("joint_position", "joint_velocity", "goal_position")
    signals = {name: random.uniform(-0.9, 0.9, (5, 3)) for name in names}
    memory = policy.initial_memory(signals)
    together, _, following = policy.step(signals, memory)
    assert together.shape == following["target"].shape == (5, 3)
    for i in range(5):
        alone, _, _ = policy.step({k: x[i] for k, x in signals.items()}, {k: x[i] for k, x in memory.items()})
        np.testing.assert_array_equal(alone, together[i])


def test_signals_of_a_wrong_size_or_missing_are_named(policy: Policy) -> None:
    with pytest.raises(ValueError, match="goal_position is missing"):
        policy.initial_memory({"joint_position": np.zeros(3), "joint_velocity": np.zeros(3)})
    with pytest.raises(ValueError, match=r"joint_velocity has shape \[2\]; allowed: \[3\]"):
        policy.initial_memory(
            {"joint_position": np.zeros(3), "joint_velocity": np.zeros(2), "goal_position": np.zeros(3)}
        )


def test_truncated_files_are_refused(policy_file: Path, tmp_path: Path) -> None:
    data, short = policy_file.read_bytes(), tmp_path / "short.onnx"
    for length in [0, 1, 2, 10, *range(100, len(data), len(data) // 40), len(data) - 65, len(data) - 1]:
        short.write_bytes(data[:length])
        refusal(short)


def test_every_flipped_bit_is_found(policy_file: Path, tmp_path: Path) -> None:
    data, flipped = policy_file.read_bytes(), tmp_path / "flipped.onnx"
    for at in [*range(64), *range(64, len(data), 97), *range(len(data) - 100, len(data))]:
        damaged = bytearray(data)
        damaged[at] ^= 1 << (at % 8)
        flipped.write_bytes(damaged)
        refusal(flipped)


def test_appended_bytes_are_refused(policy_file: Path, tmp_path: Path) -> None:
    longer = tmp_path / "longer.onnx"
    for extra in (b"\0", b"\x08\x09", policy_file.read_bytes()):
        longer.write_bytes(policy_file.read_bytes() + extra)
        refusal(longer)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89",
        b"PK\x03\x04" + bytes(200),
        b"import torch\n" * 50,
        bytes(range(256)) * 8,
        b"\xff" * 1000,
    ],
)
def test_another_file_renamed_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "renamed.onnx"
    path.write_bytes(content)
    assert "not an ONNX file" in refusal(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.onnx")
    assert "no such file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "no such file" in refusal(tmp_path / "pipe.onnx")


def test_a_file_beyond_the_size_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(bundle.MAX_BYTES + 1)
    assert "larger than 64 MiB" in refusal(path)


def test_a_foreign_model_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    ends = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy")
    graph = helper.make_graph([node], "g", [next(ends)], [next(ends)])
    onnx.save(helper.make_model(graph), tmp_path / "foreign.onnx")
    assert "without an Ashore contract" in refusal(tmp_path / "foreign.onnx")


def test_golden_vectors_that_differ_are_refused(tmp_path: Path) -> None:
    assert "off on this machine" in refusal(make_policy(tmp_path / "p.onnx", golden_error=3e-5))
    load_policy(make_policy(tmp_path / "p.onnx", golden_error=5e-6))


@pytest.mark.parametrize("golden", ["", "[]", '{"sequences": []}', "[" * 100_000, '{"sequences": [{"signals": {}}]}'])
def test_golden_vectors_that_are_none_are_refused(golden: str, tmp_path: Path) -> None:
    assert "golden" in refusal(make_policy(tmp_path / "p.onnx", metadata={METADATA_GOLDEN: golden}))


def test_golden_vectors_that_do_not_fit_are_refused(policy_file: Path, tmp_path: Path) -> None:
    golden = json.loads({p.key: p.value for p in onnx.load(policy_file).metadata_props}[METADATA_GOLDEN])
    del golden["sequences"][0]["signals"]["goal_position"]
    assert "goal_position is missing" in refusal(
        make_policy(tmp_path / "p.onnx", metadata={METADATA_GOLDEN: json.dumps(golden)})
    )
    golden["sequences"][0]["velocity_target"].pop()
    assert "one length" in refusal(make_policy(tmp_path / "p.onnx", metadata={METADATA_GOLDEN: json.dumps(golden)}))


def test_contracts_that_do_not_hold_are_refused(policy_file: Path, tmp_path: Path) -> None:
    contract = json.loads({p.key: p.value for p in onnx.load(policy_file).metadata_props}[METADATA_CONTRACT])

    def with_contract(**changes: Any) -> str:
        text = json.dumps(contract | changes)
        return refusal(make_policy(tmp_path / "p.onnx", metadata={METADATA_CONTRACT: text}))

    assert "format 'ashore-policy/2'; this Ashore reads 'ashore-policy/1'" in with_contract(format="ashore-policy/2")
    assert "contract: surprise" in with_contract(surprise=1)
    face = contract["interface"]
    assert "inputs of the graph" in with_contract(interface=face | {"signals": face["signals"][:2]})
    wide = [*face["signals"][:2], face["signals"][2] | {"size": 4}]
    assert "promised: float32 [n, 4]" in with_contract(interface=face | {"signals": wide})
    assert "contract" in refusal(make_policy(tmp_path / "p.onnx", metadata={METADATA_CONTRACT: "no JSON"}))
    for size, starts_as, why in (
        (2**40, None, "at most 65536"),
        (2**16 - 5, None, "at most 65536"),
        (-4, None, "greater than or equal to 1"),
        (4, "joint_position", "a signal that fills it"),
        (3, "nowhere", "a signal that fills it"),
        (6, "joint_position", "inputs of the graph"),
    ):
        more = {"name": "more", "size": size, "unit": "1", "starts_as": starts_as}
        assert why in with_contract(interface=face | {"memory": [*face["memory"], more]})


def test_graphs_that_are_not_plain_are_refused(policy_file: Path, tmp_path: Path) -> None:
    assert "domain 'com.evil'" in refusal(make_policy(tmp_path / "p.onnx", domain="com.evil"))
    outputs = ("target", "velocity", "next.target", "next.target_velocity")
    assert "outputs of the graph" in refusal(make_policy(tmp_path / "p.onnx", outputs=outputs))

    def external(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    assert "other files" in refusal(changed(policy_file, tmp_path / "p.onnx", external))

    def branch(model: onnx.ModelProto) -> None:
        body = helper.make_graph([], "body", [], [])
        model.graph.node.append(helper.make_node("If", ["x0"], ["y"], then_branch=body, else_branch=body))

    assert "operator 'If'" in refusal(changed(policy_file, tmp_path / "p.onnx", branch))

    def subgraph(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node("Identity", ["x0"], ["y"], g=helper.make_graph([], "body", [], [])))

    assert "loops, branches" in refusal(changed(policy_file, tmp_path / "p.onnx", subgraph))

    def function(model: onnx.ModelProto) -> None:
        model.functions.add(name="f", domain="d")

    assert "functions" in refusal(changed(policy_file, tmp_path / "p.onnx", function))

    def future(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = 9999

    assert "opset 9999; this Ashore reads 18" in refusal(changed(policy_file, tmp_path / "p.onnx", future))


@pytest.mark.parametrize(
    "kind", ["ConstantOfShape", "Expand", "Tile", "Resize", "Range", "Pad", "Loop", "Scan", "OneHot", "Unheard\n" * 99]
)
def test_operators_that_no_policy_needs_are_refused_by_name(kind: str, policy_file: Path, tmp_path: Path) -> None:
    def grow(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node(kind, ["x0"], ["y"]))

    assert f"operator {kind[:40]!r}" in refusal(changed(policy_file, tmp_path / "p.onnx", grow))


def test_two_checksums_or_keys_are_ambiguous(policy_file: Path, tmp_path: Path) -> None:
    def again(model: onnx.ModelProto) -> None:
        model.metadata_props.add(key=METADATA_CONTRACT, value="{}")

    assert "there twice" in refusal(changed(policy_file, tmp_path / "p.onnx", again))
    hidden = "ashore.sha256" + "\x12\x40" + "0" * 64

    def decoy(model: onnx.ModelProto) -> None:
        model.doc_string = hidden

    assert "2 checksums" in refusal(changed(policy_file, tmp_path / "p.onnx", decoy))


def test_a_file_of_countless_tiny_fields_is_refused_soon(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"\x08\x01" * 10_000_000)
    assert "more than" in refusal(path)


def test_the_file_is_read_once_and_may_go_away(policy_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    shutil.copy(policy_file, copy)
    policy = load_policy(copy)
    copy.unlink()
    zeros = dict.fromkeys(("joint_position", "joint_velocity", "goal_position"), np.zeros(3))
    policy.step(zeros, policy.initial_memory(zeros))

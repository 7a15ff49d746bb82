"""The file does what the policy does, within the limits, or there is no file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ashore.configs.contract import (
    METADATA_CONTRACT,
    METADATA_GOLDEN,
    METADATA_SHA256,
    Contract,
    Interface,
    JointSpec,
    SignalSpec,
    target_memory,
)
from ashore.configs.laws.limits import JointLimits, limit_target
from ashore.policies import export
from ashore.policies.export import ExportError, draw_signals, export_policy
from ashore.policies.graph import PolicyGraph
from ashore.policies.networks import CategoricalActor, GaussianActor
from ashore.policies.normalize import Normalizer

JOINTS = 2
INTERFACE = Interface(
    task="reach",
    robot="arm",
    control_dt=0.02,
    signals=(
        SignalSpec(name="joint_position", size=2, unit="rad", kind="measurement", max_age=0.1, description="encoders"),
        SignalSpec(name="goal_b", size=3, unit="m", kind="command", frame="b", max_age=1, description="where to"),
    ),
    memory=target_memory(JOINTS, "joint_position"),
    joints=(
        JointSpec(name="a", low=-2.8973, high=2.8973, velocity=2.175, acceleration=15.0, home=0.0),
        JointSpec(name="b", low=-0.0698, high=3.0718, velocity=2.61, acceleration=7.5, home=1.0),
    ),
    action_scale=(2.175, 1.3),
)
ABOUT: dict[str, Any] = {
    "trained_on": (),
    "settings": {"name": "reach"},
    "settings_sha256": "0" * 64,
    "trained_steps": 1000,
    "success": 0.9,
    "ashore_version": "0.0.1",
}


def _policy(activation: str = "elu") -> tuple[GaussianActor, Normalizer]:
    """A policy whose actions differ a lot from state to state."""
    g = torch.Generator().manual_seed(1)
    actor = GaussianActor(INTERFACE.actor_size, JOINTS, (32, 16), activation, 0.7, g)
    with torch.no_grad():
        list(actor.mean.parameters())[-2].mul_(200)
    normalizer = Normalizer(INTERFACE.actor_size)
    normalizer.update(torch.randn(1000, INTERFACE.actor_size, generator=g) * 0.8 + 0.3)
    return actor, normalizer


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "policy.onnx"
    export_policy(*_policy(), INTERFACE, path, **ABOUT)
    return path


def _metadata(path: Path) -> dict[str, str]:
    return {p.key: p.value for p in onnx.load(path).metadata_props}


def test_names_contract_and_operators_are_as_promised(file: Path) -> None:
    session = onnxruntime.InferenceSession(file)
    inputs = {i.name: (i.type, i.shape) for i in session.get_inputs()}
    expected = {"joint_position": 2, "goal_b": 3, "memory.target": 2, "memory.target_velocity": 2}
    assert inputs == {name: ("tensor(float)", ["n", size]) for name, size in expected.items()}
    outputs = ["joint_position_target", "joint_velocity_target", "next.target", "next.target_velocity"]
    assert [o.name for o in session.get_outputs()] == outputs
    contract = Contract.model_validate_json(_metadata(file)[METADATA_CONTRACT])
    assert contract == Contract(interface=INTERFACE, **ABOUT)
    model = onnx.load(file)
    assert {o.domain for o in model.opset_import} == {""} and not model.functions
    assert str(Path.cwd()).encode() not in file.read_bytes()
    assert [p.name for p in file.parent.iterdir()] == ["policy.onnx"]


def test_checksum_is_that_of_the_file_with_zeros_in_its_place(file: Path) -> None:
    digest, data = _metadata(file)[METADATA_SHA256], file.read_bytes()
    assert data.count(digest.encode()) == 1
    assert hashlib.sha256(data.replace(digest.encode(), b"0" * 64)).hexdigest() == digest


@pytest.mark.parametrize("activation", ["elu", "relu", "tanh", "silu"])
def test_golden_sequences_replay_in_onnxruntime_and_match_the_trained_actor(tmp_path: Path, activation: str) -> None:
    actor, normalizer = _policy(activation)
    path = tmp_path / "policy.onnx"
    export_policy(actor, normalizer, INTERFACE, path, **ABOUT)
    session = onnxruntime.InferenceSession(path)
    sequences = json.loads(_metadata(path)[METADATA_GOLDEN])["sequences"]
    assert len(sequences) >= 2
    limits = _limits()
    for s in sequences:
        target, velocity = np.array(s["signals"]["joint_position"][:1]), np.zeros((1, 2))
        assert len(s["position_target"]) >= 10
        for t, golden in enumerate(zip(s["position_target"], s["velocity_target"], strict=True)):
            seen = [np.array([s["signals"][name][t]]) for name in ("joint_position", "goal_b")] + [target, velocity]
            feed = {i.name: x.astype(np.float32) for i, x in zip(session.get_inputs(), seen, strict=True)}
            target, velocity, *following = session.run(None, feed)
            np.testing.assert_allclose([target[0], velocity[0]], golden, atol=1e-5)
            assert (following[0] == target).all() and (following[1] == velocity).all()
            # The trained networks in float32, with the limit law in numpy.
            with torch.no_grad():
                action = actor(normalizer(torch.from_numpy(np.concatenate(seen, 1).astype(np.float32)))).clip(-1, 1)
            desired = seen[2] + action.double().numpy() * INTERFACE.action_scale * 0.02
            np.testing.assert_allclose(target, limit_target(desired, seen[2], seen[3], limits, 0.02)[0], atol=1e-5)


def _limits() -> JointLimits:
    names = ("low", "high", "velocity", "acceleration")
    return JointLimits(*(np.array([getattr(j, name) for j in INTERFACE.joints]) for name in names))


def test_any_batch_gives_what_single_rows_give(file: Path) -> None:
    session = onnxruntime.InferenceSession(file)
    random = np.random.default_rng(0)
    feed = {i.name: random.normal(size=(17, i.shape[1])).astype(np.float32) for i in session.get_inputs()}
    together = session.run(None, feed)
    for row in range(17):
        alone = session.run(None, {name: x[row : row + 1] for name, x in feed.items()})
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[row : row + 1], b, atol=1e-6)


def test_control_dt_is_in_the_graph_to_the_last_bit(tmp_path: Path) -> None:
    """As a float32 it would shift targets at a limit by a rounding, which an eager policy makes a hundred times larger."""
    path = tmp_path / "policy.onnx"
    export_policy(*_policy(), INTERFACE, path, **ABOUT)
    numbers = [onnx.numpy_helper.to_array(x) for x in onnx.load(path).graph.initializer]
    values = np.unique(np.concatenate([x.ravel() for x in numbers if x.dtype == np.float64]))
    near = values[np.isclose(values, INTERFACE.control_dt, rtol=1e-6)]
    assert near.tolist() == [INTERFACE.control_dt]


class Pushing(GaussianActor):
    """Its mean action is the goal signal's first two values, times ten."""

    def __init__(self) -> None:
        super().__init__(INTERFACE.actor_size, JOINTS, ())
        layer = self.mean[0]
        assert isinstance(layer, torch.nn.Linear)
        with torch.no_grad():
            layer.weight.zero_()
            layer.weight[0, 2] = layer.weight[1, 3] = 10.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from(["velocity", "position"]))
def test_the_graph_keeps_the_limits_as_numpy_does(seed: int, hold: int, mode: Literal["velocity", "position"]) -> None:
    random = np.random.default_rng(seed)
    interface = INTERFACE.model_copy(update={"action": mode})
    graph = PolicyGraph(Pushing(), Normalizer(INTERFACE.actor_size), interface)
    home = np.array([j.home for j in INTERFACE.joints])
    limits, dt = _limits(), INTERFACE.control_dt
    start = random.uniform(limits.low, limits.high)[None].astype(np.float32)
    start = start.clip(limits.low, limits.high).astype(np.float32)
    target, velocity = torch.from_numpy(start), torch.zeros(1, 2)
    for t in range(200):
        if t % hold == 0:
            goal = torch.from_numpy(random.uniform(-0.2, 0.2, size=(1, 3)).astype(np.float32))
        before, speed = target.double().numpy(), velocity.double().numpy()
        target, velocity, *_ = graph(torch.zeros(1, 2), goal, target, velocity)
        action = (10 * goal[:, :2].double().numpy()).clip(-1, 1)
        scaled = action * INTERFACE.action_scale
        desired = before + scaled * dt if mode == "velocity" else home + scaled
        expected = limit_target(desired, before, speed, limits, dt)
        np.testing.assert_allclose(target.numpy(), expected[0], atol=1e-6)
        np.testing.assert_allclose(velocity.numpy(), expected[1], atol=1e-4)
        position, moves = target.double().numpy(), velocity.double().numpy()
        assert (limits.low <= position).all() and (position <= limits.high).all()
        assert (np.abs(moves) <= limits.velocity).all()
        assert (np.abs(moves - speed) <= limits.acceleration * dt + 1e-4).all()


def test_a_difference_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(ExportError, match="golden sequence 0, step 0"):
        export_policy(*_policy(), INTERFACE, tmp_path / "policy.onnx", **ABOUT)
    assert not list(tmp_path.iterdir())


def test_a_failed_export_leaves_the_file_before_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.onnx"
    path.write_bytes(b"before")
    actor, normalizer = _policy()
    with torch.no_grad():
        next(actor.mean.parameters())[0, 0] = torch.nan
    with pytest.raises(ExportError, match="nan"):
        export_policy(actor, normalizer, INTERFACE, path, **ABOUT)
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_what_does_not_fit_the_interface_is_refused(tmp_path: Path) -> None:
    actor, normalizer = _policy()
    good = draw_signals(normalizer, INTERFACE)
    for golden, reason in (
        (good[:1], "at least 2"),
        ([{"goal_b": good[0]["goal_b"]}] * 2, "golden signals"),
        ([{name: x[:5] for name, x in s.items()} for s in good], "10 or more"),
    ):
        with pytest.raises(ExportError, match=reason):
            export_policy(actor, normalizer, INTERFACE, tmp_path / "p.onnx", golden=golden, **ABOUT)
    with pytest.raises(ExportError, match="takes 5 values"):
        export_policy(GaussianActor(5, 2, (8,)), Normalizer(5), INTERFACE, tmp_path / "p.onnx", **ABOUT)
    assert not list(tmp_path.iterdir())


def test_a_policy_that_chooses_is_refused(tmp_path: Path) -> None:
    actor = CategoricalActor(INTERFACE.actor_size, JOINTS, (8,))
    with pytest.raises(ExportError, match="chooses among actions is not exported; allowed: one of continuous actions"):
        export_policy(actor, Normalizer(INTERFACE.actor_size), INTERFACE, tmp_path / "p.onnx", **ABOUT)
    assert not list(tmp_path.iterdir())


def test_recorded_signals_are_kept_exactly(tmp_path: Path) -> None:
    actor, normalizer = _policy()
    recorded = [{name: x[:12] for name, x in s.items()} for s in draw_signals(normalizer, INTERFACE, seed=9)]
    export_policy(actor, normalizer, INTERFACE, tmp_path / "p.onnx", golden=recorded, **ABOUT)
    sequences = json.loads(_metadata(tmp_path / "p.onnx")[METADATA_GOLDEN])["sequences"]
    for s, r in zip(sequences, recorded, strict=True):
        for name, x in r.items():
            assert (np.array(s["signals"][name], dtype=np.float32) == x).all()

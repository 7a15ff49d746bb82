"""An exported memory is the trained one: in the graph, in the contract, and as a robot routes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from ashore.configs.actor_memory import MemorySettings
from ashore.configs.algorithms import PPOSettings
from ashore.configs.contract import METADATA_CONTRACT, Contract
from ashore.configs.laws.limits import JointLimits, limit_target
from ashore.deploy_ros.bundle import load_policy
from ashore.deploy_ros.inspect import describe
from ashore.policies.acting import Acting
from ashore.policies.export import ExportError, export_policy
from ashore.policies.networks import Actor, make_actor
from ashore.policies.normalize import Normalizer
from tests.policies.test_export import ABOUT, INTERFACE, JOINTS

KINDS: list[dict[str, Any]] = [
    {"kind": "history", "steps": 2},
    {"kind": "history", "steps": 5},
    {"kind": "gru"},
    {"kind": "lstm"},
]
DT = INTERFACE.control_dt


def _policy(**memory: Any) -> tuple[Actor, Normalizer]:
    """A policy whose actions depend a lot on what it remembers."""
    g = torch.Generator().manual_seed(1)
    ppo = PPOSettings(actor_hidden=(32, 16), memory=MemorySettings(**{"size": 24} | memory))
    actor = make_actor(ppo, INTERFACE.actor_size, JOINTS, g)
    with torch.no_grad():
        list(torch.nn.Sequential(*actor.layers()).parameters())[-2].mul_(100)
        for parameter in actor.memory.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=g))
    normalizer = Normalizer(INTERFACE.actor_size)
    normalizer.update(torch.randn(1000, INTERFACE.actor_size, generator=g) * torch.linspace(0.5, 2, 9) + 0.3)
    return actor, normalizer


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Contract]]:
    """Of each of `KINDS`."""
    folder = tmp_path_factory.mktemp("memories")
    paths = [folder / f"{k}.onnx" for k in range(len(KINDS))]
    return [
        (path, export_policy(*_policy(**kind), INTERFACE, path, **ABOUT))
        for path, kind in zip(paths, KINDS, strict=True)
    ]


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_the_file_gives_what_the_trained_actor_gives_over_a_sequence_with_a_reset(
    files: list[tuple[Path, Contract]], kind: int
) -> None:
    memory, (actor, normalizer) = KINDS[kind], _policy(**KINDS[kind])
    policy = load_policy(files[kind][0])
    acting = Acting(actor, normalizer)
    limits = JointLimits(
        *(
            np.array([getattr(j, name) for j in INTERFACE.joints])
            for name in ("low", "high", "velocity", "acceleration")
        )
    )
    random = np.random.default_rng(3)
    start, goal = np.array([0.4, 1.2]), random.normal(size=(30, 2, 3)).astype(np.float32)
    kept: dict[str, np.ndarray] = {}
    actions = []
    for t in range(30):
        q = (start + 0.2 * random.normal(size=(2, 2))).astype(np.float32)  # two robots
        signals = {"joint_position": q, "goal_b": goal[t]}
        began = np.array([t == 0, t in (0, 17)])
        first = policy.initial_memory(signals)
        kept = {name: np.where(began[:, None], first[name], kept.get(name, x)) for name, x in first.items()}
        seen = np.concatenate([q, goal[t], kept["target"], kept["target_velocity"]], 1)
        action = acting(torch.from_numpy(seen), torch.from_numpy(began)).clip(-1, 1).double().numpy()
        desired = kept["target"].astype(np.float64) + action * INTERFACE.action_scale * DT
        expected, _ = limit_target(
            desired, kept["target"].astype(float), kept["target_velocity"].astype(float), limits, DT
        )
        position, _, kept = policy.step(signals, kept)
        np.testing.assert_allclose(position, expected, atol=1e-5)
        actions.append(action)
    assert (np.abs(actions) < 1).mean() > 0.3  # were they all clipped, nothing would be compared
    own = np.concatenate([kept[m.name] for m in policy.contract.interface.memory[2:]], 1)
    if memory["kind"] == "history":
        window = torch.from_numpy(own)
        assert torch.equal(window.sort(1).values, acting.state.sort(1).values)  # type: ignore[union-attr]
    else:
        np.testing.assert_allclose(own, acting.state.numpy(), atol=1e-5)  # type: ignore[union-attr]


def test_the_contract_says_what_each_memory_begins_with(files: list[tuple[Path, Contract]]) -> None:
    memory = {}
    for kind, (path, contract) in zip(KINDS[1:], files[1:], strict=True):
        memory[kind["kind"]] = [(m.name, m.size, m.starts_as) for m in contract.interface.memory[2:]]
        assert (
            contract.interface.actor_size == INTERFACE.actor_size and contract.interface.memory[:2] == INTERFACE.memory
        )
        text = {p.key: p.value for p in onnx.load(path).metadata_props}[METADATA_CONTRACT]
        assert Contract.model_validate_json(text) == contract
        if kind["kind"] == "history":
            assert "joint_position, 4 times" in describe(contract)
    assert memory == {
        "history": [
            ("history.joint_position", 8, "joint_position"),
            ("history.goal_b", 12, "goal_b"),
            ("history.target", 8, "joint_position"),
            ("history.target_velocity", 8, None),
        ],
        "gru": [("recurrent.output", 24, None)],
        "lstm": [("recurrent.output", 24, None), ("recurrent.cell", 24, None)],
    }
    first = {"joint_position": np.array([0.1, 0.2]), "goal_b": np.array([1.0, 2.0, 3.0])}
    start = load_policy(files[1][0]).initial_memory(first)
    assert start["history.goal_b"].tolist() == [1, 2, 3] * 4
    assert start["history.target"].tolist() == pytest.approx([0.1, 0.2] * 4)
    assert not start["history.target_velocity"].any()


def test_a_memory_beyond_what_a_contract_may_ask_for_is_no_export(tmp_path: Path) -> None:
    wide = INTERFACE.signals[1].model_copy(update={"size": 2000})
    interface = INTERFACE.model_copy(update={"signals": (INTERFACE.signals[0], wide)})
    actor = make_actor(PPOSettings(memory=MemorySettings(kind="history", steps=64)), interface.actor_size, JOINTS)
    with pytest.raises(ExportError, match="memory has 126382 values; allowed: at most 65536"):
        export_policy(actor, Normalizer(interface.actor_size), interface, tmp_path / "p.onnx", **ABOUT)
    assert not list(tmp_path.iterdir())

"""The faulty steps of `ashore bench node --faults`: a sound gate keeps every limit, and one that is broken is found out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ashore.benchmarks.node_faults import TASKS, Storm, bench_faults
from ashore.configs.loader import load_run
from ashore.deploy_ros.bundle import Policy, load_policy
from ashore.deploy_ros.safety import Command, Gate, limits_of
from tests.untrained import export_untrained


@pytest.fixture(scope="module", params=TASKS)
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    file = tmp_path_factory.mktemp("policy") / "policy.onnx"
    export_untrained(load_run(request.param), file)
    return load_policy(file)


def test_whatever_comes_in_nothing_that_goes_out_is_outside_a_limit(policy: Policy) -> None:
    result = Storm(policy, 1).run(3000)
    assert (result["outside"], result["raised"]) == (0, {}), result["first"]
    assert len(result["faults"]) > 15 and len(result["gate"]) > 5
    assert result["gate"]["OK"] + result["gate"]["LIMITED"] > 1000, "it drives most of the time"


def test_the_same_seed_gives_the_same_steps(policy: Policy) -> None:
    first, second, other = (Storm(policy, seed).run(400) for seed in (2, 2, 3))
    assert first["gate"] == second["gate"] != other["gate"] and first["faults"] == second["faults"]


def unlimited(_gate: Gate, _memory: Any, wanted: Command, _fit: Any) -> tuple[Command, bool]:
    return wanted, False


def hasty(self: Gate, memory: Any) -> tuple[float, bool]:
    return 0.0, False


def rash(self: Gate, memory: Any, reason: Any, fit: Any) -> tuple[Any, Command]:
    return memory, Command(memory.position, np.zeros_like(memory.velocity))


@pytest.mark.parametrize(
    ("method", "broken", "found"),
    [
        ("_limited", unlimited, "velocity"),
        ("_extra", hasty, "time to get where it is aimed anew"),
        ("_stopping", rash, "acceleration"),
    ],
)
def test_a_gate_that_is_broken_is_found_out(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, method: str, broken: Any, found: str
) -> None:
    monkeypatch.setattr(Gate, method, broken)
    limits, dt = limits_of(policy.contract.interface), policy.contract.interface.control_dt
    binds = found != "acceleration" or bool((limits.acceleration * dt < limits.velocity).any())  # legs stop in a period
    assert (Storm(policy, 1).run(1500)["outside_of"].get(found, 0) > 0) == binds


def test_the_benchmark_has_a_row_a_task_and_says_how_it_was_made() -> None:
    said: list[str] = []
    result = bench_faults(["cartpole_swingup"], 50, 0, "ashore bench node --faults", said.append)
    (row,) = result["results"]
    assert (row["task"], row["joints"], row["steps"], row["outside"]) == ("cartpole_swingup", 1, 50, 0)
    assert result["command"] == "ashore bench node --faults" and "cartpole_swingup: 50 steps, 0 outputs" in said[-1]

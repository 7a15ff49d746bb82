"""Delays that are known by construction are found within half a control period, and where nothing can be told that is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ashore.configs.contract import Contract
from ashore.configs.loader import load_run
from ashore.configs.space import Dimension
from ashore.deploy_ros.bundle import Policy
from ashore.deploy_ros.latency import (
    COMMAND,
    NOT_ENOUGH,
    UNKNOWN,
    UNLIKE,
    LatencyMeter,
    Motion,
    Range,
    trained_delay,
    trained_latency,
    verdict,
)
from ashore.deploy_ros.run_report import report_of, require_report, write_report
from ashore.deploy_ros.safety import Command
from tests.deploy_ros.cell import Cell, Servos
from tests.deploy_ros.policies import DT, interface

GOALS = [(0.5, -0.4, 0.3), (-0.3, 0.5, -0.2), (0.7, 0.1, 0.5), (-0.6, -0.5, 0.0)]


def driven(policy: Policy, servos: Servos, **settings: Any) -> Cell:
    """Eight seconds of an arm that is sent from goal to goal, with an estimate a second."""
    cell = Cell(policy, servos, goal=GOALS[0], tracking_lag=1.0, tracking_time=5.0, **settings)
    assert cell.node.delays is not None
    for k in range(1, 9):
        cell.run(1.0)
        cell.node.delays.estimate()
        assert cell.node.on_goal(GOALS[k % len(GOALS)], "base") == ""
    return cell


def estimate(cell: Cell) -> dict[str, Any]:
    assert cell.node.delays is not None
    return cell.node.delays.report()[COMMAND]


@pytest.mark.parametrize("output", ["trajectory", "forward"])
@pytest.mark.parametrize("late", [0.0, 0.026, 0.06, 0.11])
def test_a_known_delay_is_found_within_half_a_control_period(policy: Policy, late: float, output: str) -> None:
    cell = driven(policy, Servos(np.zeros(3), late=late), output=output)
    found = estimate(cell)
    assert found["estimates"] >= 5 and found["p50"] == pytest.approx(late, abs=DT / 2)
    assert found["p99"] == pytest.approx(late, abs=DT / 2)


def test_a_servo_that_lags_is_late_by_its_time_constant(policy: Policy) -> None:
    # A first-order lag delays motion that is slow against it by its time constant: of 1 / (1 + s T), the group delay at 0.
    found = estimate(driven(policy, Servos(np.zeros(3), lag=0.04, late=0.02)))
    assert found["p50"] == pytest.approx(0.06, abs=DT / 2)


def test_an_arm_that_stands_tells_nothing(policy: Policy) -> None:
    cell = Cell(policy, Servos(np.zeros(3)), goal=(0.0, 0.0, 0.0))
    cell.run(6.0)
    assert cell.node.delays is not None
    cell.node.delays.estimate()
    found = estimate(cell)
    assert (found["estimates"], found["p50"], found["last"], found["verdict"]) == (0, None, NOT_ENOUGH, "")
    assert cell.node.delays.texts()["command to motion [s]"] == NOT_ENOUGH


def test_joints_that_go_their_own_ways_tell_nothing() -> None:
    motion, random = Motion(interface().joints, DT), np.random.default_rng(0)
    assert motion.delay() == NOT_ENOUGH
    for k in range(300):
        still = np.zeros(3)
        motion.told(k * DT, Command(np.array([np.sin(0.1 * k), 0.0, 0.0]), still))
        motion.seen(k * DT, np.array([random.normal(), 0.0, 0.0]))
    assert motion.delay() == UNLIKE


def test_a_joint_state_that_is_not_finite_does_not_count() -> None:
    motion = Motion(interface().joints, DT)
    for k in range(400):
        position = np.sin(np.array([0.1, 0.07, 0.04]) * k)
        motion.told(k * DT, Command(position, np.zeros(3)))
        motion.seen((k + 3) * DT, position if k % 7 else np.full(3, np.nan))
    assert motion.delay() == pytest.approx(2 * DT, abs=DT / 4)  # seen 3 periods after the step, due 1 after it


def contract_of(policy: Policy, entries: dict[str, Any], trained: list[Dimension]) -> Contract:
    joints = tuple(j.model_copy(update={"kp": 100.0, "kd": 2.0}) for j in policy.contract.interface.joints)
    face = policy.contract.interface.model_copy(update={"joints": joints})
    update = {"interface": face, "settings": {"task": {"randomization": entries}}, "trained_on": tuple(trained)}
    return policy.contract.model_copy(update=update)


def dimension(name: str, low: float, high: float, group: str = "") -> Dimension:
    return Dimension(
        name=name,
        group=group or name,
        unit="s",
        nominal=low,
        low=low,
        high=high,
        distribution="linear",
        widest=(0.0, 1.0),
    )


ENTRIES = {
    "command_latency": {"effect": "field", "field": ["actuator_delay"]},
    "payload": {"effect": "field", "field": ["body_mass"]},
    "observation_latency": {"effect": "signal", "kind": "latency", "signal": "joint_.*"},
    "pose_latency": {"effect": "signal", "kind": "latency", "signal": "(puck|cube)_.*"},
    "noise": {"effect": "signal", "kind": "noise", "signal": "joint_.*"},
}
TRAINED = [
    dimension("command_latency[a]", 0.01, 0.05, "command_latency"),
    dimension("command_latency[b]", 0.02, 0.06, "command_latency"),
    dimension("observation_latency", 0.0, 0.02),
    dimension("pose_latency", 0.0, 0.04),
    dimension("payload", 0.0, 2.0),
    dimension("noise", 0.0, 0.5),
]


def test_trained_ranges_are_those_of_the_entries_that_delay(policy: Policy) -> None:
    contract = contract_of(policy, ENTRIES, TRAINED)
    assert trained_delay(contract) == Range(0.01, 0.06)
    assert trained_latency(contract, ("joint_position",)) == Range(0.0, 0.02)
    assert trained_latency(contract, ("puck_position",)) == Range(0.0, 0.04)
    assert trained_latency(contract, ("hole_position",)) == Range(0.0, 0.0)
    # the whole way: command, a servo that lags by kd / kp = 0.02 s, joint state
    meter = LatencyMeter(contract, {"joint state": ("joint_position",)})
    assert meter.report()[COMMAND]["trained"] == pytest.approx([0.03, 0.10])


def test_the_presets_own_settings_are_understood(policy: Policy) -> None:
    run = load_run("arm_reach", [])
    entries = run.task.randomization
    update = {
        "settings": run.model_dump(mode="json"),
        "trained_on": tuple(Dimension.of(name, entry) for name, entry in entries.items()),
    }
    contract = policy.contract.model_copy(update=update)
    assert trained_delay(contract) == Range(entries["command_latency"].low, entries["command_latency"].high)
    assert trained_latency(contract, ("joint_position",)) == Range(0.0, entries["observation_latency"].high)
    assert trained_delay(contract).high > 0.02 and trained_latency(contract, ("joint_position",)).high > 0.01


def test_ages_count_only_while_the_policy_drives(policy: Policy) -> None:
    """What was old while the robot held, as after a stop, the policy never saw."""
    cell = Cell(policy, Servos(np.zeros(3)), goal=GOALS[0])
    cell.run(0.5)
    cell.node.stop()
    cell.run(0.2)
    for k in range(40):
        cell.node.step(cell.now + 0.02 * k)
    assert cell.node.delays is not None
    assert cell.node.delays.report()["joint state"]["p99"] == 0.0


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", 3, ["x"], "a{1,99999}", "(.*a){20}", ".*.*.*.*.*.*x"])
def test_a_pattern_that_only_takes_time_is_none(policy: Policy, pattern: Any) -> None:
    entries = {"slow": {"effect": "signal", "kind": "latency", "signal": pattern}}
    contract = contract_of(policy, entries, [dimension("slow", 0.1, 0.2)])
    assert trained_latency(contract, ("a" * 90,)) == Range(0.0, 0.0)
    for settings in ({}, {"task": 3}, {"task": {"randomization": ["x"]}}, {"task": {"randomization": {"slow": "x"}}}):
        assert trained_delay(contract.model_copy(update={"settings": settings})) == Range(0.0, 0.0)


@pytest.mark.parametrize(
    ("p50", "p99", "says"),
    [
        (0.03, 0.05, "inside"),
        (0.03, 0.065, "near"),
        (0.005, 0.03, "near"),
        (0.03, 0.08, "outside"),
        (0.0, 0.05, "outside"),
    ],
)
def test_verdicts(p50: float, p99: float, says: str) -> None:
    assert verdict(p50, p99, 0.012, 0.06, 0.01) == says


def test_the_report_has_delays_ages_ranges_and_verdicts(policy: Policy, tmp_path: Path) -> None:
    cell = driven(policy, Servos(np.zeros(3), late=0.06), report=str(tmp_path / "run.json"))
    said: list[str] = []
    write_report(cell.node, said.append)
    report = json.loads((tmp_path / "run.json").read_text())
    assert said == [] and report == json.loads(json.dumps(report_of(cell.node)))
    assert report["steps"] == 400 and report["policy_sha256"] == policy.sha256
    assert report["delays"][COMMAND]["trained"] is None and report["delays"][COMMAND]["verdict"] == UNKNOWN
    # Joint states come just before each step.
    assert report["delays"]["joint state"] == {"p50": 0.0, "p99": 0.0, "trained": [0.0, 0.0], "verdict": "inside"}
    assert cell.node.delays is not None and cell.node.delays.texts()["command to motion [s]"].endswith(UNKNOWN)
    assert cell.node.delays.texts()["joint state [s]"] == "p50 0.0000, p99 0.0000: inside (trained on 0 to 0)"


def test_a_robot_that_is_later_than_in_training_is_outside(policy: Policy) -> None:
    cell = driven(policy, Servos(np.zeros(3), late=0.06))
    meter = LatencyMeter(contract_of(policy, ENTRIES, [dimension("command_latency", 0.0, 0.02)]), {})
    assert cell.node.delays is not None
    meter.motion = cell.node.delays.motion
    meter.estimate()
    assert meter.report()[COMMAND]["verdict"] == "outside"  # 0.06 s, trained on 0.02 to 0.04 s
    assert meter.texts()[f"{COMMAND} [s]"].endswith("outside (trained on 0.02 to 0.04)")


def test_a_report_that_cannot_be_written_any_more_is_said_and_leaves_nothing(policy: Policy, tmp_path: Path) -> None:
    cell = Cell(policy, Servos(np.zeros(3)), goal=GOALS[0], report=str(tmp_path / "run.json"))
    require_report(cell.node.settings)
    (tmp_path / "run.json").mkdir()
    said: list[str] = []
    write_report(cell.node, said.append)
    assert len(said) == 1 and said[0].endswith("run.json': Is a directory")
    assert list(tmp_path.rglob("*")) == [tmp_path / "run.json"]

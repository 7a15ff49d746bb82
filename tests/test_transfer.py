"""The transfer bench: its statistics, its held-out worlds, and a small table from beginning to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ashore.benchmarks import transfer
from ashore.configs import loader
from ashore.configs.errors import AshoreError, UsageError
from ashore.configs.schema import RunSettings, TaskSettings
from ashore.environments import make_env

SMALL = transfer.Size(seeds=1, steps=6144, episodes=4)


def test_the_interquartile_mean_leaves_out_the_best_and_the_worst_of_five() -> None:
    found = transfer.interval([0.0, 0.4, 0.5, 0.6, 1.0])
    assert found["iqm"] == pytest.approx(0.5)
    assert 0.0 <= found["low"] < 0.5 < found["high"] <= 1.0
    assert transfer.interval([0.3] * 5) == {"iqm": 0.3, "low": 0.3, "high": 0.3}


def test_the_interval_is_of_seeds() -> None:
    narrow, wide = (transfer.interval(x) for x in ([0.48, 0.5, 0.52, 0.5, 0.5], [0.1, 0.5, 0.9, 0.3, 0.7]))
    assert narrow["high"] - narrow["low"] < 0.04 < 0.4 < wide["high"] - wide["low"]


def test_held_out_worlds_go_beyond_those_of_training() -> None:
    plan = transfer.read_plan("arm_push")
    assert len(plan.space) <= 12
    found = transfer.families("arm_push", plan)
    trained, wider, unseen = (found[k].randomization for k in ("as_trained", "wider", "unseen"))
    for name, entry in wider.items():
        assert entry.low <= trained[name].low and entry.high >= trained[name].high, name
        assert (entry.low, entry.high) != (trained[name].low, trained[name].high), name
    assert all(name not in trained or e.low == e.high == e.nominal for name, e in unseen.items())
    models = {name: make_env(task, 1).world.model for name, task in found.items()}
    assert abs(models["other_model"].body_mass.sum() - models["as_trained"].body_mass.sum()) > 0.2
    assert (models["other_model"].jnt_range == models["as_trained"].jnt_range).all()


def _short(task: TaskSettings) -> TaskSettings:
    return task.model_copy(update={"episode_seconds": 1.0})


@pytest.mark.slow
def test_a_small_table_from_beginning_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With episodes of a second, and of the checkpoints alone."""
    worlds, training = transfer.families, transfer.training

    def shorter(*of: Any) -> RunSettings:
        run = training(*of)
        return run.model_copy(update={"task": _short(run.task)})

    monkeypatch.setattr(transfer, "families", lambda *of: {name: _short(task) for name, task in worlds(*of).items()})
    monkeypatch.setattr(transfer, "training", shorter)
    monkeypatch.setattr("ashore.runs.export_run", lambda *_: None)

    def run() -> dict:  # type: ignore[type-arg]
        return transfer.transfer("arm_push", ("none", "adr_small"), SMALL, tmp_path, command="test")

    result = run()
    assert [(r["method"], r["seed"]) for r in result["rows"]] == [("none", 0), ("adr_small", 0)]
    for row in result["rows"]:
        families = [row["success"][name] for name in ("wider", "unseen", "other_model")]
        assert row["success"]["held_out"] == pytest.approx(sum(families) / 3)
    assert result["summary"][0]["entropy"] is None and "no width" in transfer.table(result)
    svg = (tmp_path / "transfer.svg").read_text()
    assert (svg.count("<circle"), svg.count("<rect")) == (2 * 5, 1 + 2 * 5)  # a seed a method, in five groups
    checkpoints = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")}
    again = run()
    assert json.dumps(again["rows"]) == json.dumps(result["rows"])
    assert json.loads((tmp_path / transfer.RESULT).read_text()) == again
    with pytest.raises(UsageError, match="other settings"):
        transfer.transfer("arm_push", ("none",), SMALL.model_copy(update={"steps": 3072}), tmp_path, command="test")
    assert checkpoints == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")}, "nothing is trained twice"


def test_what_there_is_no_plan_for_is_told() -> None:
    with pytest.raises(UsageError, match="allowed: arm_push"):
        transfer.read_plan("arm_reach")
    with pytest.raises(AshoreError, match="sampler"):
        transfer.transfer("arm_push", ("adrr",), SMALL, Path("nowhere"), command="test")


@pytest.mark.parametrize("name", sorted(p.stem for p in (loader.CONFIGS / "transfer").glob("*.yaml")))
def test_every_plan_makes_worlds_and_trains_within_what_it_tests(name: str) -> None:
    """Families hold parameters that bind; automatic widening may reach further than any family of the trained parameters."""
    plan = transfer.read_plan(name)
    for task in transfer.families(name, plan).values():
        env = make_env(task, 2)
        env.reset(0)
        assert env.randomizer is not None and env.randomizer.dimensions
    for family in plan.held_out.values():
        for parameter, entry in (family.randomization or {}).items():
            if parameter in plan.space and "bounds" in plan.space[parameter]:
                low, high = plan.space[parameter]["bounds"]
                assert low <= entry["low"] <= entry["high"] <= high, parameter

"""The table of `ashore bench sim`: its rows, and a peer beside us. No time is judged here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ashore.benchmarks.peers.envpool import EnvPool
from ashore.benchmarks.suite import bench_all, every, table
from ashore.configs.errors import UsageError
from ashore.configs.loader import presets

# Speaks as `envpool_process.py` does: every step takes it 1 ms.
PEER = """#!/bin/sh
echo ready
while read steps; do echo $steps | awk '{print $1 / 1000}'; done
"""


@pytest.fixture
def peer(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(PEER)
    path.chmod(0o755)
    return path


def test_every_task_is_measured_with_and_without_its_randomization_and_beside_its_peer(peer: Path) -> None:
    names = ["cartpole_swingup", "half_cheetah"]
    result = bench_all(names, [2, 4], ["task.episode_seconds=0.5"], seconds=0.1, envpool=peer, command="ashore bench")
    rows = result["results"]
    assert [(r["task"], r["parameters"], r["num_envs"]) for r in rows] == [
        ("cartpole_swingup", 3, 2),
        ("cartpole_swingup", 3, 4),
        ("cartpole_swingup", 0, 2),
        ("cartpole_swingup", 0, 4),
        ("half_cheetah", 0, 2),
        ("half_cheetah", 0, 4),
    ]
    assert [r.get("envpool_steps_per_second") for r in rows] == [None] * 4 + [2000, 4000]
    for row in rows:
        assert row["ratio"] > 0 and row["steps_per_second"] > 0
        assert row["us_per_world_step"] == pytest.approx(1e6 / row["steps_per_second"], rel=0.01)
    cheetah = rows[-1]
    assert cheetah["envpool_ratio"] == pytest.approx(cheetah["steps_per_second"] / 4000, rel=0.5)
    # Its state alone: time, 9 positions, velocities and warm starts, 6 controls, forces from outside on 9 and 8 * 6; float64.
    assert cheetah["kb_per_world"] > 8 * (1 + 3 * 9 + 6 + 9 + 48) / 1000
    assert rows[0]["kb_per_world"] > rows[2]["kb_per_world"], "fields that differ between worlds take memory"
    assert table(rows).row_count == 6
    assert "cores" in result["machine"]


def test_all_stands_for_every_preset() -> None:
    assert every(["all"]) == presets()
    assert every(["arm_reach"]) == ["arm_reach"]


@pytest.mark.parametrize("python", ["nowhere/python", sys.executable])
def test_an_interpreter_that_has_no_envpool_is_told_how_to_get_it(python: str) -> None:
    with pytest.raises(UsageError, match=r"--envpool .*(No such file|no envpool).*pip install envpool"):
        EnvPool(Path(python), "half_cheetah", 2, 1)

"""`python -m ashore.benchmarks.prefer`: a row a seed, with trainings and a judge's clips of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ashore.benchmarks.prefer import main
from ashore.configs.preferences import PreferenceSettings


def test_a_seed_is_that_of_its_trainings_and_of_its_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, runs = tmp_path / "prefer.json", tmp_path / "runs"
    sizes = "--base-success 0 --steps 1 --rounds 1 --pairs 8 --clip-seconds 0.1 --episodes 4 --seeds 3"
    monkeypatch.setattr("sys.argv", ["prefer", *sizes.split(), "--runs", str(runs), "--out", str(out)])
    main()
    (row,) = json.loads(out.read_text())["seeds"]
    assert row["seed"] == 3 and set(row["policies"]) == {"base", "direct", "preferred"}
    written = (runs / "3" / "preferred" / "preferences" / "settings.json").read_text()
    assert PreferenceSettings.model_validate_json(written).seed == 3

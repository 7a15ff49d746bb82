"""Plans of sweeps: what is shipped is whole, and what is wrong is told with what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ashore.configs.faults import ConfigError
from ashore.configs.preset_files import CONFIGS
from ashore.configs.sweep_plan import plan_of, read_plan
from ashore.sweeps import plan_for


@pytest.mark.parametrize("name", [path.stem for path in (CONFIGS / "sweeps").glob("*.yaml")])
def test_a_shipped_plan_can_be_read(name: str) -> None:
    plan = read_plan(name)
    assert plan.curves is not None and plan.joint is not None


def test_a_plan_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("episodes: 16\ncurves: { over: [payload] }\n")
    plan = read_plan(tmp_path / "mine.yaml")
    assert plan.episodes == 16 and plan.curves is not None and plan.curves.over == ("payload",)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "plan: nothing is measured; allowed: at least one of curves, maps, joint"),
        ({"curves": {"ower": ["payload"]}}, "curves.ower is unknown; did you mean over?"),
        ({"curve": {}}, "curve is unknown; did you mean curves?"),
        ({"curves": {"over": []}}, "curves.over = []; allowed: at least 1 value(s)"),
        ({"curves": {"points": 0}}, "curves.points = 0; allowed: at least 1"),
        ({"curves": {}, "target": 1.0}, "target = 1.0; allowed: below 1"),
        ({"curves": {}, "target": "0.8"}, "target = '0.8'; allowed: a number"),
        ({"maps": {"over": [["payload", "payload"]]}}, "pair [payload, payload]; allowed: two different parameters"),
        ({"maps": {"fragile": 3}}, "maps.fragile without curves"),
        ({"curves": {}, "maps": {"fragile": 1}}, "fragile = 1; allowed: 0, or at least 2"),
        ({"joint": {"within": "all"}}, "joint.within = 'all'; allowed: 'declared', 'trained' or 'widest'"),
        ({"joint": {"worlds": 2}}, "joint.worlds = 2; allowed: at least 16"),
        ({"curves": {}, "budget": 0}, "budget = 0; allowed: at least 1"),
    ],
)
def test_a_bad_plan_is_told_with_what_is_allowed(data: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        plan_of(data, "mine.yaml")


def test_a_plan_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(
        ConfigError, match="plan = 'ful'; did you mean full or default\\? allowed: default, full, or a path to YAML"
    ):
        read_plan("ful")


def test_flags_change_a_plan_and_parameters_alone_make_one() -> None:
    alone = plan_for(None, ["payload"], None, None)
    assert (alone.joint, alone.gaps, alone.episodes) == (None, {}, 64)
    changed = plan_for(read_plan("full"), ["payload"], 16, 5)
    assert changed.curves is not None and (changed.curves.over, changed.curves.points) == (("payload",), 5)
    assert changed.episodes == 16 and changed.joint == read_plan("full").joint

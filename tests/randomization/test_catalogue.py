"""Every effect is in the catalogue, so that the self-tests of test_effects.py put all of them to the test."""

from __future__ import annotations

import pytest

from ashore.configs.entries import EFFECTS
from ashore.configs.loader import load_run
from ashore.randomization import effects
from tests.randomization.cases import CASES, ROWS, host

ENTRIES = host("arm_push").randomization


def test_every_effect_and_every_kind_of_it_has_a_row() -> None:
    there = {(str(row.get("effect", "field")), row.get("kind")) for row in ROWS.values()}
    wanted = {(name, kind) for name, entry in EFFECTS.items() for kind in entry.kinds or (None,)}
    assert wanted == there
    assert {type(ENTRIES[name]) for name in ROWS} == set(EFFECTS.values())
    assert set(effects.EFFECTS) | set(effects.GROUPED) == set(EFFECTS.values()), "an entry that no effect follows"


def test_every_row_is_put_to_the_test() -> None:
    assert [name for where, name in CASES if where == "catalogue"] == list(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_where_it_comes_from_and_how_far_it_may_go(name: str) -> None:
    entry = ENTRIES[name]
    assert len(entry.source) > 10
    assert entry.bounds is not None and entry.low < entry.high


def test_a_row_is_an_entry_away_for_any_task() -> None:
    run = load_run("cartpole_swingup", [f"task.randomization.{name}=catalogue" for name in ROWS])
    assert set(ROWS) <= set(run.task.randomization)

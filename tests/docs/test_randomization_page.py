"""docs/randomization.md is what the code and the catalogue say now."""

from __future__ import annotations

import re

from ashore.configs.entries import EFFECTS
from ashore.configs.loader import load_run
from ashore.configs.yaml_text import load_text
from ashore.randomization.randomizer import Randomizer
from ashore.sim.env import Env
from docs import make_randomization


def test_the_page_is_up_to_date() -> None:
    assert make_randomization.page() == make_randomization.PAGE.read_text(), "docs/randomization.md is stale: make docs"


def test_every_effect_kind_and_row_is_on_the_page() -> None:
    text = make_randomization.PAGE.read_text()
    for effect, entry in EFFECTS.items():
        assert f"#### `effect: {effect}`" in text
        assert all(f"| `{kind}` | {k.meaning} |" in text for kind, k in entry.kinds.items())
    for name, row in make_randomization.catalogue().items():
        assert re.search(
            rf"^\| `{name}` \| .+ \| {re.escape(row.unit)} \| {row.nominal:g} \| .*{row.low:g} to ", text, re.M
        )


def test_the_pages_own_example_is_a_space_that_binds() -> None:
    block = re.findall(r"```yaml\n(.*?)```", make_randomization.INTRODUCTION, re.DOTALL)[0]
    written = load_text(block, "the page")["randomization"]
    taken = written.pop("base_friction")
    assert taken is None and written.pop("preset") == "robot"
    overrides = [f"task.randomization.{name}={value}" for name, value in written.items() if isinstance(value, str)]
    spin = ", ".join(f"{k}: {v!r}" for k, v in written["friction_spin"].items())
    overrides += [f"task.randomization.friction_spin={{{spin}}}", "task.randomization.payload.high=1.0"]
    overrides += ["task.randomization.contact_friction=null", "task.randomization.table_friction=null"]
    run = load_run("arm_push", overrides)
    env = Env(run.task, 1, randomizer=Randomizer(run.task.randomization))
    assert {"friction", "friction_spin"} <= {d.group for d in env.randomizer.dimensions}  # type: ignore[union-attr]

"""docs/verdicts.md: its commands run, with fewer episodes, and its numbers hold."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from ashore.cli import main
from ashore.configs.loader import load_run
from ashore.configs.requirements import requirements_of
from ashore.configs.verdict import Verdict, verdict_path
from ashore.configs.yaml_text import load_text
from ashore.randomization.robustness.required import Check
from ashore.runs import POLICY_FILE
from tests.untrained import export_untrained

PAGE = (Path(__file__).parents[2] / "docs" / "verdicts.md").read_text()
COMMANDS = re.findall(r"^ashore .*", re.findall(r"```sh\n(.*?)```", PAGE, re.S)[0], re.M)
REQUIRED = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)[0]
WARNING = re.findall(r"```text\n(.*?)\n```", PAGE, re.S)[0]


def test_the_pages_commands_and_requirements_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    policy = Path("runs/arm_reach") / POLICY_FILE
    export_untrained(load_run("arm_reach", ["task.episode_seconds=0.1", "task.options.hold_seconds=0.1"]), policy)
    whole = load_text(REQUIRED, "the page")
    assert requirements_of(whole, "the page").success is not None
    worst = whole.pop("worst_case") | {"budget": 256}
    few = {name: part | {"at_least": 0.1, "episodes": 8, "doublings": 0} for name, part in whole.items()}
    few["worst_case"] = worst
    few["margins"] |= {"widths": 1.5}
    Path("my_robot.yaml").write_text(str(few).replace("'", ""))
    _default, mine, inspect = (shlex.split(command, comments=True)[1:] for command in COMMANDS)
    assert main(mine) in (0, 1)
    assert verdict_path(policy).is_file()
    said = capsys.readouterr().out
    assert "command_latency" in said and "success within the" in said
    rows = [row.name for row in Verdict.model_validate_json(verdict_path(policy).read_text()).rows]
    assert "command_latency = 0.05 s" in rows and "success within the declared ranges, 1 of them given" in rows
    assert main(inspect) == 0
    assert "Verdict\n" in capsys.readouterr().out
    verdict_path(policy).unlink()
    monkeypatch.setattr("ashore.deploy_ros.dds_node.run_node", lambda *_: 0)
    main(["deploy", str(policy)])
    assert capsys.readouterr().err.strip() == WARNING


def test_the_number_of_successes_on_the_page_is_the_least_that_shows_the_rate() -> None:
    episodes, successes, rate = map(int, re.findall(r"with (\d+) episodes, (\d+) successes show (\d+) %", PAGE)[0])
    check = Check("", rate / 100, episodes, 3, np.zeros((4 * episodes, 0)))
    assert check.judge(np.arange(episodes) < successes).passed
    assert not check.judge(np.arange(episodes) < successes - 1).passed

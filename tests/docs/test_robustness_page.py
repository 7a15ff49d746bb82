"""The commands of docs/robustness.md, run in their order on a small run, with fewer steps and episodes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from ashore.cli import main
from ashore.configs.failing_world import read_failing_world
from ashore.configs.loader import load_run

PAGE = (Path(__file__).parents[2] / "docs" / "robustness.md").read_text()
(COMMANDS,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
SMALL = "num_envs=16 total_steps=512 eval_episodes=4 torch_threads=1 episode_seconds=0.2 task.options.hold_seconds=0.1"
SMALL += " algorithm.rollout_steps=16 algorithm.minibatch_size=128"
FEWER = {
    "falsify": ["--budget", "300"],
    "play": ["--episodes", "1"],
    "train": [word for setting in SMALL.split() for word in ("--set", setting)],
}


@pytest.mark.slow
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "arm_reach", *FEWER["train"]]) == 0
    lines = [shlex.split(line, comments=True)[1:] for line in COMMANDS.splitlines()]
    assert [line[0] for line in lines] == ["falsify", "play", "train"]
    for line in lines:
        assert main([*line, *FEWER[line[0]]]) == 0, line
    world = read_failing_world(tmp_path / "runs" / "failing-arm_reach.json")
    assert world is not None and b"ftyp" in (tmp_path / "failing.mp4").read_bytes()[:12]
    replayed = load_run(tmp_path / "runs" / "again").train.replay_failures
    assert replayed == ({p.name: p.value for p in world.parameters},)

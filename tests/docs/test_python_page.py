"""The snippets of docs/python.md, run top to bottom as a script in a process of its own, with fewer steps and episodes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ashore

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text()
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
# Seconds instead of minutes; nothing else differs from what the page says.
FEWER = {
    "total_steps=2_000_000": "total_steps=2048, num_envs=16, eval_episodes=16, torch_threads=1, episode_seconds=0.6",
    'algorithm={"learning_rate": 1e-3}': 'algorithm={"learning_rate": 1e-3, "rollout_steps": 16, "minibatch_size": 128}',
    '{"at_least": 0.9, "episodes": 512}': '{"at_least": 0.5, "episodes": 8}',
    "seeds=[0, 1, 2]": "seeds=[0, 1]",
    "episodes=256": "episodes=8",
    "episodes=64)\nprint(swept)": "episodes=4, points=3)\nprint(swept)",
    "episodes=64": "episodes=4",
}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_page_runs(tmp_path: Path) -> None:
    script = "\n".join(SNIPPETS)
    for long, short in FEWER.items():
        assert long in script
        script = script.replace(long, short)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr
    assert "payload" in done.stdout and "-1.0" in done.stdout, "the error that the page provokes is printed"
    assert "over 8 episodes" in done.stdout
    for name in (
        "reach/policy.onnx",
        "reach/policy.verdict.json",
        "reach_ur5e/policy.onnx",
        "reach.mp4",
        "sweep-arm_reach-reach/report.html",
        "reach_seeds/seeds.json",
        "compare.html",
    ):
        assert (tmp_path / "runs" / name).is_file()
    assert not (tmp_path / "runs" / "never").exists()


def test_the_page_names_everything_that_can_be_called() -> None:
    functions = {name for name in ashore.__all__ if name[0].islower() and name != "__version__"}
    assert functions - {"export"} <= set(re.findall(r"ashore\.(\w+)", PAGE))

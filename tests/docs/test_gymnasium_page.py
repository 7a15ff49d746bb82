"""The snippets of docs/gymnasium.md, run top to bottom as a script in a process of its own, with fewer steps."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "gymnasium.md").read_text()
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
# Seconds instead of minutes; nothing else differs from what the page says.
FEWER = {"1_000_000": "2048", "learning_starts=5_000": "learning_starts=100", "200_000": "512"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_runs(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    script = "\n".join(SNIPPETS)
    for long, short in FEWER.items():
        assert long in script
        script = script.replace(long, short)
    script += "\nprint(ppo.num_timesteps, sac.num_timesteps)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    assert "'success': 0.0" in done.stdout and "'reward/distance'" in done.stdout
    assert "True {'r': " in done.stdout, "the time limit cut the episode, and its statistics came"
    assert done.stdout.endswith("2048 512\n")

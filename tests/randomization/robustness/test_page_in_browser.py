"""A report in a browser without a screen, where there is one: every figure is drawn, and the console stays empty."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ashore.randomization.robustness.report import write
from tests.randomization.robustness.test_report import several

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("width", [390, 1280])
def test_every_figure_is_drawn_and_the_console_stays_empty(tmp_path: Path, width: int) -> None:
    assert CHROMIUM is not None
    write(tmp_path / "report.html", several())
    how = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000", "--enable-logging=stderr"]
    shown = subprocess.run(
        [CHROMIUM, *how, f"--window-size={width},3000", "--dump-dom", f"file://{tmp_path / 'report.html'}"],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    places = re.findall(r'<div class="chart[^"]*"[^>]*id="chart\d+">(.{200})', shown.stdout, flags=re.S)
    assert len(places) == 5  # a curve, a map and a ranking of each policy, but the curves share one
    assert all("svg-container" in place for place in places)
    assert "CONSOLE" not in shown.stderr, shown.stderr

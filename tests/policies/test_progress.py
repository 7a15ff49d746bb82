"""The line that a run shows of itself, at the widths that terminals have."""

import io
import re

import pytest
from rich.console import Console

from ashore.policies.progress import RunProgress

RECORD = {
    "steps": 1_234_944,
    "time/steps_per_second": 12_345.6,
    "episode/return": -123.45,
    "episode/success": 0.95,
    "eval/success": 0.91,
    "train/learning_rate": 3e-4,
}


def last_line(width: int) -> str:
    """The last line that a terminal of this width shows, without its colours."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width)
    with RunProgress(4_000_000, 0, console) as progress:
        progress.update(RECORD)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n")
    lines = [line for line in shown.split("\n") if line.strip()]
    assert all(len(line) <= width for line in lines)
    return lines[-1]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_steps_success_and_time_left_are_shown_whole_at_every_width(width: int) -> None:
    line = last_line(width)
    assert "1234944/4000000" in line
    assert re.search(r"left\s+(\d+|-):[\d-]{2}:[\d-]{2}", line)
    assert "success 0.95" in line and "…" not in line


def test_narrow_lines_leave_out_the_learning_rate_first_and_then_the_return() -> None:
    assert "evaluated 0.91" in last_line(80) and "lr" not in last_line(80) and "return" not in last_line(80)
    assert "return -123.45" in last_line(120) and "lr" not in last_line(120)
    assert "lr 3.0e-04" in last_line(160)


def test_a_narrow_terminal_has_no_bar() -> None:
    assert "━" not in last_line(80)
    assert "━" in last_line(120)

"""Every command is a function of its parsed options, a few lines over the rooms below; it gives an exit code or nothing."""

import shlex
import sys
from pathlib import Path

RUNS = Path("runs")


def command_line() -> str:
    """What the user typed, as it may be typed again."""
    return shlex.join(["ashore", *sys.argv[1:]])

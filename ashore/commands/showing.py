"""Commands that show: episodes of a policy, and what a camera sees in a task's worlds."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ashore.commands import RUNS


def play(options: argparse.Namespace) -> None:
    from ashore.environments import TEST_SEED
    from ashore.showing import play_in_browser, play_in_viewer, play_to_file
    from ashore.trained_policy import load_trained

    policy = load_trained(options.policy, options.set)
    if options.viewer == "browser":
        play_in_browser(policy, options.seed, options.port)
        return
    if options.viewer == "window" or (options.out is None and os.environ.get("DISPLAY")):
        play_in_viewer(policy, TEST_SEED + options.seed)
        return
    out = options.out or RUNS / f"{policy.name}.mp4"
    count = play_to_file(policy, out, options.episodes, TEST_SEED + options.seed)
    print(f"{count} frames of {options.episodes} episodes in {out}")


def look(options: argparse.Namespace) -> None:
    from ashore.configs.loader import load_run
    from ashore.showing import look_to_file

    out = options.out or RUNS / f"look-{Path(options.preset).stem}.png"
    task = load_run(options.preset, options.set).task
    look_to_file(task, out, options.camera, options.worlds, options.size, options.seed)
    print(f"{options.worlds} worlds through {options.camera} in {out}")

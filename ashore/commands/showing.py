"""Commands that show: episodes of a policy, and what a camera sees in a task's worlds."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ashore.commands import RUNS


def play(options: argparse.Namespace) -> None:
    from ashore import api
    from ashore.environments import TEST_SEED
    from ashore.showing import ANY, play_in_browser, play_in_viewer, shown_world
    from ashore.trained_policy import load_trained

    window = options.viewer == "window" or (options.out is None and os.environ.get("DISPLAY"))
    if options.viewer or window:
        policy = load_trained(options.policy, options.set)
        world = ANY if options.world is None else shown_world(options.world, policy)
        if options.viewer == "browser":
            play_in_browser(policy, options.seed, options.port, world)
        else:
            play_in_viewer(policy, TEST_SEED + options.seed, world)
        return
    video = api.play(
        options.policy, options.out, options.episodes, seed=options.seed, world=options.world, overrides=options.set
    )
    print(f"{video.frames} frames of {options.episodes} episodes in {video.path}")


def look(options: argparse.Namespace) -> None:
    from ashore.configs.loader import load_run
    from ashore.showing import look_to_file

    out = options.out or RUNS / f"look-{Path(options.preset).stem}.png"
    task = load_run(options.preset, options.set).task
    look_to_file(task, out, options.camera, options.worlds, options.size, options.seed, options.after)
    print(f"{options.worlds} worlds through {options.camera} in {out}")

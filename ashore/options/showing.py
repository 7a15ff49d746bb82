"""What commands that show a policy at work take."""

from __future__ import annotations

import argparse
from pathlib import Path

from ashore.options.common import add_policy, add_preset
from ashore.options.values import count, port, seconds_or_none, seed, size


def play(sub: argparse.ArgumentParser) -> None:
    add_policy(sub, episodes=3)
    where = sub.add_mutually_exclusive_group()
    where.add_argument("-o", "--out", type=Path, metavar="FILE", help=".mp4 or .gif; an .mp4 without a screen")
    where.add_argument(
        "--viewer",
        choices=("browser", "window"),
        help="live, until Ctrl-C: a page on this machine, or MuJoCo's window; the default with a screen",
    )
    sub.add_argument("--world", type=Path, metavar="FILE", help="the world to show: of falsify, or JSON name -> value")
    sub.add_argument("--port", type=port, default=0, help="of the page; the first free one from 8080 on if not given")


def look(sub: argparse.ArgumentParser) -> None:
    add_preset(sub)
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="a .png; runs/look-PRESET.png if not given")
    sub.add_argument(
        "--camera", default="overview", metavar="NAME", help="a camera of the scene; overview if not given"
    )
    sub.add_argument("--worlds", type=count, default=12, metavar="N", help="how many; 12 if not given")
    sub.add_argument(
        "--after",
        type=seconds_or_none,
        default=0.0,
        metavar="S",
        help="s into the episode, under random actions; 0 if not given",
    )
    sub.add_argument("--size", type=size, default=(240, 180), metavar="WxH", help="of each picture, in pixels")
    sub.add_argument("--seed", type=seed, default=0)

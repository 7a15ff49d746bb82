"""Options that several commands have."""

from __future__ import annotations

import argparse

from ashore.options.values import count, seed


def add_settings(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change a setting; may be repeated")


def add_shorthand(sub: argparse.ArgumentParser, flag: str, setting: str, metavar: str, text: str) -> None:
    """A flag that stands for `--set SETTING=VALUE`."""
    sub.add_argument(flag, dest="set", action="append", type=f"{setting}={{}}".format, metavar=metavar, help=text)


def add_task(sub: argparse.ArgumentParser) -> None:
    add_settings(sub)
    add_shorthand(sub, "--task", "task.source", "FILE.py:CLASS", "a task from a file of your own, whose code is run")


def add_preset(sub: argparse.ArgumentParser) -> None:
    add_task(sub)
    sub.add_argument("preset", help="a task's name, gymnasium:ID, or a config.yaml")


def add_policy(sub: argparse.ArgumentParser, *, episodes: int) -> None:
    add_task(sub)
    sub.add_argument("policy", help="folder of a run, or an exported .onnx")
    sub.add_argument("--episodes", type=count, default=episodes)
    sub.add_argument("--seed", type=seed, default=0)


def add_profile(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--profile", default="", metavar="NAME", help="the topics of that robot's driver: go2, ur5e, ...")

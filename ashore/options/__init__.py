"""What each command takes from the command line. Only the options of the command that is run are built: help is quick."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from ashore.options import deploying, imitating, learning, measuring, showing
from ashore.options.common import add_preset
from ashore.version import __version__

Options = Callable[[argparse.ArgumentParser], None]
ABOUT = "Train robot skills in randomized MuJoCo worlds, measure what they survive, deploy them through ROS 2."


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """One command's options; the command's name is in `command`. Bad options end the process with that command's usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in words if word in COMMANDS), None)
    top = argparse.ArgumentParser(prog="ashore", description=ABOUT)
    top.add_argument("--version", action="version", version=f"ashore {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, dest="command")
    parsers = {}
    for name, (text, add_options) in COMMANDS.items():
        parsers[name] = sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(set=[])
        if name == chosen:
            add_options(sub)
    options, unknown = top.parse_known_args(words)
    if unknown:
        parsers[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def _no_options(_sub: argparse.ArgumentParser) -> None:
    pass


COMMANDS: dict[str, tuple[str, Options]] = {
    "tasks": ("list the tasks", _no_options),
    "config": ("print a preset's resolved settings", add_preset),
    "train": ("train a policy on a task", learning.train),
    "record": ("write episodes of a policy, what it saw and did, into a file", imitating.record),
    "clone": ("learn a policy from recorded episodes", imitating.clone),
    "prefer": ("improve a policy by which of two clips people or scripts prefer", imitating.prefer),
    "evaluate": ("count a policy's successes over whole episodes", measuring.evaluate),
    "sweep": ("measure where a policy works, and how far parameters may go before it fails", measuring.sweep),
    "gate": ("judge whether a policy may go to a robot, and stamp it", measuring.gate),
    "falsify": ("find the world nearest to nominal in which a policy fails", measuring.falsify),
    "compare": ("draw runs and sets of seeds beside each other, on one page", measuring.compare),
    "export": ("write a run's policy as one .onnx", learning.export),
    "inspect": ("print what a policy file promises", deploying.inspect),
    "twin": ("simulate the robot behind ROS 2 topics, in real time", deploying.twin),
    "deploy": ("drive a robot with a policy, over ROS 2", deploying.deploy),
    "profile": ("list what is known of robots' drivers, print one, or draft one of what is there", deploying.profile),
    "replay": ("run a recorded deployment again, and say where it differs from what was sent", deploying.replay),
    "goal": ("send a running node a goal", deploying.goal),
    "stop": ("stop a running node: it brakes, and holds until a reset", deploying.operating),
    "reset": ("let a node that holds go on", deploying.operating),
    "play": ("show episodes: an MP4 or GIF, a page in the browser, or a window", showing.play),
    "look": ("draw what a camera sees in worlds of a task, side by side", showing.look),
    "doctor": ("check what this machine can do, and say what to do about the rest", _no_options),
    "bench": ("measure speed beside the raw engine, or what policies survive", measuring.bench),
    "demo": ("train, evaluate, sweep, export, and drive a twin over DDS", measuring.demo),
}

"""What the commands of `ashore.py` take from the command line."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any


class _Command(argparse.ArgumentParser):
    """A command, which names what it does not know beside its own usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown


def as_set(sub: argparse.ArgumentParser, flag: str, setting: str, metavar: str, text: str) -> None:
    """A flag that stands for `--set SETTING=VALUE`."""
    sub.add_argument(flag, dest="set", action="append", type=f"{setting}={{}}".format, metavar=metavar, help=text)


def parser(version: str) -> argparse.ArgumentParser:
    """All commands; a parsed line has the command's name in `command`."""
    about = "Train robot skills in randomized MuJoCo worlds, measure what they survive, deploy them through ROS 2."
    top = argparse.ArgumentParser(prog="ashore", description=about)
    top.add_argument("--version", action="version", version=f"ashore {version}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, dest="command", parser_class=_Command)

    def command(name: str, text: str, *, settings: bool = False) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(set=[])
        if settings:
            sub.add_argument(
                "--set", action="append", default=[], metavar="A.B=C", help="change a setting; may be repeated"
            )
        if settings and name != "bench":
            as_set(sub, "--task", "task.source", "FILE.py:CLASS", "a task from a file of your own, whose code is run")
        return sub

    command("tasks", "list the tasks")
    sub = command("config", "print a preset's resolved settings", settings=True)
    sub.add_argument("preset", help="a task's name, or a config.yaml")
    sub = command("train", "train a policy on a task", settings=True)
    sub.add_argument("preset", help="a task's name, or a config.yaml")
    sub.add_argument("--run", type=Path, metavar="DIR", help="folder of the run; runs/PRESET if not given")
    as_set(sub, "--seed", "train.seed", "N", "as --set train.seed=N")
    as_set(sub, "--from", "train.start_from", "RUN", "start from the networks of another run, steps at 0")
    sub.add_argument("--resume", action="store_true", help="go on from the run's newest checkpoint, to the same bits")
    sub = command("evaluate", "count a policy's successes over whole episodes", settings=True)
    _about_policy(sub, episodes=256)
    sub.add_argument("--json", action="store_true", help="one JSON object instead of text")
    sub = command("sweep", "measure how far parameters may go before a policy fails", settings=True)
    _about_policy(sub, episodes=64)
    sub.add_argument(
        "--over", required=True, type=lambda text: text.split(","), metavar="P,Q", help="parameters, by name"
    )
    sub.add_argument("--points", type=_count, default=9, help="values a parameter")
    sub.add_argument("--out", type=Path, metavar="DIR", help="runs/sweep-NAME if not given")
    sub = command("export", "write a run's policy as one .onnx")
    sub.add_argument("run", type=Path, help="folder of the run")
    sub.add_argument("--out", type=Path, metavar="FILE", help="policy.onnx in the run's folder if not given")
    sub = command("inspect", "print what a policy file promises")
    sub.add_argument("policy", type=Path, help="an exported .onnx")
    sub.add_argument("--json", action="store_true", help="the contract as JSON")
    sub = command("twin", "simulate the robot behind ROS 2 topics, in real time", settings=True)
    _about_policy(sub, episodes=10)
    sub.add_argument("--wait", type=float, default=60.0, metavar="S", help="seconds to wait for a node's first command")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the episodes' results here")
    _deploy_options(command("deploy", "drive a robot with a policy, over ROS 2"))
    _play_options(command("play", "show episodes: a GIF or MP4, a page in the browser, or a window", settings=True))
    _look_options(command("look", "draw what a camera sees in worlds of a task, side by side", settings=True))
    command("doctor", "check what this machine can do, and say what to do about the rest")
    _bench_options(command("bench", "measure speed beside the raw engine, or what policies survive", settings=True))
    sub = command("demo", "train, evaluate, sweep, export, and drive a twin over DDS", settings=True)
    sub.add_argument("--run", type=Path, metavar="DIR", help="runs/demo if not given")
    sub.add_argument("--episodes", type=_count, default=50, help="through the twin")
    return top


def _about_policy(sub: argparse.ArgumentParser, *, episodes: int) -> None:
    sub.add_argument("policy", help="folder of a run, or an exported .onnx")
    sub.add_argument("--episodes", type=_count, default=episodes)
    sub.add_argument("--seed", type=_seed, default=0)


def _play_options(sub: argparse.ArgumentParser) -> None:
    _about_policy(sub, episodes=3)
    where = sub.add_mutually_exclusive_group()
    where.add_argument("-o", "--out", type=Path, metavar="FILE", help=".gif or .mp4; the default without a screen")
    where.add_argument(
        "--viewer",
        choices=("browser", "window"),
        help="live, until Ctrl-C: a page on this machine, or MuJoCo's window; the default with a screen",
    )
    sub.add_argument("--port", type=_port, default=0, help="of the page; the first free one from 8080 on if not given")


def _look_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("preset", help="a task's name, or a config.yaml")
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="a .png; runs/look-PRESET.png if not given")
    sub.add_argument(
        "--camera", default="overview", metavar="NAME", help="a camera of the scene; overview if not given"
    )
    sub.add_argument("--worlds", type=_count, default=12, metavar="N", help="how many; 12 if not given")
    sub.add_argument("--size", type=_size, default=(240, 180), metavar="WxH", help="of each picture, in pixels")
    sub.add_argument("--seed", type=_seed, default=0)


def _bench_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("what", choices=("sim", "train", "node", "transfer"))
    sub.add_argument(
        "tasks", nargs="*", default=[], metavar="TASK", help="names, arm_reach if not given; for sim also: all"
    )
    sub.add_argument(
        "--task", dest="tasks", action="append", metavar="TASK", help="the same as an option, for transfer"
    )
    sub.add_argument("--num-envs", type=_counts, default=[256], metavar="N,M", help="worlds, for sim")
    sub.add_argument("--seconds", type=_seconds, default=12.0, help="of timing for each number of worlds, for sim")
    sub.add_argument(
        "--envpool", type=Path, metavar="PYTHON", help="an interpreter with envpool, to run beside, for sim"
    )
    sub.add_argument("--seed", type=int, default=0, help="for train")
    sub.add_argument("--policy", type=Path, help="for node: an exported .onnx; an untrained one if not given")
    sub.add_argument("--seeds", type=_count, default=5, metavar="N", help="trainings of each method, for transfer")
    sub.add_argument("--steps", type=_count, default=2_000_000, metavar="N", help="of each training, for transfer")
    sub.add_argument("--episodes", type=_count, default=256, metavar="N", help="in each family of worlds, for transfer")
    sub.add_argument(
        "--methods",
        type=lambda text: text.split(","),
        metavar="P,Q",
        help="for transfer: presets of samplers; none,manual,adr_small,doraemon_small if not given",
    )
    sub.add_argument(
        "--run", type=Path, metavar="DIR", help="for transfer: where its trainings are; runs/transfer-TASK"
    )
    sub.add_argument("--json", action="store_true", help="one JSON object instead of text")


def _deploy_options(sub: argparse.ArgumentParser) -> None:
    from deploy_ros.settings import NodeSettings

    sub.add_argument("policy", type=Path, help="an exported .onnx")
    sub.add_argument("--via", choices=("dds", "rclpy"), default="dds", help="dds: pip only; rclpy: in a sourced ROS 2")
    for name, field in NodeSettings.model_fields.items():
        flag = "--" + name.replace("_", "-")
        if field.annotation is bool:
            sub.add_argument(flag, action="store_const", const=True, help=field.description)
        else:
            kind: Any = field.annotation if field.annotation in (int, float) else str
            sub.add_argument(flag, type=kind, metavar=str(field.default), help=field.description)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number of at least 1")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and 8 <= int(width) <= 1920 and 8 <= int(height) <= 1920:
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text!r}; allowed: width x height, as 240x180, 8 to 1920 pixels each")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1024 <= int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: 1024 to 65535")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 3600:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}; allowed: a number of seconds above 0, below 3600")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: 0 to {2**31 - 1}")
    return int(text)

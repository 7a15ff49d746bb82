"""What commands for robots and their twins take."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ashore.options.common import add_policy, add_profile
from ashore.options.values import seconds


def inspect(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("policy", type=Path, help="an exported .onnx")
    sub.add_argument("--json", action="store_true", help="the contract as JSON")
    add_profile(sub)


def twin(sub: argparse.ArgumentParser) -> None:
    add_policy(sub, episodes=10)
    sub.add_argument("--wait", type=float, default=60.0, metavar="S", help="seconds to wait for a node's first command")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the episodes' results here")
    add_profile(sub)
    sub.add_argument(
        "--world",
        type=Path,
        metavar="FILE",
        help="a JSON of names and values, at which every world's parameters are held",
    )
    from ashore.deploy_ros.twin_faults import KINDS, RATE

    kinds = "; ".join(f"{name}: {kind.text}" for name, kind in KINDS.items())
    sub.add_argument(
        "--faults",
        default="",
        metavar="KIND[:RATE],...",
        help=f"what goes wrong, each so many times a second of an episode, {RATE:g} if not given. {kinds}",
    )


def deploy(sub: argparse.ArgumentParser) -> None:
    from ashore.deploy_ros.settings import NodeSettings

    sub.add_argument("policy", type=Path, help="an exported .onnx")
    sub.add_argument("--via", choices=("dds", "rclpy"), default="dds", help="dds: pip only; rclpy: in a sourced ROS 2")
    for name, field in NodeSettings.model_fields.items():
        flag = "--" + name.replace("_", "-")
        if field.annotation is bool:
            sub.add_argument(flag, action="store_const", const=True, help=field.description)
        else:
            kind: Any = field.annotation if field.annotation in (int, float) else str
            sub.add_argument(flag, type=kind, metavar=str(field.default), help=field.description)


def profile(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("profile", nargs="?", metavar="NAME", help="ur5e, fr3, ..., or a YAML file; all if not given")
    sub.add_argument("--listen", action="store_true", help="draft one from the topics of a driver that runs here")
    sub.add_argument("--seconds", type=seconds, default=3.0, metavar="3", help="to listen")


def replay(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("recording", type=Path, help="a file of `ashore deploy --record`")
    sub.add_argument("policy", type=Path, help="the exported .onnx that was driving")
    sub.add_argument(
        "--policy-changed",
        action="store_true",
        help="take another policy, and say how far its commands are from those sent",
    )


def goal(sub: argparse.ArgumentParser) -> None:
    from ashore.deploy_ros.settings import NodeSettings

    fields = NodeSettings.model_fields
    for axis in "xyz":  # one by one: argparse cannot print the help of several with names of their own
        sub.add_argument(axis, type=float, metavar=axis.upper(), help="m, in the robot's base frame")
    sub.add_argument(
        "--orientation",
        type=float,
        nargs=4,
        default=(1.0, 0.0, 0.0, 0.0),
        metavar=("W", "X", "Y", "Z"),
        help="quaternion",
    )
    sub.add_argument("--frame", default=fields["base_frame"].default, help=fields["base_frame"].description)
    sub.add_argument("--topic", default=fields["goal"].default, help=fields["goal"].description)
    operating(sub)


def operating(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--wait", type=seconds, default=5.0, metavar="5", help="s to look for a node")

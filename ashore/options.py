"""What each command takes from the command line. Only the options of the command that is run are built: help is quick."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def _about_settings(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change a setting; may be repeated")


def _stands_for_set(sub: argparse.ArgumentParser, flag: str, setting: str, metavar: str, text: str) -> None:
    """A flag that stands for `--set SETTING=VALUE`."""
    sub.add_argument(flag, dest="set", action="append", type=f"{setting}={{}}".format, metavar=metavar, help=text)


def _about_task(sub: argparse.ArgumentParser) -> None:
    _about_settings(sub)
    _stands_for_set(sub, "--task", "task.source", "FILE.py:CLASS", "a task from a file of your own, whose code is run")


def _about_preset(sub: argparse.ArgumentParser) -> None:
    _about_task(sub)
    sub.add_argument("preset", help="a task's name, gymnasium:ID, or a config.yaml")


def _train_options(sub: argparse.ArgumentParser) -> None:
    _about_preset(sub)
    sub.add_argument("--run", type=Path, metavar="DIR", help="folder of the run; runs/PRESET if not given")
    _stands_for_set(
        sub, "--algorithm", "train.algorithm", "NAME", "ppo, sac, ...: what learns, trained as the task is for it"
    )
    _stands_for_set(sub, "--seed", "train.seed", "N", "as --set train.seed=N")
    sub.add_argument(
        "--seeds", type=_seeds, metavar="A..B", help="several runs side by side, as 0..4 or 0,3,7, into DIR/seed0, ..."
    )
    _stands_for_set(sub, "--from", "train.start_from", "RUN", "start from the networks of another run, steps at 0")
    sub.add_argument(
        "--log",
        dest="set",
        action="append",
        type=_log,
        metavar="wandb",
        help="where metrics go too, beside metrics.jsonl and TensorBoard",
    )
    sub.add_argument("--resume", action="store_true", help="go on from the run's newest checkpoint, to the same bits")


def _record_options(sub: argparse.ArgumentParser) -> None:
    _about_task(sub)
    sub.add_argument("policy", help="folder of a run")
    sub.add_argument("--episodes", type=_count, default=64, help="64 if not given")
    sub.add_argument("--seed", type=_seed, default=0)
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="runs/POLICY.safetensors if not given")


def _clone_options(sub: argparse.ArgumentParser) -> None:
    _about_task(sub)
    sub.add_argument("sources", nargs="+", metavar="SOURCE", help="folder of a run, or files that record wrote")
    sub.add_argument("--run", type=Path, metavar="DIR", help="folder of the new run; runs/clone-SOURCE if not given")
    sub.add_argument("--episodes", type=_count, default=64, help="recorded of a run; 64 if not given")
    sub.add_argument("--seed", type=_seed, default=0)


def _prefer_options(sub: argparse.ArgumentParser) -> None:
    from ashore.configs.preferences import PreferenceSettings

    _about_task(sub)
    sub.add_argument("policy", help="folder of a run")
    sub.add_argument("--run", type=Path, metavar="DIR", help="folder of the new run; runs/prefer-POLICY if not given")
    who = sub.add_mutually_exclusive_group()
    who.add_argument("--answers", type=Path, metavar="FILE", help="take the answers from here, not from a page")
    who.add_argument(
        "--judge", metavar="WHO", help="FILE.py:FUNCTION, whose code is run, a term of the task's reward, or: reward"
    )
    for name in ("rounds", "pairs", "clip_seconds", "steps", "kl_coefficient", "seed"):
        field = PreferenceSettings.model_fields[name]
        kind = float if field.annotation is float else int
        flag = "--" + name.replace("_", "-")
        sub.add_argument(flag, type=kind, metavar=str(field.default), help=field.description)
    sub.add_argument("--port", type=_port, default=0, help="of the page; any free one if not given")
    sub.add_argument("--resume", action="store_true", help="go on with the rounds of a run, none of its answers lost")


def _evaluate_options(sub: argparse.ArgumentParser) -> None:
    _about_policy(sub, episodes=256)
    sub.add_argument("--json", action="store_true", help="one JSON object instead of text")


def _sweep_options(sub: argparse.ArgumentParser) -> None:
    _about_task(sub)
    sub.add_argument(
        "policies", nargs="+", metavar="POLICY", help="folder of a run, or an exported .onnx; several of a task"
    )
    sub.add_argument(
        "--plan", metavar="PLAN", help="default, full, or a YAML file: what is measured; default if not given"
    )
    sub.add_argument(
        "--over",
        type=lambda text: text.split(","),
        metavar="P,Q",
        help="curves of these parameters, by name, or: all; without a plan, of these alone",
    )
    sub.add_argument("--episodes", type=_count, help="at each point; the plan's if not given, 64")
    sub.add_argument("--points", type=_count, help="values a parameter; the plan's if not given, 9")
    sub.add_argument("--seed", type=_seed, default=0)
    sub.add_argument("--out", type=Path, metavar="DIR", help="runs/sweep-TASK-POLICY if not given")


def _gate_options(sub: argparse.ArgumentParser) -> None:
    # No --set: a verdict is of the policy in its own task, not in an easier one.
    sub.add_argument("--task", metavar="FILE.py:CLASS", help="a task from a file of your own, whose code is run")
    sub.add_argument("policy", help="an exported .onnx, or the folder of a run that holds one")
    sub.add_argument(
        "--require",
        default="deploy",
        metavar="FILE",
        help="what it must show, in YAML; configs/verdicts/deploy.yaml if not given",
    )
    sub.add_argument("--seed", type=_seed, default=0)


def _falsify_options(sub: argparse.ArgumentParser) -> None:
    _about_policy(sub, episodes=8)
    sub.add_argument(
        "--budget",
        type=_count,
        default=6000,
        metavar="N",
        help="episodes in all, 6000 if not given; a first look at nominal and at both ends of each parameter is played anyway",
    )
    sub.add_argument("--method", choices=("cma", "random"), default="cma", help="of the search; cma if not given")
    sub.add_argument(
        "--below", type=_rate, default=0.5, metavar="RATE", help="the success under which it fails; 0.5 if not given"
    )
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="runs/failing-TASK-POLICY.json if not given")


def _compare_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, or of their seeds")
    sub.add_argument("--out", type=Path, metavar="FILE.html", help="runs/compare.html if not given")


def _export_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run", type=Path, help="folder of the run")
    sub.add_argument("--out", type=Path, metavar="FILE", help="policy.onnx in the run's folder if not given")


def _inspect_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("policy", type=Path, help="an exported .onnx")
    sub.add_argument("--json", action="store_true", help="the contract as JSON")
    _profile_option(sub)


def _twin_options(sub: argparse.ArgumentParser) -> None:
    _about_policy(sub, episodes=10)
    sub.add_argument("--wait", type=float, default=60.0, metavar="S", help="seconds to wait for a node's first command")
    sub.add_argument("--json", type=Path, metavar="FILE", help="write the episodes' results here")
    _profile_option(sub)
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


def _profile_option(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--profile", default="", metavar="NAME", help="the topics of that robot's driver: go2, ur5e, ...")


def _demo_options(sub: argparse.ArgumentParser) -> None:
    _about_settings(sub)
    sub.add_argument("--run", type=Path, metavar="DIR", help="runs/demo if not given")
    sub.add_argument("--episodes", type=_count, default=50, help="through the twin")


def _about_policy(sub: argparse.ArgumentParser, *, episodes: int) -> None:
    _about_task(sub)
    sub.add_argument("policy", help="folder of a run, or an exported .onnx")
    sub.add_argument("--episodes", type=_count, default=episodes)
    sub.add_argument("--seed", type=_seed, default=0)


def _play_options(sub: argparse.ArgumentParser) -> None:
    _about_policy(sub, episodes=3)
    where = sub.add_mutually_exclusive_group()
    where.add_argument("-o", "--out", type=Path, metavar="FILE", help=".mp4 or .gif; an .mp4 without a screen")
    where.add_argument(
        "--viewer",
        choices=("browser", "window"),
        help="live, until Ctrl-C: a page on this machine, or MuJoCo's window; the default with a screen",
    )
    sub.add_argument("--world", type=Path, metavar="FILE", help="the world to show: of falsify, or JSON name -> value")
    sub.add_argument("--port", type=_port, default=0, help="of the page; the first free one from 8080 on if not given")


def _look_options(sub: argparse.ArgumentParser) -> None:
    _about_preset(sub)
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="a .png; runs/look-PRESET.png if not given")
    sub.add_argument(
        "--camera", default="overview", metavar="NAME", help="a camera of the scene; overview if not given"
    )
    sub.add_argument("--worlds", type=_count, default=12, metavar="N", help="how many; 12 if not given")
    sub.add_argument(
        "--after",
        type=_seconds_or_none,
        default=0.0,
        metavar="S",
        help="s into the episode, under random actions; 0 if not given",
    )
    sub.add_argument("--size", type=_size, default=(240, 180), metavar="WxH", help="of each picture, in pixels")
    sub.add_argument("--seed", type=_seed, default=0)


def _bench_options(sub: argparse.ArgumentParser) -> None:
    _about_settings(sub)
    sub.add_argument("what", choices=("sim", "train", "update", "node", "transfer", "twin", "variance"))
    sub.add_argument(
        "tasks", nargs="*", default=[], metavar="TASK", help="names, arm_reach if not given; for sim also: all"
    )
    sub.add_argument(
        "--task", dest="tasks", action="append", metavar="TASK", help="the same as an option, for transfer and variance"
    )
    sub.add_argument("--num-envs", type=_counts, default=[256], metavar="N,M", help="worlds, for sim")
    sub.add_argument(
        "--seconds", type=_seconds, default=12.0, help="of timing: for each number of worlds, for sim; with a peer"
    )
    sub.add_argument(
        "--envpool", type=Path, metavar="PYTHON", help="an interpreter with envpool, to run beside, for sim"
    )
    sub.add_argument("--seed", type=int, default=0, help="for train, twin, node with faults")
    sub.add_argument(
        "--peer",
        choices=("rsl_rl", "sb3", "sb3_defaults", "sb3_zoo"),
        help="for train: a library that trains beside us; sb3 at our sizes, as it comes, or as its zoo tuned it",
    )
    sub.add_argument(
        "--algorithm", metavar="NAME", help="for train with a peer, update: ppo, sac; the preset's if not given"
    )
    sub.add_argument("--threads", type=_count, metavar="N", help="for update: of torch; the preset's if not given")
    sub.add_argument("--policy", type=Path, help="an exported .onnx: for twin; for node, an untrained one if not given")
    sub.add_argument(
        "--faults",
        action="store_true",
        help="for node: random steps of TASKs' robots with all that can be wrong; counts outputs outside a limit",
    )
    sub.add_argument(
        "--seeds",
        type=_count,
        metavar="N",
        help="trainings of each method, for transfer and variance, 5; of each, with a peer, 1",
    )
    sub.add_argument(
        "--steps",
        type=_count,
        metavar="N",
        help="of each training, for transfer, 2 M; with a peer: train to the goal too; of each robot, for faults, 10 k",
    )
    sub.add_argument(
        "--episodes", type=_count, metavar="N", help="in each family of worlds, for transfer, 256; for twin, 100"
    )
    sub.add_argument(
        "--methods",
        type=lambda text: text.split(","),
        metavar="P,Q",
        help="for transfer: presets of samplers; none,manual,adr_small,doraemon_small if not given",
    )
    sub.add_argument(
        "--run",
        type=Path,
        metavar="DIR",
        help="where trainings of transfer are, runs/transfer-TASK, and results of variance and twin",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object instead of text")


def _deploy_options(sub: argparse.ArgumentParser) -> None:
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


def _replay_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("recording", type=Path, help="a file of `ashore deploy --record`")
    sub.add_argument("policy", type=Path, help="the exported .onnx that was driving")
    sub.add_argument(
        "--policy-changed",
        action="store_true",
        help="take another policy, and say how far its commands are from those sent",
    )


def _operating_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--wait", type=_seconds, default=5.0, metavar="5", help="s to look for a node")


def _profile_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("profile", nargs="?", metavar="NAME", help="ur5e, fr3, ..., or a YAML file; all if not given")
    sub.add_argument("--listen", action="store_true", help="draft one from the topics of a driver that runs here")
    sub.add_argument("--seconds", type=_seconds, default=3.0, metavar="3", help="to listen")


def _goal_options(sub: argparse.ArgumentParser) -> None:
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
    _operating_options(sub)


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


def _rate(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}; allowed: a rate above 0, below 1")


def _seconds_or_none(text: str) -> float:
    return 0.0 if text == "0" else _seconds(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: 0 to {2**31 - 1}")
    return int(text)


def _seeds(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        seeds += range(_seed(first), _seed(last) + 1) if dots else [_seed(part)]
    if not seeds or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: different seeds, as 0..4 or 0,3,7")
    return seeds


def _log(text: str) -> str:
    """`train.log` with TensorBoard and what is named beside it."""
    return f"train.log=[{', '.join(dict.fromkeys(['tensorboard', *text.split(',')]))}]"


COMMANDS: dict[str, tuple[str, Options]] = {
    "tasks": ("list the tasks", _no_options),
    "config": ("print a preset's resolved settings", _about_preset),
    "train": ("train a policy on a task", _train_options),
    "record": ("write episodes of a policy, what it saw and did, into a file", _record_options),
    "clone": ("learn a policy from recorded episodes", _clone_options),
    "prefer": ("improve a policy by which of two clips people or scripts prefer", _prefer_options),
    "evaluate": ("count a policy's successes over whole episodes", _evaluate_options),
    "sweep": ("measure where a policy works, and how far parameters may go before it fails", _sweep_options),
    "gate": ("judge whether a policy may go to a robot, and stamp it", _gate_options),
    "falsify": ("find the world nearest to nominal in which a policy fails", _falsify_options),
    "compare": ("draw runs and sets of seeds beside each other, on one page", _compare_options),
    "export": ("write a run's policy as one .onnx", _export_options),
    "inspect": ("print what a policy file promises", _inspect_options),
    "twin": ("simulate the robot behind ROS 2 topics, in real time", _twin_options),
    "deploy": ("drive a robot with a policy, over ROS 2", _deploy_options),
    "profile": ("list what is known of robots' drivers, print one, or draft one of what is there", _profile_options),
    "replay": ("run a recorded deployment again, and say where it differs from what was sent", _replay_options),
    "goal": ("send a running node a goal", _goal_options),
    "stop": ("stop a running node: it brakes, and holds until a reset", _operating_options),
    "reset": ("let a node that holds go on", _operating_options),
    "play": ("show episodes: an MP4 or GIF, a page in the browser, or a window", _play_options),
    "look": ("draw what a camera sees in worlds of a task, side by side", _look_options),
    "doctor": ("check what this machine can do, and say what to do about the rest", _no_options),
    "bench": ("measure speed beside the raw engine, or what policies survive", _bench_options),
    "demo": ("train, evaluate, sweep, export, and drive a twin over DDS", _demo_options),
}

"""What commands that measure take."""

from __future__ import annotations

import argparse
from pathlib import Path

from ashore.options.common import add_policy, add_settings, add_task
from ashore.options.values import count, counts, rate, seconds, seed


def evaluate(sub: argparse.ArgumentParser) -> None:
    add_policy(sub, episodes=256)
    sub.add_argument("--json", action="store_true", help="one JSON object instead of text")


def sweep(sub: argparse.ArgumentParser) -> None:
    add_task(sub)
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
    sub.add_argument("--episodes", type=count, help="at each point; the plan's if not given, 64")
    sub.add_argument("--points", type=count, help="values a parameter; the plan's if not given, 9")
    sub.add_argument("--seed", type=seed, default=0)
    sub.add_argument("--out", type=Path, metavar="DIR", help="runs/sweep-TASK-POLICY if not given")


def gate(sub: argparse.ArgumentParser) -> None:
    # No --set: a verdict is of the policy in its own task, not in an easier one.
    sub.add_argument("--task", metavar="FILE.py:CLASS", help="a task from a file of your own, whose code is run")
    sub.add_argument("policy", help="an exported .onnx, or the folder of a run that holds one")
    sub.add_argument(
        "--require",
        default="deploy",
        metavar="FILE",
        help="what it must show, in YAML; configs/verdicts/deploy.yaml if not given",
    )
    sub.add_argument("--seed", type=seed, default=0)


def falsify(sub: argparse.ArgumentParser) -> None:
    add_policy(sub, episodes=8)
    sub.add_argument(
        "--budget",
        type=count,
        default=6000,
        metavar="N",
        help="episodes in all, 6000 if not given; a first look at nominal and at both ends of each parameter is played anyway",
    )
    sub.add_argument("--method", choices=("cma", "random"), default="cma", help="of the search; cma if not given")
    sub.add_argument(
        "--below", type=rate, default=0.5, metavar="RATE", help="the success under which it fails; 0.5 if not given"
    )
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="runs/failing-TASK-POLICY.json if not given")


def compare(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, or of their seeds")
    sub.add_argument("--out", type=Path, metavar="FILE.html", help="runs/compare.html if not given")


def bench(sub: argparse.ArgumentParser) -> None:
    add_settings(sub)
    sub.add_argument("what", choices=("sim", "train", "update", "node", "transfer", "twin", "variance"))
    sub.add_argument(
        "tasks", nargs="*", default=[], metavar="TASK", help="names, arm_reach if not given; for sim also: all"
    )
    sub.add_argument(
        "--task", dest="tasks", action="append", metavar="TASK", help="the same as an option, for transfer and variance"
    )
    sub.add_argument("--num-envs", type=counts, default=[256], metavar="N,M", help="worlds, for sim")
    sub.add_argument(
        "--seconds", type=seconds, default=12.0, help="of timing: for each number of worlds, for sim; with a peer"
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
    sub.add_argument("--threads", type=count, metavar="N", help="for update: of torch; the preset's if not given")
    sub.add_argument("--policy", type=Path, help="an exported .onnx: for twin; for node, an untrained one if not given")
    sub.add_argument(
        "--faults",
        action="store_true",
        help="for node: random steps of TASKs' robots with all that can be wrong; counts outputs outside a limit",
    )
    sub.add_argument(
        "--seeds",
        type=count,
        metavar="N",
        help="trainings of each method, for transfer and variance, 5; of each, with a peer, 1",
    )
    sub.add_argument(
        "--steps",
        type=count,
        metavar="N",
        help="of each training, for transfer, 2 M; with a peer: train to the goal too; of each robot, for faults, 10 k",
    )
    sub.add_argument(
        "--episodes", type=count, metavar="N", help="in each family of worlds, for transfer, 256; for twin, 100"
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


def demo(sub: argparse.ArgumentParser) -> None:
    add_settings(sub)
    sub.add_argument("--run", type=Path, metavar="DIR", help="runs/demo if not given")
    sub.add_argument("--episodes", type=count, default=50, help="through the twin")

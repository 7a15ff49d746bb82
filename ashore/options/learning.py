"""What commands that train and export take."""

from __future__ import annotations

import argparse
from pathlib import Path

from ashore.options.common import add_preset, add_shorthand
from ashore.options.values import log, seeds


def train(sub: argparse.ArgumentParser) -> None:
    add_preset(sub)
    sub.add_argument("--run", type=Path, metavar="DIR", help="folder of the run; runs/PRESET if not given")
    add_shorthand(
        sub, "--algorithm", "train.algorithm", "NAME", "ppo, sac, ...: what learns, trained as the task is for it"
    )
    add_shorthand(sub, "--seed", "train.seed", "N", "as --set train.seed=N")
    sub.add_argument(
        "--seeds", type=seeds, metavar="A..B", help="several runs side by side, as 0..4 or 0,3,7, into DIR/seed0, ..."
    )
    add_shorthand(sub, "--from", "train.start_from", "RUN", "start from the networks of another run, steps at 0")
    sub.add_argument(
        "--log",
        dest="set",
        action="append",
        type=log,
        metavar="wandb",
        help="where metrics go too, beside metrics.jsonl and TensorBoard",
    )
    sub.add_argument("--resume", action="store_true", help="go on from the run's newest checkpoint, to the same bits")


def export(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run", type=Path, help="folder of the run")
    sub.add_argument("--out", type=Path, metavar="FILE", help="policy.onnx in the run's folder if not given")

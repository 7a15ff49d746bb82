"""What commands that learn from recordings and people take."""

from __future__ import annotations

import argparse
from pathlib import Path

from ashore.options.common import add_task
from ashore.options.values import count, port, seed


def record(sub: argparse.ArgumentParser) -> None:
    add_task(sub)
    sub.add_argument("policy", help="folder of a run")
    sub.add_argument("--episodes", type=count, default=64, help="64 if not given")
    sub.add_argument("--seed", type=seed, default=0)
    sub.add_argument("-o", "--out", type=Path, metavar="FILE", help="runs/POLICY.safetensors if not given")


def clone(sub: argparse.ArgumentParser) -> None:
    add_task(sub)
    sub.add_argument("sources", nargs="+", metavar="SOURCE", help="folder of a run, or files that record wrote")
    sub.add_argument("--run", type=Path, metavar="DIR", help="folder of the new run; runs/clone-SOURCE if not given")
    sub.add_argument("--episodes", type=count, default=64, help="recorded of a run; 64 if not given")
    sub.add_argument("--seed", type=seed, default=0)


def prefer(sub: argparse.ArgumentParser) -> None:
    from ashore.configs.preferences import PreferenceSettings

    add_task(sub)
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
    sub.add_argument("--port", type=port, default=0, help="of the page; any free one if not given")
    sub.add_argument("--resume", action="store_true", help="go on with the rounds of a run, none of its answers lost")

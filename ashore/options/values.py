"""Values of options, as argparse's types: each refuses what it does not allow, and says what it does."""

from __future__ import annotations

import argparse
import contextlib


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number of at least 1")
    return int(text)


def counts(text: str) -> list[int]:
    return [count(part) for part in text.split(",")]


def size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if width.isdecimal() and height.isdecimal() and 8 <= int(width) <= 1920 and 8 <= int(height) <= 1920:
        return int(width), int(height)
    raise argparse.ArgumentTypeError(f"{text!r}; allowed: width x height, as 240x180, 8 to 1920 pixels each")


def port(text: str) -> int:
    if not text.isdecimal() or not 1024 <= int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: 1024 to 65535")
    return int(text)


def seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 3600:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}; allowed: a number of seconds above 0, below 3600")


def seconds_or_none(text: str) -> float:
    return 0.0 if text == "0" else seconds(text)


def rate(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r}; allowed: a rate above 0, below 1")


def seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: 0 to {2**31 - 1}")
    return int(text)


def seeds(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        seeds += range(seed(first), seed(last) + 1) if dots else [seed(part)]
    if not seeds or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: different seeds, as 0..4 or 0,3,7")
    return seeds


def log(text: str) -> str:
    """`train.log` with TensorBoard and what is named beside it."""
    return f"train.log=[{', '.join(dict.fromkeys(['tensorboard', *text.split(',')]))}]"

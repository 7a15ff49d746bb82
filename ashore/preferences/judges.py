"""Who answers: a script or a term of the task's reward, a file, or whoever looks at the page."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ashore.configs.errors import UsageError
from ashore.policies.preferences.answers import read
from ashore.policies.preferences.clips import ANSWERS, LEFT_IS_BETTER, Answer, Clips
from ashore.sim.env import Env

TOTAL = "reward"  # as a judge: the sum of all terms
Give = Callable[[str, Answer], None]


class Clip(NamedTuple):
    """What a judge's function gets to see of a clip of L control steps."""

    signals: dict[str, NDArray[np.float32]]  # name -> [L, size], as the actor saw them
    action: NDArray[np.float32]  # [L, a] in [-1, 1]
    reward: dict[str, NDArray[np.float32]]  # term of the task's reward -> [L]
    control_dt: float  # s


class Judge(Protocol):
    """Answers pairs by calling `give` for each as soon as it is answered."""

    films: bool  # whether it looks at pictures

    def answer(self, pairs: Mapping[str, int], clips: Clips, env: Env, folder: Path, give: Give) -> None:
        """pairs: name -> its row in `clips`, those without an answer; folder: where their pictures are."""
        ...

    def close(self) -> None: ...


class Scripted:
    """A function of the left and the right clip, which gives one of the four answers."""

    films = False

    def __init__(self, function: Callable[[Clip, Clip], Any], name: str) -> None:
        self._function, self._name = function, name

    def answer(self, pairs: Mapping[str, int], clips: Clips, env: Env, folder: Path, give: Give) -> None:
        for pair, row in pairs.items():
            given = self._function(clip_of(clips, row, 0, env), clip_of(clips, row, 1, env))
            if given not in ANSWERS:
                raise UsageError(f"{self._name} gave {given!r}; allowed: {', '.join(ANSWERS)}")
            give(pair, given)

    def close(self) -> None:
        pass


class FromFile:
    """Answers that a file has, in lines as answers.jsonl has them."""

    films = True

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UsageError(
                f"--answers {path} is no file; allowed: lines such as {{'pair': '0-12', 'answer': 'left'}}"
            )
        self._path = path

    def answer(self, pairs: Mapping[str, int], clips: Clips, env: Env, folder: Path, give: Give) -> None:
        known = read(self._path)
        for pair in pairs:
            if pair in known:
                give(pair, known[pair])
        missing = [pair for pair in pairs if pair not in known]
        if missing:
            raise UsageError(
                f"{self._path} lacks {len(missing)} answers, the first to pair {missing[0]}; the clips are in {folder}; add "
                "them and go on with --resume"
            )

    def close(self) -> None:
        pass


def clip_of(clips: Clips, row: int, side: int, env: Env) -> Clip:
    """One clip, as far as its episode goes, in names."""
    steps = clips.valid[row, side]
    seen, signals, start = clips.actor[row, side][steps].numpy(), {}, 0
    for name, size in env.interface.seen:
        signals[name] = seen[:, start : start + size]
        start += size
    terms = clips.terms[row, side][steps].numpy()
    reward = {name: terms[:, i] for i, name in enumerate(env.task.reward_terms)}
    return Clip(signals, clips.action[row, side][steps].numpy(), reward, env.settings.control_dt)


def scripted(name: str, env: Env) -> Scripted:
    """By `FILE.py:FUNCTION`, whose code is run; by the name of a term of the task's reward; or by `reward`, their sum."""
    if name == TOTAL or name in env.task.reward_terms:
        terms = env.task.reward_terms if name == TOTAL else (name,)

        def prefer(left: Clip, right: Clip) -> Answer:
            a, b = (sum(float(clip.reward[term].sum(dtype=np.float64)) for term in terms) for clip in (left, right))
            return "left" if a > b else "right" if b > a else "equal"

        return Scripted(prefer, name)
    file, _, function = name.rpartition(":")
    if not file.endswith(".py"):
        known = ", ".join((TOTAL, *env.task.reward_terms))
        raise UsageError(f"--judge {name}; allowed: FILE.py:FUNCTION, or a reward: {known}")
    found = getattr(_load(Path(file)), function, None)
    if not callable(found):
        raise UsageError(f"--judge {name}: {file} has no function {function!r}")
    return Scripted(found, name)


def _load(path: Path) -> Any:
    if not path.is_file():
        raise UsageError(f"--judge: {path} does not exist; allowed: FILE.py:FUNCTION, or a reward's name")
    spec = importlib.util.spec_from_file_location(f"ashore_judge_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"--judge: {path} does not load: {type(error).__name__}: {error}") from error
    return module


def left_is_better(answers: list[Answer]) -> torch.Tensor:
    """Probabilities [P] of answers that are none of them "skip"."""
    return torch.tensor([LEFT_IS_BETTER[answer] for answer in answers])

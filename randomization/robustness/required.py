"""What a policy is required to show, as worlds to play; and whether the episodes in them showed it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ashore.configs.requirements import MarginsRequired, Required, Requirements, SuccessRequired, ToleratesRequired
from ashore.configs.space import Dimension
from ashore.configs.verdict import Row
from ashore.randomization.robustness.curve import CONFIDENCE, clopper_pearson

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Space = Sequence[Dimension]
# lambdas [n, d] and the numbers [n] by which chance knows the episodes -> success [n]
Play = Callable[[Floats, NDArray[np.int64]], Bools]


class Check(NamedTuple):
    """A success rate to be shown in worlds, looked at `looks` times: after `episodes`, and whenever they have doubled."""

    name: str
    at_least: float
    episodes: int  # at the first look
    looks: int
    lambdas: Floats  # [episodes at the last look, d]; NaN: drawn as declared

    def part(self, look: int) -> slice:
        """The worlds between this look, from 0 on, and the one before."""
        return slice(self.episodes * 2 ** (look - 1) if look else 0, self.episodes * 2**look)

    def judge(self, success: Bools) -> Row:
        """success [n], of an episode in each of the first n worlds. All looks together err with 5 %."""
        episodes, successes = len(success), int(success.sum())
        low, high = clopper_pearson(successes, episodes, _confidence(self.looks))
        return Row(
            name=self.name,
            required=f"at least {self.at_least:.0%}",
            found=f"{successes} of {episodes}, {low:.1%} to {high:.1%}",
            passed=low >= self.at_least,
            at_least=self.at_least,
            successes=successes,
            episodes=episodes,
            interval=(low, high),
        )


def run_checks(required: Sequence[Check], play: Play, say: Callable[[str], None]) -> tuple[Row, ...]:
    """Look at every check until it is decided or has no look left; the episodes of a look share one batch, and each check
    meets the same chances. say: told how it stands after each look."""
    seen: list[Bools] = [np.zeros(0, bool) for _ in required]
    rows: dict[int, Row] = {}
    waiting, look = list(range(len(required))), 0
    while waiting:
        lambdas = [required[i].lambdas[required[i].part(look)] for i in waiting]
        numbers = [np.arange(len(required[i].lambdas))[required[i].part(look)] for i in waiting]
        success = play(np.concatenate(lambdas), np.concatenate(numbers))
        parts = np.split(success, np.cumsum([len(part) for part in lambdas])[:-1])
        for i, part in zip(waiting, parts, strict=True):
            seen[i] = np.concatenate((seen[i], part))
            rows[i] = required[i].judge(seen[i])
        look += 1
        words = [row.word for row in rows.values()]
        counts = ", ".join(f"{words.count(word)} {word}" for word in ("passed", "failed", "open") if word in words)
        say(f"{sum(map(len, seen)):,} episodes: {counts}")
        waiting = [i for i in waiting if rows[i].word == "open" and look < required[i].looks]
    return tuple(rows[i] for i in range(len(required)))


def checks(requirements: Requirements, trained: Space, seed: int) -> list[Check]:
    """Every success rate of a verdict; ValueError where a requirement names what the task has not, or nothing could meet it.

    trained: lambda, with `low` and `high` as training reached them.
    """
    for name in ("success", "margins", "tolerates"):
        part = getattr(requirements, name)
        if part is not None:
            _require_enough(name, part)
    rows: list[Check] = []
    if requirements.success is not None:
        rows.append(_success(requirements.success, trained, seed))
    if requirements.tolerates is not None:
        rows += _tolerates(requirements.tolerates, trained)
    if requirements.margins is not None:
        rows += _margins(requirements.margins, trained)
    if not rows and requirements.worst_case is None:
        raise ValueError("margins are required of a policy that was trained with nothing varied; allowed: success")
    return rows


def without_margin(requirements: Requirements, trained: Space) -> list[str]:
    """Groups that training never varied: they have no width to be measured in."""
    if requirements.margins is None:
        return []
    groups = _groups(trained)
    return [name for name, members in groups.items() if not any(_reach(d, sign) for d in members for sign in (-1, 1))]


def _require_enough(name: str, part: Required) -> None:
    """ValueError where not even success in every episode could show the rate."""
    most = part.episodes * 2**part.doublings
    if clopper_pearson(most, most, _confidence(part.doublings + 1))[0] < part.at_least:
        raise ValueError(
            f"{name}: {part.episodes} episodes with {part.doublings} doublings cannot show {part.at_least:.0%}, were all "
            "successes; allowed: more episodes"
        )


def _confidence(looks: int) -> float:
    """Of one interval of several that hold together (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / looks


def _success(required: SuccessRequired, trained: Space, seed: int) -> Check:
    """Worlds drawn as declared, but for the dimensions that have ranges here."""
    ranges = {k: (d.low, d.high) for k, d in enumerate(trained)} if required.within == "trained" else {}
    for name, ends in required.ranges.items():
        ranges |= dict.fromkeys(_members("success.ranges", name, ends, trained), ends)
    given = f", {len(required.ranges)} of them given" if required.ranges else ""
    check = _pinned(f"success within the {required.within} ranges{given}", {}, required, len(trained))
    u = np.random.Generator(np.random.Philox(seed)).uniform(size=check.lambdas.shape)
    for k, (low, high) in ranges.items():
        values = [trained[k].from_unit(x, low, high) for x in u[:, k].tolist()]
        check.lambdas[:, k] = np.clip(values, low, high)  # exp(log(x)) rounds
    return check


def _members(where: str, name: str, values: Sequence[float], space: Space) -> list[int]:
    """The dimensions of a group, or one; ValueError where there is none, or a value is beyond its bounds."""
    members = [k for k, d in enumerate(space) if name in (d.group, d.name)]
    if not members:
        raise ValueError(f"{where}: {_unknown(name, space)}")
    for d in (space[k] for k in members):
        for value in values:
            if not d.widest[0] <= value <= d.widest[1]:
                low, high = d.widest
                raise ValueError(
                    f"{where}.{name} = {_text(value, d.unit)}; allowed: within bounds {low:g} to {_text(high, d.unit)}"
                )
    return members


def _tolerates(required: ToleratesRequired, trained: Space) -> list[Check]:
    found = []
    for name, value in required.values.items():
        members = _members("tolerates.values", name, [value], trained)
        pins = dict.fromkeys(members, value)
        found.append(_pinned(f"{name} = {_text(value, trained[members[0]].unit)}", pins, required, len(trained)))
    return found


def _margins(required: MarginsRequired, trained: Space) -> list[Check]:
    groups, found = _groups(trained), []
    for name in required.each:
        if name not in groups:
            raise ValueError(f"margins.each: {_unknown(name, trained)}")
        if not any(_reach(d, sign) for d in groups[name] for sign in (-1, 1)):
            raise ValueError(f"margins.each: training never varied {name}; allowed: tolerates, with a value of its own")
    for name, members in groups.items():
        widths = required.each.get(name, required.widths)
        for sign in (-1, 1):
            moved = {k: _at(d, sign, widths) for k, d in enumerate(trained) if d in members and _reach(d, sign)}
            if moved:
                found.append(_pinned(_margin_name(name, moved, trained, widths, sign), moved, required, len(trained)))
    return found


def _pinned(name: str, pins: Mapping[int, float], required: Required, size: int) -> Check:
    lambdas = np.full((required.episodes * 2**required.doublings, size), math.nan)
    for k, value in pins.items():
        lambdas[:, k] = value
    return Check(name, required.at_least, required.episodes, required.doublings + 1, lambdas)


def _groups(space: Space) -> dict[str, list[Dimension]]:
    return {d.group: [e for e in space if e.group == d.group] for d in space}


def _reach(d: Dimension, sign: int) -> float:
    """How far training went from nominal in a direction, along the dimension's scale; 0 where it did not."""
    end = d.high if sign > 0 else d.low
    return max(0.0, sign * (_along(d, end) - _along(d, d.nominal)))


def _at(d: Dimension, sign: int, widths: float) -> float:
    """The value so many trained widths from nominal; within the widest bounds."""
    if widths == 1:
        return d.high if sign > 0 else d.low
    along = _along(d, d.nominal) + sign * widths * _reach(d, sign)
    return min(max(math.exp(along) if d.distribution == "log" else along, d.widest[0]), d.widest[1])


def _along(d: Dimension, value: float) -> float:
    return math.log(value) if d.distribution == "log" else value


def _margin_name(name: str, moved: dict[int, float], space: Space, widths: float, sign: int) -> str:
    low, high = min(moved.values()), max(moved.values())
    unit = space[next(iter(moved))].unit
    value = _text(low, unit) if low == high else f"{low:.4g} to {_text(high, unit)}"
    clipped = any(v == space[k].widest[sign > 0] for k, v in moved.items()) and widths != 1
    where = ", its widest bound" if clipped else ""
    far = f"{widths:g} trained {'width' if widths == 1 else 'widths'} {'up' if sign > 0 else 'down'}"
    return f"{name} = {value} ({far}{where})"


def _text(value: float, unit: str) -> str:
    return f"{value:.4g}" if unit == "1" else f"{value:.4g} {unit}"


def _unknown(name: str, space: Space) -> str:
    known = list(_groups(space))
    close = get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return (
        f"{name} is no parameter of the task; {hint}allowed: {', '.join(known) or 'none, as the task varies nothing'}"
    )

"""Tables of a report, and the small bars in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from ashore.configs.space import Dimension
from ashore.randomization.robustness.curve import Curve, Margin
from ashore.randomization.robustness.sweep import SweepResult, headroom_text, margin_texts

_MARKS = (
    '<span><i style="background:var(--sand)"></i>range trained on</span>'
    '<span><i style="border-top:2px dotted var(--ink);height:2px;border-radius:0"></i>nominal</span>'
    '<span><i style="border-top:2px dashed var(--coral);height:2px;border-radius:0"></i>target</span></div>\n'
)
MARKS_LEGEND = '<div class="legend">' + _MARKS
CURVE_LEGEND = (
    '<div class="legend"><span><i style="background:var(--sea)"></i>success</span>'
    '<span><i style="background:var(--band)"></i>95 % interval</span>' + _MARKS
)
BAR_LEGEND = (
    '<div class="legend"><span><i style="background:var(--sand);box-shadow:inset 0 0 0 1px var(--sand-edge)"></i>'
    "range trained on</span>{holds}"
    '<span><i style="background:var(--track);height:4px"></i>{track}</span>'
    '<span><i style="background:var(--ink);width:2px;height:14px;border-radius:0"></i>nominal</span></div>\n'
)
HOLDS = '<span><i style="background:var(--sea);height:5px"></i>stays above the target</span>'


def curve_caption(curve: Curve, target: float) -> str:
    """The parameter's name, whether the policy holds over the range it was trained on, and its headroom."""
    good, headroom = curve.holds(target), headroom_text(curve, target)
    flag = _flag(("holds" if good else "fails") + (f", headroom {headroom}" if headroom else " in range"), good)
    return f"<span>{group_name(curve.group, len(curve.members))}</span>{flag}"


def margins(sweep: SweepResult) -> str:
    """The margin table, the most fragile parameter first."""
    rows = "".join(_margin_row(curve, sweep.target) for curve in sweep.by_fragility())
    heads = ("Parameter", "Unit", "Trained", "At nominal", "Fails below", "Fails above", "Headroom", "")
    return BAR_LEGEND.format(holds=HOLDS, track="tested") + table(heads, rows, numbers=range(2, 7))


def card(dims: Sequence[Dimension]) -> str:
    """One row a group of parameters: its range, and where that lies in the widest range allowed."""
    groups: dict[str, list[Dimension]] = {}
    for dim in dims:
        groups.setdefault(dim.group, []).append(dim)
    heads = ("Parameter", "Unit", "Nominal", "Low", "High", "Widest allowed", "Scale", "")
    rows = "".join(_card_row(members) for members in groups.values())
    return BAR_LEGEND.format(holds="", track="widest allowed") + table(heads, rows, numbers=range(2, 6))


def facts(named: Mapping[str, str]) -> str:
    """Names and values."""
    rows = "".join(
        f'<tr><td class="name">{escape(k)}</td><td class="wrap"><code>{escape(v)}</code></td></tr>\n'
        for k, v in named.items()
    )
    return f'<div class="card scroll"><table class="facts"><tbody>{rows}</tbody></table></div>\n'


def square(number: int, success: bool, seconds: float | None, note: str) -> str:
    """An episode as a square that says more when pointed at."""
    outcome = "success" if success else "failure"
    after = f" after {seconds:.2f} s" if seconds is not None else ""
    text = escape(f"episode {number}: {outcome}{after}{'; ' + note if note else ''}")
    return f'<i class="{"good" if success else "bad"}" title="{text}"></i>'


def table(heads: Sequence[str], rows: str, numbers: range) -> str:
    """heads, rows: HTML; numbers: the columns that are set to the right."""
    cells = "".join(f"<th{_numeric(k in numbers)}>{head}</th>" for k, head in enumerate(heads))
    return f'<div class="card scroll"><table><thead><tr>{cells}</tr></thead><tbody>\n{rows}</tbody></table></div>\n'


def _numeric(yes: bool) -> str:
    return ' class="number"' if yes else ""


def _row(name: str, unit: str, numbers: Mapping[str, str], tail: str) -> str:
    """numbers: label -> value; a narrow screen, where the row folds to a card, shows the label beside the value."""
    cells = "".join(f'<td class="number" data-label="{escape(label)}">{escape(n)}</td>' for label, n in numbers.items())
    blank = "" if _unit(unit) else ' class="blank"'
    return f'<tr><td class="name">{name}</td><td data-label="Unit"{blank}>{_unit(unit)}</td>{cells}{tail}</tr>\n'


def _margin_row(curve: Curve, target: float) -> str:
    below, above = curve.margins(target)
    values = [p.value for p in curve.points]
    at = _scale(curve.distribution, min(values), max(values))
    bar = _bar(at, (curve.low, curve.high), curve.nominal, holds=(_end(below), _end(above)))
    fails_below, fails_above = margin_texts(curve, target)
    numbers = {
        "Trained": "not varied" if curve.low == curve.high else f"{_plain(curve.low)} to {_plain(curve.high)}",
        "At nominal": f"{curve.at_nominal.success:.1%}",
        "Fails below": fails_below,
        "Fails above": fails_above,
    }
    flag = f'<td class="number headroom" data-label="headroom">{_flag(headroom_text(curve, target), curve.holds(target))}</td>'
    return _row(group_name(curve.group, len(curve.members)), curve.unit, numbers, f'{flag}<td class="wide">{bar}</td>')


def _flag(text: str, good: bool) -> str:
    return f'<span class="flag {"good" if good else "bad"}">{text}</span>' if text else ""


def _card_row(members: Sequence[Dimension]) -> str:
    first = members[0]
    at = _scale(first.distribution, *first.widest)
    widest = f"{_plain(first.widest[0])} to {_plain(first.widest[1])}"
    numbers = {
        "Nominal": _plain(first.nominal),
        "Low": _plain(first.low),
        "High": _plain(first.high),
        "Widest allowed": widest,
    }
    bar = _bar(at, (first.low, first.high), first.nominal)
    tail = f'<td data-label="Scale">{first.distribution}</td><td class="wide">{bar}</td>'
    return _row(group_name(first.group, len(members)), first.unit, numbers, tail)


def _end(margin: Margin) -> float:
    return margin.tested_to if margin.fails_at is None else margin.fails_at


def _scale(distribution: str, low: float, high: float) -> Callable[[float], float]:
    """Fraction of [low, high] along the scale, 0 to 1."""
    axis = math.log if distribution == "log" else float
    start, width = axis(low), axis(high) - axis(low)
    return lambda value: min(1.0, max(0.0, (axis(value) - start) / width)) if width > 0 else 0.5


def _bar(
    at: Callable[[float], float], trained: tuple[float, float], nominal: float, holds: tuple[float, float] | None = None
) -> str:
    spans = [_span("trained", at, trained)] + ([_span("holds", at, holds)] if holds else [])
    tick = f'<i class="tick" style="left:{at(nominal):.2%}"></i>'
    return f'<div class="bar"><i class="track"></i>{"".join(spans)}{tick}</div>'


def _span(kind: str, at: Callable[[float], float], ends: tuple[float, float]) -> str:
    left, right = at(ends[0]), at(ends[1])
    return f'<i class="{kind}" style="left:{left:.2%};width:{right - left:.2%}"></i>'


def group_name(group: str, count: int) -> str:
    """As it is shown: with how many members it has."""
    each = f" <code>&times; {count}</code>" if count > 1 else ""
    return f"{escape(group.replace('_', ' '))}{each}"


def _unit(unit: str) -> str:
    return "" if unit == "1" else escape(unit)


def _plain(value: float) -> str:
    return f"{value:.4g}"

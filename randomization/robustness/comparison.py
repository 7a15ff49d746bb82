"""A comparison of trainings: learning curves and final scores on one page, in the style of a report."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from ashore.randomization.robustness import tables
from ashore.randomization.robustness.charts import Chart, base_layout, translucent
from ashore.randomization.robustness.page import chart_card, page, section, write_page

COLORS = tuple(f"var(--{name})" for name in ("sea", "coral", "leaf", "amber", "violet", "faint"))
DASHES = ("solid", "dash", "dot", "dashdot")  # of the first six lines, the next six, ...
MINUTES_FROM = 600.0  # s that the longest training took; below, time is shown in seconds
FORMATS = {"success": (".0%", ".1%"), "return": (".3~g", ".4~g")}  # of an axis, of a value
HOW = (
    "A set of seeds is drawn as its interquartile mean, with the 95 % interval of a stratified bootstrap over seeds "
    "(arXiv 2108.13264). A run that has ended keeps its last value."
)


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """A score over training; without ends for a single run."""

    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """The last evaluation: a value and its 95 % interval, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None
    over: str = ""  # what the interval is over, where that is not seeds

    def text(self, form: str) -> str:
        ends = "" if self.low is None or self.high is None else f" [{self.low:{form}}, {self.high:{form}}]"
        return f"{self.value:{form}}{ends}"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One run, or the seeds of one training."""

    label: str
    differs: str = ""  # what its settings have that others have not, in words
    seeds: str = "1"
    steps: int = 0
    seconds: float = 0.0  # the median seed's
    curves: Mapping[tuple[str, str], LearningCurve] = field(default_factory=dict)  # by score, and "steps" or "seconds"
    scores: Mapping[str, Score] = field(default_factory=dict)

    def __str__(self) -> str:
        figures = [f"{name} {score.text('.3f')}" for name, score in self.scores.items()]
        return ", ".join([self.label, f"seeds {self.seeds}", f"{self.steps:,} steps", *figures])


@dataclass(frozen=True, kw_only=True)
class Section:
    """Trainings of one task."""

    task: str
    entries: Sequence[Entry]
    settings: Sequence[tuple[str, Sequence[str]]] = ()  # a setting's name and its value in each entry


def write(path: Path, sections: Sequence[Section]) -> None:
    """Render to a file, which is never there half written."""
    write_page(path, render(sections))


def render(sections: Sequence[Section]) -> str:
    """The page."""
    charts: dict[str, Chart] = {}
    tasks = ", ".join(part.task for part in sections)
    count = sum(len(part.entries) for part in sections)
    header = (
        f'<header>\n<div class="eyebrow">Ashore comparison</div>\n<h1>{escape(tasks)}</h1>\n'
        f'<p class="lead">{count} trainings beside each other</p>\n<p class="how">{HOW}</p>\n</header>\n'
    )
    return page(escape(f"Comparison: {tasks}"), header + "".join(_section(part, charts) for part in sections), charts)


def _section(part: Section, charts: dict[str, Chart]) -> str:
    longest = max((entry.seconds for entry in part.entries), default=0.0)
    axes = {
        "steps": ("control steps", 1.0),
        "seconds": ("minutes", 60.0) if longest >= MINUTES_FROM else ("seconds", 1.0),
    }
    cards = [
        chart_card(charts, chart, f"{name.capitalize()} over {title}")
        for name in FORMATS
        for axis, (title, unit) in axes.items()
        if (chart := learning_chart(part.entries, name, axis, title, unit))
    ]
    grid = _legend(part.entries) + f'<div class="grid pairs">{"".join(cards)}</div>\n' if cards else ""
    how = "Time is that of training with its evaluations, on the machine of each run."
    content = grid + "<h3>Last evaluation</h3>\n" + _scores(part.entries) + _settings(part)
    return section(escape(part.task), how, content)


def learning_chart(entries: Sequence[Entry], name: str, axis: str, title: str, unit: float) -> Chart | None:
    """A line an entry, with its band; `unit`: what of the axis makes one on the figure. None where no entry has the score."""
    data: list[dict[str, Any]] = []
    for k, entry in enumerate(entries):
        curve = entry.curves.get((name, axis))
        if curve is None:
            continue
        x, (color, dash) = [at / unit for at in curve.x], _style(k)
        if curve.low is not None and curve.high is not None:
            ends = {"x": x + x[::-1], "y": [*curve.high, *reversed(curve.low)], "mode": "lines", "line": {"width": 0}}
            data.append(ends | {"fill": "toself", "fillcolor": translucent(color, 0.16), "hoverinfo": "skip"})
        shown = f"<b>{html.escape(entry.label)}</b><br>%{{y:{FORMATS[name][1]}}} at %{{x:.3~s}} {title}<extra></extra>"
        line = {"x": x, "y": list(curve.middle), "mode": "lines" if len(x) > 1 else "markers", "hovertemplate": shown}
        data.append(line | {"line": {"color": color, "width": 2.2, "dash": dash}, "marker": {"color": color}})
    if not data:
        return None
    layout = base_layout()
    layout["xaxis"] |= {"title": {"text": title, "standoff": 6}, "tickformat": "~s", "rangemode": "tozero", "nticks": 6}
    layout["yaxis"] |= {"tickformat": FORMATS[name][0]}
    if name == "success":
        layout["yaxis"] |= {"range": [-0.03, 1.04], "dtick": 0.25}
    return {"data": data, "layout": layout}


def _style(k: int) -> tuple[str, str]:
    return COLORS[k % len(COLORS)], DASHES[k // len(COLORS) % len(DASHES)]


def _swatch(k: int) -> str:
    color, dash = _style(k)
    border = {"solid": "solid", "dash": "dashed"}.get(dash, "dotted")
    return f'<i class="swatch" style="border-top:3px {border} {color}"></i>'


def _legend(entries: Sequence[Entry]) -> str:
    shown = (f"<span>{_swatch(k)}{escape(entry.label)}</span>" for k, entry in enumerate(entries))
    return f'<div class="legend">{"".join(shown)}</div>\n'


def _scores(entries: Sequence[Entry]) -> str:
    heads = ("Training", "Seeds", "Steps", "Minutes", "Success", "Return", "Success, 0 to 1")
    return tables.table(heads, "".join(_score_row(k, entry) for k, entry in enumerate(entries)), numbers=range(1, 6))


def _score_row(k: int, entry: Entry) -> str:
    numbers = {"Seeds": entry.seeds, "Steps": f"{entry.steps:,}", "Minutes": f"{entry.seconds / 60:.1f}"}
    for name, form in (("success", ".1%"), ("return", ".2f")):
        score = entry.scores.get(name)
        numbers[name.capitalize()] = "" if score is None else score.text(form)
    cells = "".join(
        f'<td class="number{"" if text else " blank"}" data-label="{label}">{escape(text)}</td>'
        for label, text in numbers.items()
    )
    told = [
        entry.differs,
        *dict.fromkeys(f"interval over {s.over}" for s in entry.scores.values() if s.over and s.low is not None),
    ]
    below = "".join(f'<div class="differs">{escape(text)}</div>' for text in told if text)
    name = f'<td class="name label">{_swatch(k)}{escape(entry.label)}{below}</td>'
    return f'<tr>{name}{cells}<td class="wide">{_bar(k, entry.scores.get("success"))}</td></tr>\n'


def _bar(k: int, score: Score | None) -> str:
    if score is None:
        return ""
    color = _style(k)[0]
    span = ""
    if score.low is not None and score.high is not None:
        width = f"left:{score.low:.2%};width:{score.high - score.low:.2%}"
        span = f'<i class="interval" style="{width};background:{color};opacity:0.35"></i>'
    tick = f'<i class="tick sea" style="left:{score.value:.2%};background:{color}"></i>'
    return f'<div class="bar"><i class="track"></i>{span}{tick}</div>'


def _settings(part: Section) -> str:
    if not part.settings:
        return ""
    rows = "".join(
        f'<tr><td class="name"><code>{escape(name)}</code></td>'
        + "".join(
            f'<td class="wrap" data-label="{escape(entry.label)}"><code>{escape(value)}</code></td>'
            for entry, value in zip(part.entries, values, strict=True)
        )
        + "</tr>\n"
        for name, values in part.settings
    )
    heads = ("Setting", *(escape(entry.label) for entry in part.entries))
    return "<h3>What differs between their settings</h3>\n" + tables.table(heads, rows, numbers=range(0))

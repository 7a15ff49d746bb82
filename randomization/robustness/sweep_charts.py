"""Figures of a sweep beside its curves: curves of several policies, maps of two parameters, the ranking of all."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ashore.randomization.robustness.charts import (
    CORAL,
    FAINT,
    INK,
    PAPER,
    SEA,
    Chart,
    base_layout,
    success_layout,
    translucent,
)
from ashore.randomization.robustness.curve import Curve
from ashore.randomization.robustness.heatmap import Axis, Cell, HeatMap
from ashore.randomization.robustness.joint import Rank

# Of each policy a colour, a dash and a mark: in print without colours, or for an eye that sees fewer, two of three are left.
COLORS = tuple(f"var(--{name})" for name in ("sea", "coral", "leaf", "amber", "violet", "faint"))
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
ROW = 26  # pixels of a bar in the ranking
CELL, MARGINS = 46, 84  # pixels: of a map's row, and of its axes


def style(k: int) -> tuple[str, str, str]:
    """Colour, dash and mark of the k-th policy."""
    return COLORS[k % len(COLORS)], DASHES[k % len(DASHES)], MARKS[k % len(MARKS)]


def overlay(curves: Mapping[str, Curve], styles: Mapping[str, int], target: float) -> Chart:
    """The success of several policies over one parameter."""
    data: list[dict[str, Any]] = []
    for name, curve in curves.items():
        color, dash, mark = style(styles[name])
        x = [p.value for p in curve.points]
        ends = [p.interval[1] for p in curve.points] + [p.interval[0] for p in reversed(curve.points)]
        data.append({"x": x + x[::-1], "y": ends, "fill": "toself", "fillcolor": translucent(color, 0.12)})
        data[-1] |= {"line": {"width": 0}, "hoverinfo": "skip", "mode": "lines"}
        told = f"<b>{html.escape(name)}</b><br>%{{customdata[0]}} of %{{customdata[1]}} = %{{y:.1%}} at %{{x:.4g}}"
        data.append({"x": x, "y": [p.success for p in curve.points], "mode": "lines+markers"})
        data[-1] |= {"line": {"color": color, "width": 2.2, "dash": dash}, "marker": _mark(color, mark)}
        data[-1] |= {"customdata": [[p.successes, p.episodes] for p in curve.points]}
        data[-1] |= {"hovertemplate": told + "<extra></extra>"}
    ranges = list(dict.fromkeys((curve.low, curve.high) for curve in curves.values()))
    return {"data": data, "layout": success_layout(next(iter(curves.values())), target, ranges)}


def _mark(color: str, mark: str) -> dict[str, Any]:
    return {"size": 7, "color": color, "symbol": mark, "line": {"color": PAPER, "width": 1}}


def heat(grid: HeatMap, target: float) -> Chart:
    """Success in each cell with its episodes; coral below the target, sea above it; the ranges trained on in a frame."""
    rows = grid.rows()
    x, y = _labels(grid.second), _labels(grid.first)
    scale = [(0, translucent(CORAL, 0.75)), (target, PAPER), (1, translucent(SEA, 0.75))]
    cells = {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": [[cell.success for cell in row] for row in rows],
        "text": [[f"{cell.success:.0%}<br>n {cell.episodes}" for cell in row] for row in rows],
        "texttemplate": "%{text}",
        "textfont": {"size": 10.5, "color": INK},
        "customdata": [[_told(cell) for cell in row] for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
        "zmin": 0,
        "zmax": 1,
        "colorscale": [list(stop) for stop in scale],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
    layout = base_layout(height=CELL * len(rows) + MARGINS, shapes=[_frame(grid)])
    layout["margin"] |= {"l": 62, "b": 52}
    for axis, of, names in (("xaxis", grid.second, x), ("yaxis", grid.first, y)):
        title = {"text": _title(of), "standoff": 8}
        layout[axis] |= {"type": "category", "title": title, "tickvals": names, "showgrid": False, "ticks": ""}
    return {"data": [cells], "layout": layout}


def _told(cell: Cell) -> str:
    low, high = cell.interval
    return f"{cell.successes} of {cell.episodes} = {cell.success:.1%}<br>95 %: {low:.1%} to {high:.1%}"


def _labels(axis: Axis) -> list[str]:
    """Values as text, each another."""
    for digits in range(3, 17):
        texts = [f"{value:.{digits}g}" for value in axis.values]
        if len(set(texts)) == len(texts):
            return texts
    return [repr(value) for value in axis.values]


def _title(axis: Axis) -> str:
    unit = "" if axis.unit == "1" else f", {html.escape(axis.unit)}"
    return html.escape(axis.group.replace("_", " ")) + unit


def _frame(grid: HeatMap) -> dict[str, Any]:
    """Around the cells within both ranges that training reached."""
    ends: dict[str, float] = {}
    for name, axis in (("x", grid.second), ("y", grid.first)):
        inside = [
            k for k, v in enumerate(axis.values) if min(axis.low, axis.nominal) <= v <= max(axis.high, axis.nominal)
        ]
        ends |= {f"{name}0": min(inside) - 0.5, f"{name}1": max(inside) + 0.5}
    return {"type": "rect", "line": {"color": INK, "width": 1.5, "dash": "dot"}, "fillcolor": "rgba(0,0,0,0)"} | ends


def ranking_chart(ranks: Sequence[Rank]) -> Chart:
    """A bar for success and one for return a group, the most influential on top; a tick at what chance alone may give."""
    names = [html.escape(r.group.replace("_", " ")) + (f" &times; {r.members}" if r.members > 1 else "") for r in ranks]
    data: list[dict[str, Any]] = []
    for what, color, values, chances in (
        ("success", SEA, [r.success for r in ranks], [r.success_chance for r in ranks]),
        ("return", FAINT, [r.returns for r in ranks], [r.returns_chance for r in ranks]),
    ):
        bars: dict[str, Any] = {"type": "bar", "orientation": "h", "y": names, "x": [max(0.0, v) for v in values]}
        bars |= {
            "marker": {"color": color},
            "offsetgroup": what,
            "customdata": [[v, c] for v, c in zip(values, chances, strict=True)],
        }
        bars |= {"hovertemplate": f"{what}: %{{customdata[0]:.3f}}; chance up to %{{customdata[1]:.3f}}<extra></extra>"}
        data.append(bars)
    ticks: dict[str, Any] = {"type": "scatter", "mode": "markers", "y": names, "x": [r.success_chance for r in ranks]}
    ticks |= {"marker": {"symbol": "line-ns", "size": 12, "line": {"color": CORAL, "width": 2}}, "hoverinfo": "skip"}
    layout = base_layout(height=ROW * len(ranks) + 62, bargap=0.3, bargroupgap=0.1)
    top = max([0.05, *(v for r in ranks for v in (r.success, r.returns, r.success_chance))])
    layout["margin"] |= {"l": 10 + 6.6 * max(map(len, names))}
    layout["xaxis"] |= {"title": {"text": "share of the variance", "standoff": 6}, "showgrid": True}
    layout["xaxis"] |= {"range": [0, math.ceil(top * 22) / 20], "tickformat": ".0%"}
    layout["yaxis"] |= {"autorange": "reversed", "showgrid": False, "ticks": ""}
    return {"data": [*data, ticks], "layout": layout}

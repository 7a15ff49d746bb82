"""Figures of a report, as the JSON that Plotly draws. Text that came from a file is escaped: Plotly reads markup in it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ashore.randomization.robustness.curve import Curve

Chart = dict[str, Any]

# Colours by their names in report.css, which has a light and a dark value of each; the page's script puts them in.
INK, FAINT, SEA, SAND, CORAL = "var(--ink)", "var(--faint)", "var(--sea)", "var(--sand)", "var(--coral)"
PAPER, GRID, AXIS = "var(--paper)", "var(--grid)", "var(--axis)"


def translucent(color: str, opacity: float) -> str:
    """A colour of report.css with an opacity, 0 to 1. There it is six hexadecimal digits, to which two are added here."""
    return f"{color}{round(255 * opacity):02x}"


BAND = translucent(SEA, 0.18)
FONT = {
    "family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif",
    "size": 12,
    "color": INK,
}
# What is drawn of `metrics.jsonl`: title, axis format, and the metrics that are lines of one figure.
TRAINING = (
    ("Success", ".0%", {"eval/success": "evaluation", "episode/success": "training episodes"}),
    ("Return", ".3~g", {"eval/return": "evaluation", "episode/return": "training episodes"}),
    ("Control steps per second", ".2~s", {"time/steps_per_second": "steps/s"}),
)


def success_chart(curve: Curve, target: float) -> Chart:
    """Success and its interval over a parameter; the trained range shaded, nominal and target marked."""
    x = [p.value for p in curve.points]
    low, high = [p.interval[0] for p in curve.points], [p.interval[1] for p in curve.points]
    unit = "" if curve.unit == "1" else " " + html.escape(curve.unit)
    band = {"x": x + x[::-1], "y": high + low[::-1], "fill": "toself", "fillcolor": BAND, "line": {"width": 0}}
    line = {
        "x": x,
        "y": [p.success for p in curve.points],
        "mode": "lines+markers",
        "line": {"color": SEA, "width": 2.5},
        "marker": {"size": 7, "color": SEA, "line": {"color": PAPER, "width": 1.5}},
        "customdata": [[p.successes, p.episodes, *p.interval, p.mean_return] for p in curve.points],
        "hovertemplate": f"<b>%{{x:.4g}}{unit}</b><br>%{{customdata[0]}} of %{{customdata[1]}} = %{{y:.1%}}"
        "<br>95 %: %{customdata[2]:.1%} to %{customdata[3]:.1%}<br>mean return %{customdata[4]:.4g}<extra></extra>",
    }
    layout = success_layout(curve, target, [(curve.low, curve.high)])
    return {"data": [band | {"hoverinfo": "skip", "mode": "lines"}, line], "layout": layout}


def success_layout(curve: Curve, target: float, ranges: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Axes over a curve's parameter; the ranges trained on shaded, nominal and target marked."""
    shapes = [
        *(_shaded(low, high, SAND if len(ranges) == 1 else translucent(SAND, 0.5)) for low, high in ranges),
        _rule(
            x0=curve.nominal, x1=curve.nominal, yref="paper", y0=0, y1=1, line={"color": INK, "width": 1, "dash": "dot"}
        ),
        _rule(xref="paper", x0=0, x1=1, y0=target, y1=target, line={"color": CORAL, "width": 1, "dash": "dash"}),
    ]
    axis = {"type": "log", "dtick": "D2", "tickformat": "~g"} if curve.distribution == "log" else {"tickformat": "~g"}
    layout = base_layout(shapes=shapes)
    unit = "" if curve.unit == "1" else html.escape(curve.unit)
    layout["xaxis"] |= axis | {"title": {"text": unit, "standoff": 6}}
    layout["yaxis"] |= {"tickformat": ".0%", "range": [-0.03, 1.04], "dtick": 0.25}
    return layout


def training_charts(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, Chart]]:
    """Title and figure of every metric of `TRAINING` that the rows of `metrics.jsonl` hold."""
    out = []
    for title, tickformat, metrics in TRAINING:
        lines = []
        for (key, name), color, width in zip(metrics.items(), (SEA, FAINT), (2.5, 1.5), strict=False):
            at = [(row["steps"], row[key]) for row in rows if row.get(key) is not None and "steps" in row]
            if at:
                style = {"mode": "lines", "name": name, "line": {"color": color, "width": width}}
                shown = {"hovertemplate": "%{y:.4~g} at %{x:.3~s} steps<extra></extra>"}
                lines.append({"x": [a for a, _ in at], "y": [b for _, b in at]} | style | shown)
        if lines:
            layout = base_layout(showlegend=len(lines) > 1)
            layout["xaxis"] |= {"title": {"text": "control steps", "standoff": 6}, "tickformat": ".2~s"}
            layout["yaxis"] |= {"tickformat": tickformat, "rangemode": "tozero"}
            if tickformat.endswith("%"):
                layout["yaxis"]["range"] = [-0.03, 1.04]
            out.append((title, {"data": lines[::-1], "layout": layout}))
    return out


def completion_chart(seconds: Iterable[float], episodes: int) -> Chart:
    """Share of all episodes that had succeeded by a time."""
    times = sorted(seconds)
    line = {
        "x": [0.0, *times],
        "y": [k / episodes for k in range(len(times) + 1)],
        "mode": "lines",
        "line": {"color": SEA, "width": 2.5, "shape": "hv"},
        "fill": "tozeroy",
        "fillcolor": BAND,
        "hovertemplate": "%{y:.0%} within %{x:.3~g} s<extra></extra>",
    }
    layout = base_layout()
    layout["xaxis"] |= {"title": {"text": "seconds to success", "standoff": 6}, "rangemode": "tozero"}
    layout["yaxis"] |= {"tickformat": ".0%", "range": [0, 1.04], "dtick": 0.25}
    return {"data": [line], "layout": layout}


def _shaded(low: float, high: float, color: str) -> dict[str, Any]:
    where = {"type": "rect", "x0": low, "x1": high, "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    return where | {"fillcolor": color, "line": {"color": SAND, "width": 1}}


def _rule(**where: Any) -> dict[str, Any]:
    return {"type": "line", **where}


def base_layout(**more: Any) -> dict[str, Any]:
    """Axes, fonts and margins of a figure, with `more` over them."""
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": AXIS,
        "ticks": "outside",
        "tickcolor": AXIS,
    }
    return {
        "font": FONT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 48, "r": 12, "t": 10, "b": 42},
        "height": 240,
        "showlegend": False,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": AXIS, "font": FONT},
        "xaxis": axis | {"showgrid": False},
        "yaxis": dict(axis),
        **more,
    }

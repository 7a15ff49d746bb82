"""Figure of a report: ranges growing over training, one row a parameter."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ashore.configs.space import Dimension
from ashore.randomization.robustness.charts import AXIS, FAINT, FONT, GRID, INK, PAPER, SAND, SEA, Chart, translucent

ROW, TOP, BOTTOM = 92, 8, 46  # pixels: of a row, above the first, below the last
PREFIX = "randomization/"


def growth_chart(rows: Sequence[Mapping[str, Any]], dims: Sequence[Dimension]) -> Chart | None:
    """Ranges over control steps from rows of `metrics.jsonl`; none where they hold none, or none that ever changed.

    dims: with the declared ranges, which are shaded. Members of a group share its row, a band each.
    """
    kept = [row for row in rows if any(key.startswith(PREFIX + "low/") for key in row)]
    groups: dict[str, list[tuple[list[float], list[float]]]] = {}
    for dim in dims:
        ends = [[row.get(f"{PREFIX}{end}/{dim.name}") for row in kept] for end in ("low", "high")]
        if kept and not any(x is None for end in ends for x in end):
            groups.setdefault(dim.group, []).append((ends[0], ends[1]))  # type: ignore[arg-type]
    if not any(len({*low}) + len({*high}) > 2 for bands in groups.values() for low, high in bands):
        return None
    steps = [row["steps"] for row in kept]
    first = {d.group: d for d in reversed(dims)}
    data: list[dict[str, Any]] = []
    layout = _layout(len(groups))
    for k, (group, bands) in enumerate(groups.items()):
        dim, axis = first[group], "" if k == 0 else str(k + 1)
        for low, high in bands:
            data += _band(steps, low, high, dim, axis, len(bands))
        layout[f"yaxis{axis}"] = _axis(k, len(groups), dim, bands)
        layout["shapes"] += _marks(dim, axis)
        layout["annotations"].append(_label(dim, len(bands), 1 - k / len(groups)))
    return {"data": data, "layout": layout}


def _band(
    steps: list[float], low: list[float], high: list[float], dim: Dimension, axis: str, count: int
) -> list[dict[str, Any]]:
    unit = "" if dim.unit == "1" else " " + html.escape(dim.unit)
    shared: dict[str, Any] = {"x": steps, "yaxis": f"y{axis}", "mode": "lines", "line": {"color": SEA, "shape": "hv"}}
    shared["line"] |= {"width": 1.5 if count == 1 else 0.7}
    said = {
        "customdata": [[a, b] for a, b in zip(low, high, strict=True)],
        "hovertemplate": f"%{{customdata[0]:.4g}} to %{{customdata[1]:.4g}}{unit} at %{{x:.3~s}} steps<extra></extra>",
    }
    filled = {"fill": "tonexty", "fillcolor": translucent(SEA, 0.18 / count**0.5)}
    return [shared | {"y": low, "hoverinfo": "skip"}, shared | {"y": high} | filled | said]


def _axis(k: int, count: int, dim: Dimension, bands: list[tuple[list[float], list[float]]]) -> dict[str, Any]:
    """Row k from the top. It spans what was declared and what was reached, and a little."""
    ends = [dim.low, dim.high, *(x for low, high in bands for x in (min(low), max(high)))]
    along = [math.log10(x) for x in ends] if dim.distribution == "log" else ends
    room = 0.08 * (max(along) - min(along)) or 0.5 * abs(along[0]) or 1.0
    gap = 22 / (ROW * count)  # for the label above
    return {
        "domain": [1 - (k + 1) / count, 1 - k / count - gap],
        "type": "log" if dim.distribution == "log" else "linear",
        "range": [min(along) - room, max(along) + room],
        "tickvals": sorted({dim.low, dim.nominal, dim.high}),
        "tickformat": "~g",
        "zeroline": False,
        "gridcolor": GRID,
        "linecolor": AXIS,
        "anchor": "x",
    }


def _marks(dim: Dimension, axis: str) -> list[dict[str, Any]]:
    """The declared range shaded, nominal dotted."""
    across = {"xref": "paper", "x0": 0, "x1": 1, "yref": f"y{axis}", "layer": "below"}
    declared = {"type": "rect", "y0": dim.low, "y1": dim.high, "fillcolor": SAND, "line": {"color": SAND, "width": 1}}
    line = {"type": "line", "y0": dim.nominal, "y1": dim.nominal, "line": {"color": INK, "width": 1, "dash": "dot"}}
    return [across | declared, across | line]


def _label(dim: Dimension, count: int, top: float) -> dict[str, Any]:
    unit = "" if dim.unit == "1" else f", {dim.unit}"
    each = f" &times; {count}" if count > 1 else ""
    name = html.escape(dim.group.replace("_", " "))
    return {
        "text": f"<b>{name}</b>{each}<span style='color:{FAINT}'>{html.escape(unit)}</span>",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
        "font": FONT,
    }


def _layout(count: int) -> dict[str, Any]:
    return {
        "font": FONT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 62, "r": 12, "t": TOP, "b": BOTTOM},
        "height": ROW * count + TOP + BOTTOM,
        "showlegend": False,
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": AXIS, "font": FONT},
        "xaxis": {
            "title": {"text": "control steps", "standoff": 6},
            "tickformat": ".2~s",
            "showgrid": False,
            "zeroline": False,
            "linecolor": AXIS,
            "ticks": "outside",
            "tickcolor": AXIS,
            "anchor": "y" if count == 1 else f"y{count}",
        },
        "shapes": [],
        "annotations": [],
    }

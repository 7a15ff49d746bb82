"""Tables of a sweep: the joint test's figures, and policies beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ashore.randomization.robustness.curve import Curve
from ashore.randomization.robustness.joint import JointTest, Tail
from ashore.randomization.robustness.paired import Paired
from ashore.randomization.robustness.sweep import SweepResult, headroom_text, margin_texts
from ashore.randomization.robustness.sweep_charts import style
from ashore.randomization.robustness.tables import table

BORDERS = {"solid": "solid", "dash": "dashed", "longdash": "dashed"}


def legend(names: Sequence[str]) -> str:
    """A line in each policy's colour and dash, with its mark and name."""
    shown = (f"<span>{_swatch(k)}{escape(name)}</span>" for k, name in enumerate(names))
    return f'<div class="legend">{"".join(shown)}</div>\n'


def _swatch(k: int) -> str:
    color, dash, mark = style(k)
    sign = {"circle": "●", "square": "■", "diamond": "◆", "triangle-up": "▲", "x": "✕", "cross": "✚"}[mark]
    border = f"border-top:3px {BORDERS.get(dash, 'dotted')} {color}"
    return f'<i class="swatch" style="{border}"></i><b style="color:{color};margin-right:6px">{sign}</b>'


def joint_table(tests: Mapping[str, JointTest]) -> str:
    """A row a policy: success and coverage over the whole space."""
    rows = "".join(
        _row(
            escape(name),
            {
                "Worlds": f"{test.worlds:,}" + (f" × {test.repeats}" if test.repeats > 1 else ""),  # noqa: RUF001
                "Successes": f"{test.successes:,} of {test.worlds * test.repeats:,}",
                "Success": _with_interval(test.success, test.interval, ".1%"),
                "Coverage": _with_interval(test.coverage, test.coverage_interval, ".1%"),
            },
        )
        for name, test in tests.items()
    )
    return table(("Policy", "Worlds", "Successes", "Success", "Coverage"), rows, numbers=range(1, 5))


def score_table(tests: Mapping[str, JointTest]) -> str:
    """A row a policy and score: its mean and its bad end."""
    rows = "".join(_score_row(name, tail) for name, test in tests.items() for tail in test.scores)
    heads = ("Policy", "Score", "Episodes", "Mean", "Worst 5 % beyond", "Mean of worst 10 % (CVaR)")
    return table(heads, rows, numbers=range(2, 6))


def _score_row(name: str, tail: Tail) -> str:
    better = f"{tail.name.replace('_', ' ')}, {tail.better} is good"
    figures = {
        "Episodes": f"{tail.episodes:,}",
        "Mean": _with_interval(tail.mean, tail.mean_interval, ".4g"),
        "Worst 5 % beyond": _with_interval(tail.percentile, tail.percentile_interval, ".4g"),
        "Mean of worst 10 %": _with_interval(tail.cvar, tail.cvar_interval, ".4g"),
    }
    return _row(escape(name), figures, f'<td data-label="Score">{escape(better)}</td>')


def margins_beside(sweeps: Mapping[str, SweepResult]) -> str:
    """A row a parameter and policy: from where to where success stays above the target."""
    first = next(iter(sweeps.values()))
    rows = []
    for curve in first.by_fragility():
        for name, sweep in sweeps.items():
            found = next((c for c in sweep.curves if c.group == curve.group), None)
            if found is not None:
                rows.append(_margin_row(found, name, sweep.target))
    heads = ("Parameter", "Policy", "Trained", "At nominal", "Fails below", "Fails above", "Headroom")
    return table(heads, "".join(rows), numbers=range(2, 7))


def _margin_row(curve: Curve, name: str, target: float) -> str:
    below, above = margin_texts(curve, target)
    unit = "" if curve.unit == "1" else f" {curve.unit}"
    flag = f'<span class="flag {"good" if curve.holds(target) else "bad"}">{headroom_text(curve, target)}</span>'
    figures = {
        "Trained": "not varied" if curve.low == curve.high else f"{curve.low:.4g} to {curve.high:.4g}{unit}",
        "At nominal": f"{curve.at_nominal.success:.1%}",
        "Fails below": below,
        "Fails above": above,
    }
    tail = f'<td class="number headroom" data-label="headroom">{flag}</td>'
    return _row(escape(curve.group.replace("_", " ")), figures, f'<td data-label="Policy">{escape(name)}</td>', tail)


def pair_table(pairs: Sequence[Paired]) -> str:
    """A row a pair of policies."""
    heads = ("Policies", "Succeeds alone", "Difference in success", "P(better where unlike)", "p", "P(higher return)")
    return table(heads, "".join(map(_pair_row, pairs)), numbers=range(1, 6))


def _pair_row(pair: Paired) -> str:
    unlike, ends = pair.better_where_unlike, pair.better_where_unlike_interval
    figures = {
        "Succeeds alone": f"{pair.only_first:,} and {pair.only_second:,} of {pair.episodes:,}",
        "Difference in success": _with_interval(pair.difference, pair.difference_interval, "+.1%"),
        "P(better where unlike)": "-" if unlike is None or ends is None else _with_interval(unlike, ends, ".1%"),
        "p": f"{pair.p_value:.2g}",
        "P(higher return)": _with_interval(pair.better_return, pair.better_return_interval, ".1%"),
    }
    return _row(f"{escape(pair.first)} against {escape(pair.second)}", figures)


def _with_interval(value: float, ends: tuple[float, float], form: str) -> str:
    return f"{value:{form}} [{ends[0]:{form}}, {ends[1]:{form}}]"


def _row(name: str, figures: Mapping[str, str], before: str = "", after: str = "") -> str:
    """figures: label -> value; a narrow screen, where the row folds to a card, shows the label beside the value."""
    cells = "".join(f'<td class="number" data-label="{escape(k)}">{escape(v)}</td>' for k, v in figures.items())
    return f'<tr><td class="name">{name}</td>{before}{cells}{after}</tr>\n'

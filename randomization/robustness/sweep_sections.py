"""The parts of a report that show sweeps: curves, maps, margins, the joint test, policies beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ashore.randomization.robustness import sweep_tables, tables
from ashore.randomization.robustness.charts import Chart, success_chart
from ashore.randomization.robustness.curve import CONFIDENCE
from ashore.randomization.robustness.joint import JointTest
from ashore.randomization.robustness.page import chart_card, section
from ashore.randomization.robustness.paired import Paired
from ashore.randomization.robustness.sweep import SweepResult
from ashore.randomization.robustness.sweep_charts import heat, overlay, ranking_chart

Sweeps = Mapping[str, SweepResult]  # by the policy's name
Charts = dict[str, Chart]
RANKING_LEGEND = (
    '<div class="legend"><span><i style="background:var(--sea)"></i>of success</span>'
    '<span><i style="background:var(--faint)"></i>of return</span>'
    '<span><i style="background:var(--coral);width:3px;height:14px;border-radius:0"></i>'
    "what chance gives a parameter without any effect, for success</span></div>\n"
)
MAP_LEGEND = (
    '<div class="legend"><span><i style="background:var(--sea)"></i>above the target</span>'
    '<span><i style="background:var(--coral)"></i>below it</span>'
    '<span><i style="border:1.5px dotted var(--ink);background:none"></i>within the ranges trained on</span></div>\n'
)


def sections(sweeps: Sweeps, pairs: Sequence[Paired], charts: Charts) -> str:
    """All of them; what was not measured is left out."""
    return "".join(
        (
            _joint(sweeps, pairs, charts),
            _curves(sweeps, charts),
            _margins(sweeps),
            _maps(sweeps, charts),
        )
    )


def _curves(sweeps: Sweeps, charts: Charts) -> str:
    shown = {name: sweep for name, sweep in sweeps.items() if sweep.curves}
    if not shown:
        return ""
    first = next(iter(shown.values()))
    how = "Success as one parameter leaves its nominal value, the most fragile first. The band is the exact 95 % interval."
    if len({p.episodes for sweep in shown.values() for curve in sweep.curves for p in curve.points}) > 1:
        how += f" Points near the target got more episodes; their intervals, at {first.confidence:.1%} each look, allow for it."
    cards, names = [], tables.CURVE_LEGEND
    if len(shown) == 1:
        cards = [
            chart_card(charts, success_chart(curve, first.target), tables.curve_caption(curve, first.target))
            for curve in first.by_fragility()
        ]
    else:
        names = sweep_tables.legend(list(shown)) + tables.MARKS_LEGEND
        styles = {name: k for k, name in enumerate(shown)}
        for curve in first.by_fragility():
            beside = {name: c for name, sweep in shown.items() for c in sweep.curves if c.group == curve.group}
            chart = overlay(beside, styles, first.target)
            cards.append(
                chart_card(charts, chart, f"<span>{tables.group_name(curve.group, len(curve.members))}</span>")
            )
    return section("Success when reality differs", how, names + f'<div class="grid">{"".join(cards)}</div>\n')


def _margins(sweeps: Sweeps) -> str:
    shown = {name: sweep for name, sweep in sweeps.items() if sweep.curves}
    if not shown:
        return ""
    first = next(iter(shown.values()))
    how = (
        f"How far a parameter may go until the lower end of the interval falls under {first.target:.0%}. "
        "Headroom 1 is the edge of the range trained on; under 1 the policy fails inside it."
    )
    return section("Margins", how, tables.margins(first) if len(shown) == 1 else sweep_tables.margins_beside(shown))


def _maps(sweeps: Sweeps, charts: Charts) -> str:
    cards = []
    for name, sweep in sweeps.items():
        for grid in sweep.maps:
            of = f" <code>{escape(name)}</code>" if len(sweeps) > 1 else ""
            caption = f"<span>{tables.group_name(grid.first.group, 1)} and {tables.group_name(grid.second.group, 1)}{of}</span>"
            cards.append(chart_card(charts, heat(grid, sweep.target), caption))
    how = "Success, and n episodes, as two parameters leave their nominal values together."
    return section("Two at a time", how, MAP_LEGEND + f'<div class="grid">{"".join(cards)}</div>\n') if cards else ""


def _joint(sweeps: Sweeps, pairs: Sequence[Paired], charts: Charts) -> str:
    tests = {name: sweep.joint for name, sweep in sweeps.items() if sweep.joint is not None}
    if not tests:
        return ""
    first, target = next(iter(tests.values())), next(iter(sweeps.values())).target
    content = _space(first) + sweep_tables.joint_table(tests)
    content += "<h3>Scores, and their bad ends</h3>\n" + sweep_tables.score_table(tests)
    if pairs:
        content += "<h3>In the same worlds</h3>\n" + _pairs(pairs)
    content += "<h3>What success depends on</h3>\n" + _ranking(tests, charts)
    how = (
        f"Every parameter differs at once, over {_within(first.within)}: worlds of a scrambled Sobol sequence. Intervals "
        f"are at {CONFIDENCE:.0%}. Coverage is the share of the worlds in which at least {target:.0%} of the episodes succeed."
    )
    return section("Over the whole space", how, content)


def _space(test: JointTest) -> str:
    ranges = ", ".join(
        f"{r.group.replace('_', ' ')} {r.low:.3g} to {r.high:.3g}{'' if r.unit == '1' else ' ' + r.unit}"
        for r in test.ranges
    )
    return f'<details class="how"><summary>{len(test.ranges)} parameters and their ranges</summary>{escape(ranges)}</details>\n'


def _within(name: str) -> str:
    words = {"declared": "the ranges that the task declares", "trained": "the ranges that training reached"}
    return words.get(name, "the widest bounds")


def _pairs(pairs: Sequence[Paired]) -> str:
    how = (
        '<p class="how">Both policies met the same parameters, starts, goals and noise. p is of a sign test '
        "over worlds: how likely it is that one of two equally good policies does better in so many more of them.</p>\n"
    )
    return how + sweep_tables.pair_table(pairs)


def _ranking(tests: Mapping[str, JointTest], charts: Charts) -> str:
    cards = [
        chart_card(charts, ranking_chart(test.ranking), f"<span>{escape(name) or 'First-order Sobol indices'}</span>")
        for name, test in tests.items()
    ]
    how = (
        '<p class="how">First-order Sobol indices from the episodes of this test: the share of the variance that a parameter '
        "explains alone, all others drawn. A bar that ends before the mark may be chance.</p>\n"
    )
    return how + RANKING_LEGEND + f'<div class="grid pairs">{"".join(cards)}</div>\n'

"""A robustness report: one HTML file that shows itself without a network, wherever it is opened.

Everything that came from a file is escaped, and the page's content policy refuses scripts other than its own two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from ashore.configs.space import Dimension
from ashore.randomization.robustness import tables
from ashore.randomization.robustness.charts import Chart, completion_chart, training_charts
from ashore.randomization.robustness.curve import CONFIDENCE, clopper_pearson
from ashore.randomization.robustness.growth import growth_chart
from ashore.randomization.robustness.page import Media, chart_card, figure, page, section, write_page
from ashore.randomization.robustness.paired import Paired
from ashore.randomization.robustness.sweep import SweepResult
from ashore.randomization.robustness.sweep_sections import sections


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A success rate for the top of the page."""

    label: str
    successes: int
    episodes: int
    interval: tuple[float, float] | None = None  # Clopper-Pearson if not given


@dataclass(frozen=True, kw_only=True)
class TwinEpisode:
    """An episode of a policy against a twin."""

    success: bool
    seconds: float | None = None  # to success
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a report shows; a part that is empty is left out."""

    title: str
    subtitle: str = ""
    headlines: Sequence[Headline] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)  # label -> value
    command: str = ""
    media: Sequence[Media] = ()  # the first stands beside the headlines
    sweep: SweepResult | None = None
    sweeps: Mapping[str, SweepResult] = field(default_factory=dict)  # in its place, of several policies by name
    pairs: Sequence[Paired] = ()
    card: Sequence[Dimension] = ()  # with the ranges trained on
    declared: Sequence[Dimension] = ()  # the same with the ranges declared, to draw how they grew
    training: Sequence[Mapping[str, Any]] = ()  # rows of metrics.jsonl
    twin: Sequence[TwinEpisode] = ()
    facts: Mapping[str, str] = field(default_factory=dict)  # hashes, commit, versions, machine

    def all_sweeps(self) -> Mapping[str, SweepResult]:
        """Those to show, by the policy's name."""
        return self.sweeps or ({self.sweep.provenance.policy: self.sweep} if self.sweep else {})


def write(path: Path, report: Report) -> None:
    """Render to a file, which is never there half written."""
    write_page(path, render(report))


def render(report: Report) -> str:
    """The page."""
    charts: dict[str, Chart] = {}
    body = "".join(
        (
            _header(report),
            _grid(report.media[1:]),
            sections(report.all_sweeps(), report.pairs, charts),
            _twin(report.twin, charts),
            _training(report.training, charts),
            _growth(report.training, report.declared, charts),
            _card(report.card),
            _facts(report),
        )
    )
    return page(escape(report.title), body, charts)


def _header(report: Report) -> str:
    """Title, then the first picture or video beside the headlines."""
    tiles = "".join(_tile(headline) for headline in report.headlines)
    numbers = "".join(f"<div><span>{escape(k)}</span>{escape(v)}</div>" for k, v in report.numbers.items())
    told = (f'<div class="tiles">{tiles}</div>\n' if tiles else "") + (
        f'<div class="card numbers">{numbers}</div>\n' if numbers else ""
    )
    shown = "".join(figure(media) for media in report.media[:1])
    return (
        f'<header>\n<div class="eyebrow">Ashore robustness report</div>\n<h1>{escape(report.title)}</h1>\n'
        + (f'<p class="lead">{escape(report.subtitle)}</p>\n' if report.subtitle else "")
        + (f'<div class="hero">{shown}<div>{told}</div></div>\n' if shown else told)
        + (f"<pre>{escape(report.command)}</pre>\n" if report.command else "")
        + "</header>\n"
    )


def _tile(headline: Headline) -> str:
    low, high = headline.interval or clopper_pearson(headline.successes, headline.episodes)
    rate = headline.successes / headline.episodes
    interval = f'<i class="interval" style="left:{low:.2%};width:{high - low:.2%}"></i>'
    bar = f'<div class="bar"><i class="track"></i>{interval}<i class="tick sea" style="left:{rate:.2%}"></i></div>'
    return (
        f'<div class="card tile"><div class="label">{escape(headline.label)}</div>'
        f'<div class="value">{100 * rate:.1f}<small>%</small></div>{bar}'
        f'<div class="note">{headline.successes} of {headline.episodes} episodes; '
        f"{CONFIDENCE:.0%} interval {low:.1%} to {high:.1%}</div></div>\n"
    )


def _grid(media: Sequence[Media]) -> str:
    shown = "".join(figure(m) for m in media)
    return f'<div class="grid">{shown}</div>\n' if shown else ""


def _twin(episodes: Sequence[TwinEpisode], charts: dict[str, Chart]) -> str:
    if not episodes:
        return ""
    squares = "".join(tables.square(k, e.success, e.seconds, e.note) for k, e in enumerate(episodes, start=1))
    seconds = [e.seconds for e in episodes if e.success and e.seconds is not None]
    done = sum(e.success for e in episodes)
    times = f"; median time to success {median(seconds):.2f} s" if seconds else ""
    content = (
        '<figure class="card"><figcaption>Episode by episode</figcaption>'
        f'<div class="strip">{squares}</div>'
        f'<p class="how">{done} succeeded, {len(episodes) - done} failed{times}</p></figure>\n'
    )
    if seconds:
        content += chart_card(charts, completion_chart(seconds, len(episodes)), "Done within a time")
    how = (
        "The exported file drove a twin, a simulated robot in a process of its own, over ROS 2 messages in real time. "
        "Every episode was another world, which the policy was not told."
    )
    return section("Through the twin", how, f'<div class="grid">{content}</div>\n')


def _training(rows: Sequence[Mapping[str, Any]], charts: dict[str, Chart]) -> str:
    figures = "".join(chart_card(charts, chart, title) for title, chart in training_charts(rows))
    grid = f'<div class="grid">{figures}</div>\n'
    return section("Training", "Over control steps, all worlds together.", grid) if figures else ""


def _growth(rows: Sequence[Mapping[str, Any]], declared: Sequence[Dimension], charts: dict[str, Chart]) -> str:
    chart = growth_chart(rows, declared)
    if chart is None:
        return ""
    how = "The range of worlds that training showed, over control steps. Shaded: as declared; dotted: nominal."
    return section("Ranges growing", how, chart_card(charts, chart, "One row a parameter"))


def _card(dims: Sequence[Dimension]) -> str:
    how = "Every parameter that differs from world to world, and the range this policy was trained on."
    return section("Randomization card", how, tables.card(dims)) if dims else ""


def _facts(report: Report) -> str:
    facts = dict(report.facts)
    sweeps = report.all_sweeps()
    for sweep in list(sweeps.values())[:1]:
        named = sweep.provenance.model_dump(
            exclude={"seeds"} if len(sweeps) == 1 else {"seeds", "policy", "policy_sha256"}
        )
        facts |= {f"sweep {key.replace('_', ' ')}": value for key, value in named.items() if value}
        if sweep.provenance.seeds:
            facts["sweep seeds"] = ", ".join(map(str, sweep.provenance.seeds))
    if len(sweeps) > 1:
        facts |= {f"policy {name}, sha256": sweep.provenance.policy_sha256 for name, sweep in sweeps.items()}
    return section("To make it again", "What was run, on what.", tables.facts(facts)) if facts else ""

"""A report needs no network, lets no markup through, and shows what it was given."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ashore.configs.space import Dimension
from ashore.randomization.robustness.curve import Curve, Point
from ashore.randomization.robustness.growth import growth_chart
from ashore.randomization.robustness.heatmap import Axis, Cell, HeatMap
from ashore.randomization.robustness.joint import JointRange, JointTest, Rank, Tail
from ashore.randomization.robustness.page import Media
from ashore.randomization.robustness.paired import Paired
from ashore.randomization.robustness.report import Headline, Report, TwinEpisode, render, write
from ashore.randomization.robustness.sweep import Provenance, SweepResult

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
PNG = b"\x89PNG\r\n\x1a\n"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00"


def dims(name: str = "link_mass", unit: str = "kg") -> tuple[Dimension, ...]:
    facts: dict[str, Any] = {"group": name, "unit": unit, "nominal": 1, "low": 0.5, "high": 2, "widest": (0.25, 4)}
    return tuple(Dimension(name=f"{name}[{k}]", distribution="log", **facts) for k in range(3))


def sweep_result(name: str = "link_mass", unit: str = "kg") -> SweepResult:
    points = tuple(
        Point(value=v, episodes=64, successes=s, success=s / 64, interval=(max(0, s / 64 - 0.1), 1), mean_return=1.0)
        for v, s in ((0.25, 64), (1.0, 64), (4.0, 0))
    )
    span: dict[str, Any] = {"nominal": 1, "low": 0.5, "high": 2, "distribution": "log"}
    curve = Curve(group=name, unit=unit, members=tuple(d.name for d in dims(name)), points=points, **span)
    return SweepResult(target=0.8, curves=(curve,), provenance=Provenance(command=EVIL, seeds=(3,)))


def examined(text: str) -> SweepResult:
    """A sweep with a map and a joint test, in whose names the text stands."""
    axis: dict[str, Any] = {"group": text, "unit": text, "distribution": "linear", "nominal": 1, "low": 0.5, "high": 2}
    cells = tuple(Cell.counted(a, b, 32, 32 - 8 * k) for k, (a, b) in enumerate((a, b) for a in (0, 1) for b in (1, 2)))
    grid = HeatMap(first=Axis(values=(0, 1), **axis), second=Axis(values=(1, 2), **axis), cells=cells)
    ends = {f"{name}_interval": (1.0, 3.0) for name in ("mean", "percentile", "cvar")}
    tail = Tail(name=text, better="high", episodes=64, mean=2.0, percentile=1.5, cvar=1.25, **ends)
    rank = Rank(group=text, members=2, success=0.3, success_chance=0.05, returns=0.1, returns_chance=0.05)
    joint = JointTest(
        within="declared",
        worlds=64,
        repeats=1,
        successes=48,
        success=0.75,
        interval=(0.6, 0.85),
        mastered=48,
        coverage=0.75,
        coverage_interval=(0.6, 0.85),
        scores=(tail,),
        ranking=(rank,),
        ranges=(JointRange(group=text, unit=text, low=0, high=1),),
    )
    return sweep_result(text, text).model_copy(update={"maps": (grid,), "joint": joint})


def pair(text: str) -> Paired:
    return Paired(
        first=text,
        second=text,
        episodes=64,
        only_first=5,
        only_second=1,
        difference=0.0625,
        difference_interval=(0.0, 0.125),
        p_value=0.21875,
        better_where_unlike=5 / 6,
        better_where_unlike_interval=(0.36, 0.99),
        better_return=0.5,
        better_return_interval=(0.4, 0.6),
    )


def several(text: str = "plain") -> Report:
    """Two policies beside each other."""
    return Report(title=text, sweeps={text: examined(text), text + "2": examined(text)}, pairs=[pair(text)])


def whole(text: str = "plain") -> Report:
    return Report(
        title=text,
        subtitle=text,
        headlines=[Headline(label=text, successes=9, episodes=10)],
        numbers={text: text},
        command=text,
        media=[Media(caption=text, data=MP4), Media(caption=text, data=PNG)],
        sweep=examined(text),
        card=dims(text, text),
        training=[{"steps": 1, "eval/success": 0.5, "time/steps_per_second": None}, {"steps": 2, "eval/success": 1.0}],
        twin=[TwinEpisode(success=True, seconds=1.25), TwinEpisode(success=False, note=text)],
        facts={text: text},
    )


def without_plotly(page: str) -> str:
    scripts = re.findall(r"<script>.*?</script>", page, flags=re.S)
    assert len(scripts) == 2  # the drawing library, once, and what starts it
    return page.replace(scripts[0], "")


def test_nothing_is_fetched_when_a_report_is_viewed() -> None:
    page = without_plotly(render(whole()))
    fetched = re.findall(r"""(?:src|href|action)\s*=\s*["']?(\S{5})""", page)
    assert fetched == ["data:", "data:"]
    assert not re.search(r"url\(|@import|https?://", page)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith(
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-"
    )


@pytest.mark.parametrize("report", [whole, several])
def test_no_markup_of_a_file_reaches_the_page(report: Callable[[str], Report]) -> None:
    page = without_plotly(render(report(EVIL)))
    assert EVIL not in page
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in page


def test_text_inside_a_figure_is_escaped_for_plotly_and_cannot_end_its_script() -> None:
    page = without_plotly(render(whole(EVIL)))
    data = re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, flags=re.S)
    assert data is not None
    assert "<" not in data[1]
    charts = json.loads(data[1])
    for chart in charts.values():
        assert "<script" not in json.dumps(chart)
    titles = [
        chart["layout"]["xaxis"]["title"]["text"] for chart in charts.values() if "title" in chart["layout"]["xaxis"]
    ]
    title = next(text for text in titles if "script" in text)
    assert "&lt;script&gt;" in title
    assert "<" not in title


def test_every_part_is_there_and_an_empty_report_has_none() -> None:
    page = render(whole())
    for part in (
        "Success when reality differs",
        "Margins",
        "Through the twin",
        "Training",
        "Randomization card",
        "again",
    ):
        assert part in page
    assert "9 of 10 episodes; 95% interval 55.5% to 99.7%" in page
    assert "1 succeeded, 1 failed; median time to success 1.25 s" in page
    assert "&times; 3" in page
    bare = render(Report(title="bare"))
    assert "<h2>" not in bare
    assert "script-src 'none'" in bare
    assert len(bare) < 20_000


def test_a_sweep_reaches_its_figure_unchanged() -> None:
    data = re.search(r'id="charts">(.*?)</script>', render(Report(title="t", sweep=sweep_result())), flags=re.S)
    assert data is not None
    band, line = json.loads(data[1])["chart0"]["data"][:2]
    assert (line["x"], line["y"]) == ([0.25, 1.0, 4.0], [1.0, 1.0, 0.0])
    assert band["x"] == [0.25, 1.0, 4.0, 4.0, 1.0, 0.25]
    assert band["y"] == [1, 1, 1, 0.0, 0.9, 0.9]


def test_policies_beside_each_other_differ_in_dash_and_mark_as_in_colour() -> None:
    page = render(several())
    for part in (
        "plain against plain",
        "5 and 1 of 64",
        "+6.2% [+0.0%, +12.5%]",
        "Two at a time",
        "Over the whole space",
    ):
        assert part in page
    data = re.search(r'id="charts">(.*?)</script>', page, flags=re.S)
    assert data is not None
    lines = next(c["data"] for c in json.loads(data[1]).values() if len(c["data"]) == 4)[1::2]
    looks = [(line["line"]["color"], line["line"]["dash"], line["marker"]["symbol"]) for line in lines]
    assert looks == [("var(--sea)", "solid", "circle"), ("var(--coral)", "dash", "square")]
    assert "\u25cf" in page and "\u25a0" in page, "the same marks in the legend"


def test_what_is_neither_picture_nor_video_is_refused() -> None:
    with pytest.raises(
        ValueError, match="allowed: image/png, image/gif, image/jpeg, image/webp, video/mp4, video/webm"
    ):
        render(Report(title="t", media=[Media(caption="c", data=b"<svg onload=alert(1)>")]))


def test_a_video_is_played_from_the_page_itself() -> None:
    page = render(Report(title="t", media=[Media(caption="c", data=MP4)]))
    assert f'<video aria-label="c" src="data:video/mp4;base64,{base64.b64encode(MP4).decode()}"' in page
    assert "playsinline" in page and "<img" not in page


def test_every_colour_of_the_figures_has_a_light_and_a_dark_value() -> None:
    page = render(whole())
    style = page[page.index("<style>") : page.index("</style>")]
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    dark = dark[: dark.index("* {")]
    named = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", part)) for part in (light, dark)]
    assert named[0].keys() == named[1].keys()
    data = re.search(r'id="charts">(.*?)</script>', page, flags=re.S)
    assert data is not None
    used = set(re.findall(r"var\(--(\w+)\)", data[1]))
    assert {"ink", "sea", "sand", "coral", "paper"} <= used <= named[0].keys()
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgba\((?!0,0,0,0\))", data[1]), "a colour that does not turn dark"
    assert set(re.findall(r"var\(--(\w+)\)", page.replace(style, ""))) <= named[0].keys()


def test_rows_fold_with_a_label_at_every_number() -> None:
    page = render(whole())
    table = page[page.index("<h2>Margins") : page.index("<h2>Through the twin")]
    cells = re.findall(r"<td([^>]*)>", table)
    unnamed = [c for c in cells if "data-label" not in c and "name" not in c and "wide" not in c]
    assert not unnamed
    assert 'data-label="headroom"' in table


def test_a_page_is_little_more_than_its_parts_and_the_drawing_library(tmp_path: Path) -> None:
    from plotly.offline import get_plotlyjs

    write(tmp_path / "report.html", whole())
    assert (tmp_path / "report.html").stat().st_size < len(get_plotlyjs().encode()) + 60_000


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    write(tmp_path / "new" / "report.html", whole())
    assert (tmp_path / "new" / "report.html").read_text() == render(whole())
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["report.html"]


def grown(*highs: float) -> list[dict[str, Any]]:
    """Rows of metrics in which one of three members grows."""
    rows: list[dict[str, Any]] = [{"steps": 5}]
    for k, high in enumerate(highs):
        ends = {f"randomization/{end}/{d.name}": 1.0 for d in dims() for end in ("low", "high")}
        rows.append({"steps": 10 * k} | ends | {"randomization/high/link_mass[1]": high})
    return rows


def test_ranges_that_grow_are_drawn_a_row_a_parameter_and_those_that_do_not_are_left_out() -> None:
    other = Dimension(
        name="gravity",
        group="gravity",
        unit="m/s^2",
        nominal=-9.8,
        low=-9.9,
        high=-9.7,
        widest=(-10, -9),
        distribution="linear",
    )
    rows = [
        row | ({"randomization/low/gravity": -9.8, "randomization/high/gravity": -9.8} if len(row) > 1 else {})
        for row in grown(1.0, 1.5, 3.0)
    ]
    chart = growth_chart(rows, (*dims(), other))
    assert chart is not None
    bands = [trace for trace in chart["data"] if trace.get("fill")]
    assert [trace["y"] for trace in bands] == [[1.0] * 3, [1.0, 1.5, 3.0], [1.0] * 3, [-9.8] * 3]
    assert {trace["yaxis"] for trace in bands} == {"y", "y2"} and bands[1]["x"] == [0, 10, 20]
    low, high = chart["layout"]["yaxis"]["range"]
    assert 10**low < 0.5 and 10**high > 3.0, "what was declared and what was reached"
    page = render(Report(title="x", training=rows, declared=(*dims(), other)))
    assert "Ranges growing" in page and "link mass" in page
    assert growth_chart(grown(1.0, 1.0), dims()) is None
    assert growth_chart(rows[:1], dims()) is None
    assert "Ranges growing" not in render(Report(title="x", training=grown(1.0, 1.0), declared=dims()))

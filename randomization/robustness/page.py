"""The shell of a report's page: one file with its style, scripts and media, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from ashore.configs.whole_file import whole_file
from ashore.randomization.robustness.charts import Chart

MEDIA_TYPES = {  # by a file's first bytes: (where they begin, what they are)
    "image/png": (0, b"\x89PNG"),
    "image/gif": (0, b"GIF8"),
    "image/jpeg": (0, b"\xff\xd8\xff"),
    "image/webp": (0, b"RIFF"),
    "video/mp4": (4, b"ftyp"),
    "video/webm": (0, b"\x1aE\xdf\xa3"),
}


@dataclass(frozen=True, kw_only=True)
class Media:
    """A picture's or a video's bytes: PNG, GIF, JPEG, WebP, MP4 or WebM."""

    caption: str
    data: bytes


def page(title: str, body: str, charts: Mapping[str, Chart]) -> str:
    """The whole file. title and body: HTML; charts: a figure for each id in the body."""
    scripts = _scripts() if charts else ()
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    policy = f"default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src {allowed}"
    data = json.dumps(charts, allow_nan=False).replace("<", "\\u003c")
    style = _beside("report.css")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<style>\n{style}</style>\n</head>\n'
        f"<body>\n<main>\n{body}</main>\n"
        f'<script type="application/json" id="charts">{data}</script>\n'
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def section(title: str, how: str, content: str) -> str:
    """A heading, a sentence that says how to read it, and HTML."""
    return f'<section>\n<h2>{title}</h2>\n<p class="how">{how}</p>\n{content}</section>\n'


def chart_card(charts: dict[str, Chart], chart: Chart, caption: str) -> str:
    """A place for a figure, which is added to `charts`; caption: HTML."""
    name = f"chart{len(charts)}"
    charts[name] = chart
    height = f"height:{chart['layout']['height']}px"
    return (
        f'<figure class="card"><figcaption>{caption}</figcaption>'
        f'<div class="chart" style="{height}" id="{name}"></div></figure>\n'
    )


def write_page(path: Path, text: str) -> None:
    """Write a page's file, which is never there half written."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def _scripts() -> tuple[str, str]:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs().replace("</script", "<\\/script"), _beside("report.js")


def _beside(name: str) -> str:
    return files("ashore.randomization.robustness").joinpath(name).read_text(encoding="utf-8")


def figure(media: Media) -> str:
    """It and its caption, as HTML."""
    kind = _media_type(media.data)
    source, caption = f"data:{kind};base64,{base64.b64encode(media.data).decode()}", escape(media.caption)
    video = f'<video aria-label="{caption}" src="{source}" autoplay loop muted playsinline controls></video>'
    picture = video if kind.startswith("video/") else f'<img alt="{caption}" src="{source}">'
    return f'<figure class="card picture">{picture}<figcaption>{caption}</figcaption></figure>\n'


def _media_type(data: bytes) -> str:
    for kind, (at, magic) in MEDIA_TYPES.items():
        if data[at : at + len(magic)] == magic:
            return kind
    raise ValueError(f"media that starts with {data[:8]!r}; allowed: {', '.join(MEDIA_TYPES)}")

"""Small figures of success rates and other shares, as SVG."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
EDGE, TOP = 42, 30
COLOURS = ("#0b6e8f", "#d1495b", "#7a8b2f", "#8a5fa8", "#c98a1b")
PERCENT = tuple((share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0))
_TEXT = 'font-family="system-ui,sans-serif" font-size="11" fill="#1b2733"'


class Chart:
    """Success from 0 to 100 % upwards, or what `marks` say of shares of the height, with a title; `out` are its elements."""

    def __init__(self, width: int, height: int, title: str, marks: Sequence[tuple[float, str]] = PERCENT) -> None:
        self.width, self.height = width, height
        self.right, self.bottom = width - 14, height - EDGE
        self.out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
        ]
        self.text(EDGE, 18, title, 'font-weight="600"')
        for share, label in marks:
            self.out.append(
                f'<line x1="{EDGE:.1f}" x2="{self.right}" y1="{self.y(share)}" y2="{self.y(share)}" stroke="#e3e8ec"/>'
            )
            self.text(EDGE - 6, float(self.y(share)) + 4, label, 'text-anchor="end"')

    def y(self, success: float) -> str:
        return f"{self.bottom - success * (self.bottom - TOP):.1f}"

    def text(self, x: float, y: float, words: str, style: str = "") -> None:
        self.out.append(f'<text x="{x:g}" y="{y:g}" {_TEXT} {style}>{html.escape(words)}</text>')

    def done(self) -> str:
        return "\n".join([*self.out, "</svg>", ""])


def coloured(rows: Iterable[T]) -> Iterable[tuple[T, str]]:
    """Each with its colour, over again where there are more than colours."""
    return zip(rows, itertools.cycle(COLOURS), strict=False)

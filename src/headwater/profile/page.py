"""A self-contained HTML page: shell, style, tables and charts as inline SVG. Works offline, light and dark.

Reports of profiles and of checks are built from these pieces, so that they look alike. Every text that
comes from data goes through `escape`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape as _escape
from importlib.resources import files
from typing import Literal

from headwater.core.text import CONTROLS

__all__ = [
    "badge",
    "bars",
    "card",
    "details",
    "escape",
    "figures",
    "heatmap",
    "horizontal_bars",
    "number",
    "page",
    "range_dot",
    "score_ring",
    "svg",
    "table",
]

Align = Literal["left", "right"]


def escape(value: object) -> str:
    """Return text as HTML, quotes included; control characters, which HTML forbids, are made visible."""
    return _escape(str(value).translate(CONTROLS), quote=True)


def page(title: str, *, lead: str, body: Iterable[str], footer: str = "") -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Plain text.
    lead : str
        HTML below the title.
    body : iterable of str
        HTML of the sections.
    footer : str
        HTML at the end.

    Returns
    -------
    str
        One HTML document that refers to nothing outside it.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{lead}{''.join(body)}<footer>{footer}</footer></main></body></html>\n"
    )


def card(content: str, *, tone: str = "") -> str:
    """Return a box; ``tone`` is an outcome that colours its edge."""
    return f'<div class="card {escape(tone)}">{content}</div>'


def badge(outcome: str) -> str:
    """Return an outcome as a coloured label."""
    return f'<span class="badge {escape(outcome)}">{escape(outcome)}</span>'


def details(summary: str, content: str, *, is_open: bool = False) -> str:
    """Return content that opens on a click; ``summary`` is plain text."""
    return f"<details{' open' if is_open else ''}><summary>{escape(summary)}</summary>{content}</details>"


def figures(items: Sequence[tuple[str, str]]) -> str:
    """Return large figures in a row, each with what it counts; both plain text."""
    cells = "".join(
        f'<div class="figure"><b>{escape(v)}</b><span class="soft small">{escape(k)}</span></div>'
        for k, v in items
    )
    return f'<div class="row">{cells}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, align: Sequence[Align] = ()) -> str:
    """Return a table; titles are plain text, cells are HTML."""
    classes = [' class="right"' if side == "right" else "" for side in align] + [""] * len(head)
    titles = "".join(f'<th scope="col"{c}>{escape(t)}</th>' for t, c in zip(head, classes, strict=False))
    lines = "".join(
        "<tr>" + "".join(f"<td{c}>{cell}</td>" for cell, c in zip(row, classes, strict=False)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>'


def number(value: float | None, digits: int = 4) -> str:
    """Return a number for people: separators in whole ones, ``digits`` significant ones in others."""
    if value is None or not math.isfinite(value):
        return "–" if value is None else str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.{digits - 1}e}"


def bars(
    counts: Sequence[float], edges: Sequence[str], *, label: str, width: int = 300, height: int = 84
) -> str:
    """Return a histogram.

    Parameters
    ----------
    counts : sequence of float
        Height of each bar.
    edges : sequence of str
        Text of each bar, shown when it is pointed at; the first and last stand below the axis.
    label : str
        What it shows, for those who cannot see it.
    width, height : int
        Size in pixels.

    Returns
    -------
    str
        An SVG picture; empty without bars.
    """
    top = max(counts, default=0)
    if not counts or top <= 0:
        return ""
    base, step = height - 16, width / len(counts)
    shapes = []
    for position, (count, text) in enumerate(zip(counts, edges, strict=True)):
        tall = max(count / top * (base - 2), 1.0 if count else 0.0)
        shapes.append(
            f'<rect class="bar" x="{position * step:.2f}" y="{base - tall:.2f}" width="{max(step - 1, 0.6):.2f}" '
            f'height="{tall:.2f}"><title>{escape(text)}: {number(count)}</title></rect>'
        )
    shapes.append(f'<line class="axis" x1="0" x2="{width}" y1="{base}" y2="{base}"/>')
    shapes.append(f'<text x="0" y="{height - 3}">{escape(_short(edges[0]))}</text>')
    if len(edges) > 1:
        shapes.append(
            f'<text x="{width}" y="{height - 3}" text-anchor="end">{escape(_short(edges[-1]))}</text>'
        )
    return svg(width, height, label, shapes)


def horizontal_bars(items: Sequence[tuple[str, float]], *, total: float, label: str, width: int = 300) -> str:
    """Return a bar a value, with its name, its count and its share of ``total``."""
    top = max((count for _, count in items), default=0)
    if top <= 0:
        return ""
    shapes = []
    for line, (name, count) in enumerate(items):
        y = line * 21
        share = f"{count / total:.1%}" if total else ""
        shapes.append(
            f'<rect class="rest" x="0" y="{y + 2}" width="{max(count / top * width, 1):.1f}" height="17" rx="3">'
            f"<title>{escape(name)}: {number(count)}</title></rect>"
            f'<text x="5" y="{y + 15}" style="fill:var(--ink)">{escape(_short(name, 30))}</text>'
            f'<text x="{width - 4}" y="{y + 15}" text-anchor="end">{number(count)} · {share}</text>'
        )
    return svg(width, len(items) * 21 + 2, label, shapes)


def range_dot(
    value: float, low: float, high: float, *, threshold: float | None = None, label: str, width: int = 240
) -> str:
    """Return a value with its interval, and the threshold it is held against, on one line."""
    marks = [value, low, high] + ([threshold] if threshold is not None else [])
    start, stop = min(marks), max(marks)
    margin = (stop - start) * 0.08 or abs(stop) * 0.1 or 1.0
    start, stop = start - margin, stop + margin

    def place(mark: float) -> str:
        return f"{(mark - start) / (stop - start) * width:.1f}"

    shapes = [
        f'<line class="mark" x1="{place(low)}" x2="{place(high)}" y1="9" y2="9" stroke-width="3"/>',
        f'<circle class="bar" cx="{place(value)}" cy="9" r="5"><title>{number(value)}</title></circle>',
    ]
    if threshold is not None:
        shapes.append(
            f'<line class="limit" x1="{place(threshold)}" x2="{place(threshold)}" y1="0" y2="18" stroke-width="1.5">'
            f"<title>threshold {number(threshold)}</title></line>"
        )
    return svg(width, 18, label, shapes)


def heatmap(
    values: Sequence[Sequence[float | None]], names: Sequence[str], *, label: str, cell: int = 26
) -> str:
    """Return a square matrix of values from -1 to 1, the stronger the darker; hue says the sign."""
    left = 8 + max((min(len(name), 16) for name in names), default=0) * 6.5
    size = len(names) * cell
    shapes = []
    for i, name in enumerate(names):
        y = i * cell + cell * 0.62
        shapes.append(
            f'<text x="{left - 6:.0f}" y="{y:.0f}" text-anchor="end">{escape(_short(name, 16))}</text>'
        )
        for j, other in enumerate(names):
            value = values[i][j]
            strength = 0.0 if value is None or not math.isfinite(value) else min(abs(value), 1.0)
            hue = "var(--accent)" if (value or 0) >= 0 else "var(--fail)"
            shapes.append(
                f'<rect x="{left + j * cell:.0f}" y="{i * cell}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                f'style="fill:{hue};opacity:{0.08 + 0.92 * strength:.2f}">'
                f"<title>{escape(name)} and {escape(other)}: {number(value, 2)}</title></rect>"
            )
    return svg(int(left + size), size, label, shapes)


def score_ring(score: float, *, label: str, size: int = 68) -> str:
    """Return a score from 0 to 100 as a ring."""
    radius = size / 2 - 6
    around = 2 * math.pi * radius
    middle = size / 2
    tone = "pass" if score >= 90 else "warn" if score >= 70 else "fail"
    ring = f'cx="{middle}" cy="{middle}" r="{radius}" fill="none" stroke-width="6"'
    drawn = f'stroke-dasharray="{around * score / 100:.1f} {around:.1f}" stroke-linecap="round"'
    turned = f'transform="rotate(-90 {middle} {middle})"'
    text = 'text-anchor="middle" style="fill:var(--ink);font-size:15px;font-weight:600"'
    shapes = [
        f'<circle {ring} stroke="var(--line)"/>',
        f'<circle {ring} stroke="var(--{tone})" {drawn} {turned}/>',
        f'<text x="{middle}" y="{middle + 5}" {text}>{score:.0f}</text>',
    ]
    return svg(size, size, f"{label}: {score:.0f} of 100", shapes)


def svg(width: int, height: int, label: str, shapes: Sequence[str]) -> str:
    """Return a picture of shapes; ``label`` says what it shows, for those who cannot see it."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f'<svg role="img" aria-label="{escape(label)}" {size}>{"".join(shapes)}</svg>'


@cache
def _style() -> str:
    return files("headwater.profile").joinpath("page.css").read_text(encoding="utf-8")


def _short(text: str, length: int = 24) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

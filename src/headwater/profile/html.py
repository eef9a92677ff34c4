"""A profile as one self-contained HTML page: charts as inline SVG, no network, no scripts."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from headwater.profile.page import (
    bars,
    card,
    details,
    escape,
    figures,
    heatmap,
    horizontal_bars,
    number,
    page,
    table,
)
from headwater.profile.report import ColumnProfile, Histogram, Profile, TopValue

__all__ = ["to_html"]

_NOTES = {
    "zeros": "zero",
    "negative": "negative",
    "infinite": "infinite",
    "true": "true",
    "empty": "empty",
    "blank": "white space only",
    "padded": "with white space at an end",
}
_SHOWN = 8


def to_html(profile: Profile, *, title: str | None = None) -> str:
    """Return the profile as a page.

    Parameters
    ----------
    profile : Profile
        The profile.
    title : str, optional
        The dataset's name by default.

    Returns
    -------
    str
        One HTML document that refers to nothing outside it.
    """
    where = f" <code>{escape(profile.ref[:12])}</code>" if profile.ref else ""
    key = escape(", ".join(profile.key)) if profile.key else "none (rows are told apart by their content)"
    lead = f'<p class="soft">{profile.rows:,} rows{where}, key: {key}</p>'
    missing = sum(one.missing for one in profile.columns)
    cells = profile.rows * len(profile.columns)
    body = [
        card(
            figures(
                [
                    ("rows", f"{profile.rows:,}"),
                    ("columns", f"{len(profile.columns):,}"),
                    ("cells missing", _percent(missing, cells)),
                    ("columns with missing values", f"{sum(one.missing > 0 for one in profile.columns):,}"),
                ]
            )
        ),
        _label(profile),
        "<h2>Columns</h2>",
        card(_overview(profile)),
        f'<div class="grid">{"".join(_column(*item) for item in enumerate(profile.columns))}</div>',
        _correlations(profile),
    ]
    return page(title or f"Profile of {profile.dataset}", lead=lead, body=body, footer="Made by Headwater.")


def _label(profile: Profile) -> str:
    if profile.label is None or not profile.classes:
        return ""
    items = [(_text(one.value), float(one.count)) for one in profile.classes]
    chart = horizontal_bars(items, total=profile.rows, label=f"Rows by class of {profile.label}", width=460)
    return f"<h2>Label <code>{escape(profile.label)}</code></h2>{card(chart)}"


def _overview(profile: Profile) -> str:
    rows = [
        (
            f'<a href="#column-{place}">{escape(one.name)}</a>',
            f"<code>{escape(one.type)}</code>",
            _percent(one.missing, one.rows),
            _distinct(one),
            escape(_range(one)),
        )
        for place, one in enumerate(profile.columns)
    ]
    head = ["column", "type", "missing", "distinct", "from – to"]
    return table(head, rows, align=["left", "left", "right", "right", "left"])


def _column(place: int, one: ColumnProfile) -> str:
    facts = [f"<code>{escape(one.type)}</code>", f"{_distinct(one)} distinct"]
    if one.missing:
        facts.append(f"{one.missing:,} missing ({_percent(one.missing, one.rows)})")
    facts += [f"{one.counts[key]:,} {word}" for key, word in _NOTES.items() if one.counts.get(key)]
    return card(
        f'<h3 id="column-{place}">{escape(one.name)}</h3>'
        f'<p class="small soft">{" · ".join(facts)}</p>{_chart(one)}{_numbers(one)}{_texts(one)}{_top(one)}'
    )


def _chart(one: ColumnProfile) -> str:
    if one.histogram is None:
        return ""
    drawn = bars(one.histogram.counts, _bins(one.histogram), label=f"Histogram of {one.name}")
    beyond = one.histogram.below + one.histogram.above
    return drawn + (f'<p class="small soft">{beyond:,} values lie beyond the chart.</p>' if beyond else "")


def _bins(histogram: Histogram) -> list[str]:
    edges = histogram.edges
    steps = {round(b - a, 9) for a, b in pairwise(edges)} if isinstance(edges[0], float) else set()
    if steps == {1.0} and edges[0] % 1 == 0.5:
        return [number(edge + 0.5) for edge in edges[:-1]]
    return [f"{_text(low)} to {_text(high)}" for low, high in pairwise(edges)]


def _numbers(one: ColumnProfile) -> str:
    if not one.quantiles:
        return ""
    rows = [("minimum", _text(one.minimum))]
    rows += [(f"{float(share):.0%}", _text(value)) for share, value in one.quantiles.items()]
    rows.append(("maximum", _text(one.maximum)))
    if one.mean is not None:
        rows.append(("mean", number(one.mean)))
        rows.append(("standard deviation", number(one.std)))
    cells = [(escape(name), escape(value)) for name, value in rows]
    middle = _text(one.quantiles["0.5"])
    return details(
        f"median {middle}, from {_text(one.minimum)} to {_text(one.maximum)}", table(["", ""], cells)
    )


def _texts(one: ColumnProfile) -> str:
    parts = []
    if one.lengths:
        low, middle, high = (number(one.lengths[name]) for name in ("minimum", "median", "maximum"))
        parts.append(f"lengths {low} to {high}, median {middle}")
    parts += [f"{share:.0%} {escape(name)}" for name, share in one.formats.items()]
    text = f'<p class="small soft">{" · ".join(parts)}</p>' if parts else ""
    if not one.shapes:
        return text
    rows = [(f"<code>{escape(shape)}</code>", escape(example)) for shape, _, example in one.shapes]
    return text + details("what texts look like", table(["shape", "for example"], rows))


def _top(one: ColumnProfile) -> str:
    there = one.rows - one.missing
    if one.histogram is not None and one.distinct > _SHOWN:
        return ""
    shown = [value for value in one.top if value.count > 1 or one.distinct <= _SHOWN][:_SHOWN]
    items = [(_value(value), float(value.count)) for value in shown]
    return horizontal_bars(items, total=there, label=f"Most frequent values of {one.name}")


def _correlations(profile: Profile) -> str:
    pairs = [pair for pair in profile.strongest(8) if abs(pair[2]) >= 0.1]
    if len(profile.correlated) < 2 or not pairs:
        return ""
    rows = [(escape(a), escape(b), f"{value:+.2f}") for a, b, value in pairs]
    drawn = heatmap(profile.correlations, profile.correlated, label="Correlations of the numeric columns")
    strongest = table(["column", "column", "correlation"], rows, align=["left", "left", "right"])
    return f'<h2>Correlations</h2>{card(f"""<div class="scroll">{drawn}</div>""")}{card(strongest)}'


def _distinct(one: ColumnProfile) -> str:
    return f"{'' if one.distinct_is_exact else 'about '}{one.distinct:,.0f}"


def _range(one: ColumnProfile) -> str:
    if one.minimum is not None:
        return f"{_text(one.minimum)} – {_text(one.maximum)}"
    return ", ".join(_value(value) for value in one.top[:3] if value.count > 1)


def _value(value: TopValue) -> str:
    text = _text(value.value)
    return text if text.strip() else f"“{text}”"


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "missing"}[value]
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if value.time() != time() else f"{value:%Y-%m-%d}"
    if isinstance(value, date | time | timedelta):
        return str(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _percent(part: int, whole: int) -> str:
    if not part or not whole:
        return "0 %"
    share = 100 * part / whole
    return "< 0.1 %" if share < 0.1 else f"{share:.1f} %"

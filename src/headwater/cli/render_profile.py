"""A profile in a terminal: a line for each column with a small histogram or its most frequent values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console, RenderableType
from rich.text import Text

from headwater.cli.render import SHORT
from headwater.cli.tables import cut, plain_table, safe, value_text

if TYPE_CHECKING:
    from headwater.profile.report import ColumnProfile, Profile, TopValue

__all__ = ["draw_profile", "share_text", "sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_BARS = 12
_NAME = 24
_TYPE = 14
_VALUE = 18
_CLASSES = 10
_BAR = 30
_STRONG = 0.5
_COUNTED = {"empty": "empty", "blank": "blank", "padded": "padded with white space", "infinite": "infinite"}


def draw_profile(out: Console, profile: Profile) -> None:
    """Draw a profile.

    Parameters
    ----------
    out : Console
        Where to.
    profile : Profile
        What to draw.
    """
    where = f" at {profile.ref[:SHORT]}" if profile.ref else ""
    key = ", ".join(profile.key) or "content"
    counts = f"{where}: {profile.rows:,} rows, {len(profile.columns):,} columns, key {safe(key)}"
    out.print(Text.assemble((safe(profile.dataset), "bold"), counts))
    out.print()
    name, kind = min(_NAME, out.width // 4), min(_TYPE, out.width // 6)
    rows: list[list[RenderableType]] = [
        [
            Text(cut(safe(column.name), name), style="bold"),
            Text(cut(column.type, kind), style="dim"),
            _missing(column),
            f"{'' if column.distinct_is_exact else '~'}{column.distinct:,.0f}",
            _values(column, profile.rows),
        ]
        for column in profile.columns
    ]
    out.print(
        plain_table(["column", "type", "missing", "distinct", "values"], rows, right=("missing", "distinct"))
    )
    if profile.classes:
        _draw_classes(out, profile)
    strong = [pair for pair in profile.strongest(5) if abs(pair[2]) >= _STRONG]
    if strong:
        out.print()
        pairs = ", ".join(f"{safe(a)} and {safe(b)} {value:+.2f}" for a, b, value in strong)
        out.print(Text.assemble(("Correlated: ", "bold"), pairs))


def sparkline(counts: Sequence[int], width: int = _BARS) -> str:
    """Return counts as a line of small bars, neighbours put together until they fit.

    An empty bar is a blank, so that gaps show; any count shows at least the lowest bar.
    """
    if not counts:
        return ""
    together = math.ceil(len(counts) / width)
    heights = np.add.reduceat(np.asarray(counts, np.float64), np.arange(0, len(counts), together))
    top = heights.max()
    if top <= 0:
        return " " * len(heights)
    steps = np.ceil(heights / top * len(_BLOCKS)).astype(int)
    return "".join(_BLOCKS[step - 1] if step else " " for step in steps)


def share_text(count: float, whole: float) -> str:
    """Return a share as a percentage; a few are never nothing, and nearly all never all."""
    if not whole or not count:
        return "0%"
    share = count / whole
    if share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}".removesuffix(".0") + "%"


def _missing(column: ColumnProfile) -> Text:
    share = column.missing_fraction
    return Text(
        share_text(column.missing, column.rows), style="red" if share > 0.2 else "yellow" if share else "dim"
    )


def _values(column: ColumnProfile, rows: int) -> Text:
    """Return what a column holds in a few words: a histogram with quantiles, or frequent values."""
    if column.rows == column.missing:
        return Text("no values", style="dim")
    if column.histogram is not None and (column.distinct > 2 or not column.top):
        text = Text(sparkline(column.histogram.counts), style="cyan")
        middle = column.quantiles.get("0.5")
        return text.append(
            "  " + " · ".join(_point(value) for value in (column.minimum, middle, column.maximum)),
            style="not cyan",
        )
    if column.top and column.top[0].count > max(1, rows // 1000):
        text = _frequent(column.top, column.rows - column.missing, 3)
    elif column.lengths:
        low, middle, high = (column.lengths[name] for name in ("minimum", "median", "maximum"))
        text = Text(f"length {low:,.0f} · {middle:,.0f} · {high:,.0f}")
    else:
        text = Text("", style="dim")
    notes = [f"{share_text(share, 1)} {name}" for name, share in column.formats.items()]
    notes += [f"{column.counts[name]:,} {word}" for name, word in _COUNTED.items() if column.counts.get(name)]
    return text.append(f"{'; ' if text.plain else ''}{', '.join(notes)}", style="dim") if notes else text


def _frequent(top: Sequence[TopValue], whole: int, number: int) -> Text:
    parts = [
        f"{cut(value_text(one.value).plain, _VALUE)} {share_text(one.count, whole)}" for one in top[:number]
    ]
    return Text(", ".join(parts))


def _point(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 10_000 else f"{value:.4g}"
    return value_text(value).plain


def _draw_classes(out: Console, profile: Profile) -> None:
    out.print()
    whole = sum(one.count for one in profile.classes)
    out.print(Text.assemble(("Label: ", "bold"), (safe(profile.label or ""), "bold cyan")))
    rows: list[list[RenderableType]] = []
    most = max(one.count for one in profile.classes)
    for one in profile.classes[:_CLASSES]:
        bar = "█" * max(1, round(_BAR * one.count / most))
        name = value_text(one.value, _NAME)
        rows.append([name, f"{one.count:,}", share_text(one.count, whole), Text(bar, style="cyan")])
    table = plain_table(["", "rows", "share", " "], rows, right=("rows", "share"))
    table.show_header = False
    out.print(table)
    if len(profile.classes) > _CLASSES:
        out.print(Text(f"… {len(profile.classes) - _CLASSES:,} more classes", style="dim"))

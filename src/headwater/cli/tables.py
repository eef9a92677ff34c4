"""Arrow tables and values as text in a terminal: fitted to its width, safe to print."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from rich import box
from rich.cells import cell_len
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from headwater.core.arrays import to_python
from headwater.core.text import CONTROLS

__all__ = [
    "bytes_text",
    "cut",
    "data_table",
    "fit_widths",
    "grid",
    "plain_table",
    "safe",
    "value_text",
    "when",
]

_CELL = 48
_NARROW = 10
_GAP = 2
_ON_ONE_LINE = CONTROLS | {ord("\n"): "⏎", ord("\r"): "", ord("\t"): " "}


def safe(text: str) -> str:
    """Return text on one line, with control characters (terminal commands among them) made visible."""
    return text.translate(_ON_ONE_LINE)


def value_text(value: Any, width: int | None = None) -> Text:
    """Return one value as text; null is dim, long text is cut to ``width`` characters."""
    if value is None:
        return Text("null", style="dim italic")
    if isinstance(value, float):
        return Text(_number(value))
    if isinstance(value, bytes):
        return Text(f"<{len(value):,} bytes {value[:6].hex()}>")
    if isinstance(value, datetime):
        return Text(value.isoformat(sep=" "))
    text = safe(value if isinstance(value, str) else str(value))
    return Text(cut(text, width) if width else text)


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` cells of the terminal, with an ellipsis where it is cut."""
    if cell_len(text) <= width:
        return text
    line = Text(text)
    line.truncate(width, overflow="ellipsis")
    return line.plain


def when(time: datetime) -> str:
    """Return a time as people read it, in UTC as in ref expressions."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def bytes_text(size_bytes: float) -> str:
    """Return a number of bytes with its unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size_bytes) < 1000:
            return f"{size_bytes:,.0f} {unit}" if unit == "B" else f"{size_bytes:,.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:,.1f} TB"


def plain_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[RenderableType]],
    *,
    right: Sequence[str] = (),
    wraps: str | Sequence[str] | None = None,
) -> Table:
    """Return a table of things Headwater names itself; some columns wrap (by default the last), others stay whole."""
    wrapped = titles[-1:] if wraps is None else [wraps] if isinstance(wraps, str) else wraps
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for title in titles:
        is_wrapped = title in wrapped
        table.add_column(
            title,
            justify="right" if title in right else "left",
            no_wrap=not is_wrapped,
            overflow="fold" if is_wrapped else "ellipsis",
        )
    for row in rows:
        # Names of columns, slices and models may look like markup, and are none.
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def data_table(
    table: pa.Table,
    *,
    width: int,
    first: Sequence[str] = (),
    cell: int = _CELL,
    styles: Sequence[str] = (),
    narrow: int = _NARROW,
    say_rest: bool = True,
) -> RenderableType:
    """Return rows as a table that fits into ``width`` cells.

    Wide columns are narrowed first; columns that still find no room are left out, from the right, and named.

    Parameters
    ----------
    table : pyarrow.Table
        The rows; all are drawn.
    width : int
        Cells of the terminal.
    first : sequence of str
        Columns to put first, such as the key.
    cell : int
        The most cells for one column.
    styles : sequence of str
        A style for each row.
    narrow : int
        Columns that would get fewer cells than this, and want more, are left out.
    say_rest : bool
        Whether to name the columns that are left out.
    """
    names = [name for name in first if name in table.schema.names]
    names += [name for name in table.schema.names if name not in names]
    columns = {name: [value_text(value, cell) for value in to_python(table.column(name))] for name in names}
    wanted = [
        min(cell, max([cell_len(safe(name)), *(text.cell_len for text in columns[name])])) for name in names
    ]
    widths = fit_widths(wanted, width, narrow=narrow)
    out = grid()
    shown = names[: len(widths)]
    for name, size in zip(shown, widths, strict=True):
        justify: JustifyMethod = "right" if _is_number(table.schema.field(name).type) else "left"
        out.add_column(Text(safe(name)), justify=justify, width=size, no_wrap=True)
    for number, row in enumerate(zip(*(columns[name] for name in shown), strict=True)):
        out.add_row(*row, style=styles[number] if styles else None)
    left_out = names[len(widths) :]
    if not left_out or not say_rest:
        return out
    note = Text(
        f"… {len(left_out)} more column(s): {cut(', '.join(map(safe, left_out)), 3 * width)}", style="dim"
    )
    return Group(out, note)


def grid() -> Table:
    """Return an empty table for data, with a line below its titles."""
    padding = (0, _GAP - 1, 0, 0)  # the box itself puts one blank between columns
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=padding, show_edge=False, header_style="bold")


def fit_widths(wanted: Sequence[int], width: int, *, narrow: int = _NARROW) -> list[int]:
    """Return the width of each column that fits; columns without room are missing at the end."""
    count = len(wanted)
    while count > 1 and sum(min(size, narrow) + _GAP for size in wanted[:count]) - _GAP > width:
        count -= 1
    sizes = list(wanted[:count])
    excess = sum(sizes) + _GAP * (count - 1) - width
    while excess > 0:
        widest = max(sizes)
        at = [number for number, size in enumerate(sizes) if size == widest]
        if widest <= 1:
            break
        below = max((size for size in sizes if size < widest), default=1)
        step = max(1, min(widest - below, math.ceil(excess / len(at))))
        for index in at:
            taken = min(step, excess)
            sizes[index] -= taken
            excess -= taken
    return sizes


def _number(value: float) -> str:
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    text = repr(value)
    return text if len(text) <= 10 else f"{value:.7g}"


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

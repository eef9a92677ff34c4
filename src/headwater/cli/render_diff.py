"""A diff in a terminal: counts, changed cells before → after, rows that came and went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from headwater.cli.render import SHORT, change_text
from headwater.cli.tables import cut, data_table, fit_widths, grid, safe, value_text
from headwater.core.arrays import to_python

if TYPE_CHECKING:
    from headwater.versions.diff import Diff
    from headwater.versions.repo import RepoDiff

__all__ = ["changed_cells", "draw_change", "draw_diff", "focus"]

_COUNTED = 200_000
_LEAD = 12


def draw_diff(
    out: Console, found: RepoDiff, diffs: Mapping[str, Diff], *, level: str, limit: int | None
) -> None:
    """Draw what changed between two commits.

    Parameters
    ----------
    out : Console
        Where to.
    found : RepoDiff
        The two commits.
    diffs : mapping
        The datasets to draw.
    level : {"all", "stat", "rows", "cells"}
        How much.
    limit : int, optional
        The most rows of each kind.
    """
    base = found.base[:SHORT] if found.base else "nothing"
    out.print(Text.assemble((base, "yellow"), " → ", (found.head[:SHORT], "yellow")))
    if not diffs:
        out.print("No differences.")
    for change in diffs.values():
        out.print()
        draw_change(out, change, level=level, limit=limit)


def draw_change(out: Console, change: Diff, *, level: str, limit: int | None) -> None:
    """Draw what changed in one dataset; see `draw_diff`."""
    stat = change.stat()
    out.print(change_text(stat), soft_wrap=True)
    if level in ("all", "cells") and stat["changed"]:
        _draw_cells(out, change, stat["changed"], limit)
    if level == "rows":
        _draw_rows(out, change, ("removed", "added", "before", "after"), limit)
    elif level == "all":
        _draw_rows(out, change, ("added",), limit)
        _draw_rows(out, change, ("removed",), limit)


def changed_cells(change: Diff, changed_rows: int, limit: int | None) -> tuple[pa.Table, str, int | None]:
    """Return the cells to show, a sentence on how many there are, and their number where that is cheap to say."""
    if changed_rows > _COUNTED and limit is not None:
        cells = change.cells(limit).slice(0, limit)
        return cells, f"Cells of {changed_rows:,} changed rows", None
    cells = change.cells()
    counts = pc.value_counts(cells.column("_column").combine_chunks()).to_pylist()
    counts.sort(key=lambda item: -item["counts"])
    names = [f"{item['values']} {item['counts']:,}" for item in counts[:6]]
    more = f", {len(counts) - 6} more columns" if len(counts) > 6 else ""
    title = f"{cells.num_rows:,} cells changed: {', '.join(map(safe, names))}{more}"
    return (cells if limit is None else _spread(cells, limit)), title, cells.num_rows


def focus(before: str, after: str, widths: Sequence[int]) -> tuple[str, str]:
    """Return two texts cut to their widths such that the place where they first differ is in sight."""
    if cell_len(before) <= widths[0] and cell_len(after) <= widths[1]:
        return before, after
    start = max(0, _common_start(before, after) - min(_LEAD, min(widths) // 3))
    lead = "…" if start >= 2 else ""
    start = start if lead else 0
    return cut(lead + before[start:], widths[0]), cut(lead + after[start:], widths[1])


def _common_start(before: str, after: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _spread(cells: pa.Table, limit: int) -> pa.Table:
    """Return ``limit`` cells, as many of each column as possible rather than the first column's alone."""
    if cells.num_rows <= limit:
        return cells
    codes = cells.column("_column").combine_chunks().dictionary_encode().indices.to_numpy()
    within = np.zeros(len(codes), np.int64)
    for code in range(int(codes.max()) + 1):
        at = np.flatnonzero(codes == code)
        within[at] = np.arange(len(at))
    return cells.take(pa.array(np.sort(np.argsort(within, kind="stable")[:limit])))


def _draw_cells(out: Console, change: Diff, changed_rows: int, limit: int | None) -> None:
    cells, title, total = changed_cells(change, changed_rows, limit)
    out.print()
    out.print(Text(title, style="bold"))
    names = [name for name in cells.schema.names if name not in ("_before", "_after")]
    left = {name: [value_text(value, 32) for value in to_python(cells.column(name))] for name in names}
    pairs = [
        ("null" if a is None else safe(a), "null" if b is None else safe(b))
        for a, b in zip(cells.column("_before").to_pylist(), cells.column("_after").to_pylist(), strict=True)
    ]
    room = max(out.width - 1, 20)
    wanted = [max([cell_len(_title(name)), *(text.cell_len for text in left[name])]) for name in names]
    wanted += [max([6, *(cell_len(pair[side]) for pair in pairs)]) for side in (0, 1)]
    widths = fit_widths(wanted, room)
    if len(widths) < len(wanted):
        widths = [max(4, room // len(wanted) - 2)] * len(wanted)
    table = grid()
    for name, width in zip([*names, "before", "after"], widths, strict=True):
        table.add_column(Text(_title(name)), width=width, no_wrap=True, overflow="ellipsis")
    for number, (before, after) in enumerate(pairs):
        old, new = focus(before, after, widths[-2:])
        table.add_row(
            *(left[name][number] for name in names), Text(old, style="red"), Text(new, style="green")
        )
    out.print(table)
    _say_rest(out, len(pairs), total)


def _draw_rows(out: Console, change: Diff, kinds: tuple[str, ...], limit: int | None) -> None:
    rows = change.rows(limit)
    rows = rows.filter(pc.is_in(rows.column("_change"), pa.array(kinds)))
    if not rows.num_rows:
        return
    marks = rows.column("_change").to_pylist()
    out.print()
    out.print(Text(f"Rows {kinds[0]}" if len(kinds) == 1 else "Rows", style="bold"))
    signs = pa.array([{"removed": "−", "before": "−"}.get(mark, "+") for mark in marks])
    styles = ["red" if mark in ("removed", "before") else "green" for mark in marks]
    if len(kinds) == 1:
        shown = rows.drop_columns(["_change"])
    else:
        shown = rows.set_column(0, " ", signs)
    key = [name for name in (change.new or change.old).key if name in shown.schema.names]  # type: ignore[union-attr]
    first = [" ", *key] if len(kinds) > 1 else key
    out.print(data_table(shown, width=out.width, first=first, styles=styles))
    stat = change.stat()
    total = sum(stat[kind] for kind in ("added", "removed") if kind in kinds) + 2 * stat["changed"] * (
        "after" in kinds
    )
    _say_rest(out, len(marks), total)


def _say_rest(out: Console, shown: int, total: int | None) -> None:
    if total is None:
        out.print(Text("… and more; --limit 0 shows all", style="dim"))
    elif shown < total:
        out.print(Text(f"… {total - shown:,} more; --limit 0 shows all", style="dim"))


def _title(name: str) -> str:
    return {"_column": "column"}.get(name, safe(name))

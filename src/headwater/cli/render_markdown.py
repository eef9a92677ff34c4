"""Tables and diffs as Markdown, for comments on changes and reports in CI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.cli.tables import cut, safe, value_text
from headwater.core.arrays import to_python

if TYPE_CHECKING:
    from headwater.versions.diff import Diff
    from headwater.versions.repo import RepoDiff

__all__ = ["diff_markdown", "markdown_rows", "markdown_table"]

_CELL = 200


def markdown_rows(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Return a Markdown table of texts."""
    lines = [
        "| " + " | ".join(_escaped(title) for title in titles) + " |",
        "| " + " | ".join("---:" if title in right else "---" for title in titles) + " |",
    ]
    lines += ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def markdown_table(table: pa.Table) -> str:
    """Return all rows of a table as Markdown."""
    names = table.schema.names
    numbers = [f.name for f in table.schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    columns = [[_cell(value) for value in to_python(table.column(number))] for number in range(len(names))]
    return markdown_rows(names, list(zip(*columns, strict=True)), right=numbers)


def diff_markdown(found: RepoDiff, diffs: Mapping[str, Diff], *, level: str, limit: int | None) -> str:
    """Return a diff as Markdown: a table of counts, then cells and rows.

    Parameters
    ----------
    found : RepoDiff
        The two commits.
    diffs : mapping
        The datasets to show.
    level : {"all", "stat", "rows", "cells"}
        How much.
    limit : int, optional
        The most rows of each kind.
    """
    base = found.base[:12] if found.base else "nothing"
    parts = [f"## Data diff `{base}` → `{found.head[:12]}`\n"]
    if not diffs:
        return parts[0] + "\nNo differences.\n"
    stats = {name: change.stat() for name, change in diffs.items()}
    titles = ["dataset", "added", "removed", "changed", "unchanged", "columns"]
    rows = [
        [name, *(f"{stat[kind]:,}" for kind in titles[1:5]), columns_text(stat)]
        for name, stat in stats.items()
    ]
    parts.append(markdown_rows(titles, rows, right=titles[1:5]))
    for name, change in diffs.items():
        if level in ("all", "cells") and stats[name]["changed"]:
            parts.append(f"### {name}: changed cells\n\n{_cells(change, limit)}")
        if level in ("all", "rows"):
            parts += _rows(name, change, limit, ("added", "removed") if level == "all" else _KINDS)
    return "\n".join(parts)


_KINDS = ("added", "removed", "before", "after")


def columns_text(stat: Mapping[str, Any]) -> str:
    """Return how a dataset's columns changed, in one line."""
    signs = {"added": "+", "dropped": "−", "retyped": "~"}
    words = [f"{signs[kind]} {column}" for kind in signs for column in stat["columns"][kind]]
    return ", ".join([*words, *(["contract changed"] if stat["contract_changed"] else [])])


def _cells(change: Diff, limit: int | None) -> str:
    from headwater.cli.render_diff import changed_cells

    cells, title, total = changed_cells(change, change.stat()["changed"], limit)
    names = [
        {"_column": "column", "_before": "before", "_after": "after"}.get(n, n) for n in cells.schema.names
    ]
    rest = "" if total == cells.num_rows else f"\n{cells.num_rows:,} of them are shown.\n"
    return f"{safe(title)}\n\n{markdown_table(cells.rename_columns(names))}{rest}"


def _rows(name: str, change: Diff, limit: int | None, kinds: Sequence[str]) -> list[str]:
    rows = change.rows(limit)
    rows = rows.filter(pc.is_in(rows.column("_change"), pa.array(kinds)))
    if not rows.num_rows:
        return []
    rows = rows.rename_columns(["change", *rows.schema.names[1:]])
    return [f"### {name}: rows\n\n{markdown_table(rows)}"]


def _cell(value: Any) -> str:
    return cut(value_text(value).plain, _CELL)


def _escaped(text: str) -> str:
    marks = str.maketrans(
        {"|": "\\|", "<": "&lt;", ">": "&gt;", "`": "\\`", "*": "\\*", "_": "\\_", "\\": "\\\\"}
    )
    return safe(text).translate(marks)

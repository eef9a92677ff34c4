"""A diff as one self-contained HTML page, in light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from headwater.cli.render_diff import changed_cells
from headwater.cli.render_markdown import columns_text
from headwater.cli.tables import safe, value_text
from headwater.core.arrays import rows_to_python

if TYPE_CHECKING:
    from headwater.versions.diff import Diff
    from headwater.versions.repo import RepoDiff

__all__ = ["diff_html"]

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d8dbe0, #3a3f47); --soft: light-dark(#6a7078, #9aa2ad);
  --add: light-dark(#e3f6e5, #12351b); --gone: light-dark(#fde6e4, #451a18); --back: light-dark(#fff, #16181c); }
body { font: 15px/1.5 system-ui, sans-serif; background: var(--back);
  max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
code, td { font-family: ui-monospace, monospace; font-size: 13px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
th, td { text-align: left; padding: .25rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: pre-wrap; overflow-wrap: anywhere; min-width: 3rem; max-width: 32rem; }
th { font-weight: 600; } .n { text-align: right; } .null, .note { color: var(--soft); font-style: italic; }
.added, .after { background: var(--add); } .removed, .before { background: var(--gone); }
"""

_SIGNS = {"added": "+", "after": "+", "removed": "−", "before": "−"}


def diff_html(found: RepoDiff, diffs: Mapping[str, Diff], *, level: str, limit: int | None) -> str:
    """Return a diff as a page that needs nothing else.

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
    title = f"Data diff {base} → {found.head[:12]}"
    body = [f"<h1>Data diff <code>{escape(base)}</code> → <code>{escape(found.head[:12])}</code></h1>"]
    if not diffs:
        body.append("<p>No differences.</p>")
    for name, change in diffs.items():
        stat = change.stat()
        body += [f"<h2>{escape(name)}</h2>", _counts(stat)]
        if level in ("all", "cells") and stat["changed"]:
            body.append(_cells(change, stat["changed"], limit))
        if level in ("all", "rows"):
            body.append(_rows(change, limit, pairs=level == "rows"))
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return "\n".join([head, view, f"<style>{_STYLE}</style>", *body, "</html>\n"])


def _counts(stat: Mapping[str, Any]) -> str:
    names = ("added", "removed", "changed", "unchanged")
    columns = columns_text(stat)
    line = f"<p>{escape(columns)}</p>" if columns else ""
    head = "".join(f'<th class="n">{name}</th>' for name in names)
    row = "".join(f'<td class="n">{stat[name]:,}</td>' for name in names)
    return f"<table><tr>{head}</tr><tr>{row}</tr></table>{line}"


def _cells(change: Diff, changed_rows: int, limit: int | None) -> str:
    cells, title, total = changed_cells(change, changed_rows, limit)
    names = [
        {"_column": "column", "_before": "before", "_after": "after"}.get(n, n) for n in cells.schema.names
    ]
    classes = {"_before": "before", "_after": "after"}
    rows = [
        "".join(_cell(value, classes.get(name, "")) for name, value in row.items())
        for row in rows_to_python(cells)
    ]
    return f"<h3>{escape(safe(title))}</h3>{_table(names, rows)}{_note(cells.num_rows, total)}"


def _rows(change: Diff, limit: int | None, *, pairs: bool) -> str:
    rows = change.rows(limit)
    names = rows.schema.names[1:]
    body = []
    for row in rows_to_python(rows):
        kind = row.pop("_change")
        if pairs or kind in ("added", "removed"):
            cells = "".join(_cell(value, "") for value in row.values())
            body.append(f'<td class="{kind}">{_SIGNS[kind]}</td>{cells}')
    if not body:
        return ""
    stat = change.stat()
    total = stat["added"] + stat["removed"] + (2 * stat["changed"] if pairs else 0)
    return f"<h3>Rows</h3>{_table(['', *names], body)}{_note(len(body), total)}"


def _table(names: list[str], rows: list[str]) -> str:
    head = "".join(f"<th>{escape(safe(name))}</th>" for name in names)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return f'<td class="{kind} null">null</td>'
    number = " n" if isinstance(value, int | float) and not isinstance(value, bool) else ""
    text = value if isinstance(value, str) else value_text(value).plain
    return f'<td class="{kind}{number}">{escape(_visible(text))}</td>'


def _visible(text: str) -> str:
    """Return text with control characters made visible; line ends and tabs stay."""
    return "\n".join(safe(line) for line in text.splitlines())


def _note(shown: int, total: int | None) -> str:
    if total == shown:
        return ""
    return (
        f'<p class="note">{shown:,} of {total:,} are shown.</p>'
        if total
        else f'<p class="note">The first {shown:,}.</p>'
    )

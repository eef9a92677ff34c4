"""Drift in a terminal: a line for each column, with what changed and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.text import Text

from headwater.cli.render import SHORT
from headwater.cli.render_findings import badge, draw_finding
from headwater.cli.tables import cut, plain_table, safe
from headwater.core.findings import Finding, Outcome

if TYPE_CHECKING:
    from headwater.checks.drift_history import DriftHistory
    from headwater.checks.report import Report

__all__ = ["draw_comparison", "draw_history"]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_FULL = 0.6
_LINE = 24
_NAME = 18
_STYLES = {"sudden": "bold red", "gradual": "bold yellow", "recurring": "bold magenta", "none": "dim"}
_EACH = "drift.distribution"


def draw_history(out: Console, history: DriftHistory, *, limit: int | None = 30) -> None:
    """Draw a line for each column: how it changed, how far, from which window on, and what changed most."""
    changed = history.changed()
    windows = f"{len(history.windows):,} windows ({history.by})"
    head = (
        f" at {history.ref[:SHORT]}: {windows}, {len(changed):,} of {len(history.columns):,} columns changed"
    )
    out.print(Text.assemble((safe(history.dataset), "bold"), head))
    if not history.windows:
        return
    rows: list[list[RenderableType]] = []
    for one in history.columns[:limit]:
        starts = ", ".join(history.windows[start].label for start in one.starts[:2])
        more = f" +{len(one.starts) - 2}" if len(one.starts) > 2 else ""
        rows.append(
            [
                Text(cut(safe(one.column), _NAME), style="bold"),
                Text(one.kind, style=_STYLES[one.kind]),
                f"{one.size:.2f}" if one.starts else "",
                Text(_line(one.distances), style="cyan"),
                Text(safe(starts) + more),
            ]
        )
    out.print()
    out.print(plain_table(["column", "change", "size", "distance", "from"], rows, right=("size",)))
    left = len(history.columns) - len(rows)
    if left > 0:
        out.print(Text(f"… {left:,} more column(s); --limit 0 shows all", style="dim"))
    for one in changed[:5]:
        window = history.windows[one.starts[0]]
        about = f" ({window.about})" if window.about else ""
        line = f"{safe(one.column)} from {safe(window.label)}{safe(about)}: {safe(one.what)}"
        out.print(Text(line), soft_wrap=not out.is_terminal)


def draw_comparison(out: Console, report: Report, *, limit: int | None = 30) -> None:
    """Draw a line for each column compared, then what else was found."""
    each = [one for one in report.findings if one.check == _EACH and one.column and one.value is not None]
    each.sort(key=lambda one: (one.outcome is Outcome.PASS, -(one.value or 0.0)))
    others = [one for one in report.findings if one not in each]
    alarms = sum(one.outcome is not Outcome.PASS for one in each)
    where = f" at {report.ref[:SHORT]}" if report.ref else ""
    against = f" against {report.baseline[:SHORT]}" if report.baseline else ""
    counts = f"{where}{against}: {alarms:,} of {len(each):,} columns changed"
    out.print(Text.assemble(badge(report.outcome), " ", (safe(report.dataset), "bold"), counts))
    if each:
        out.print()
        rows = [_compared(one) for one in each[:limit]]
        out.print(plain_table(["column", "effect", "p", "", "most changed"], rows, right=("effect", "p")))
        if len(each) > len(rows):
            more = f"… {len(each) - len(rows):,} more column(s); --limit 0 shows all"
            out.print(Text(more, style="dim"))
    for one in others:
        if one.outcome is not Outcome.PASS or one.check != _EACH:
            out.print()
            draw_finding(out, one)


def _compared(one: Finding) -> list[RenderableType]:
    p = one.evidence.get("adjusted_p_value")
    broken = one.outcome is not Outcome.PASS
    return [
        Text(cut(safe(one.column or ""), _NAME), style="bold"),
        f"{one.value:.3f}",
        "" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}",
        Text("changed" if broken else "", style="bold yellow"),
        Text(safe(_most_changed(one.evidence)) if broken else ""),
    ]


def _most_changed(evidence: Any) -> str:
    bins, before, after = (evidence.get(name, ()) for name in ("bins", "baseline", "now"))
    steps = [(abs(b - a), name, a, b) for name, a, b in zip(bins, before, after, strict=True)]
    if not steps:
        return ""
    _, name, a, b = max(steps)
    return f"{name}: {a:.0%} → {b:.0%}"


def _line(distances: tuple[float | None, ...]) -> str:
    """Return distances as a line of bars, neighbours put together until they fit; · where there is none."""
    together = -(-len(distances) // _LINE) or 1
    marks = []
    for start in range(0, len(distances), together):
        there = [d for d in distances[start : start + together] if d is not None]
        if not there:
            marks.append("·")
            continue
        height = min(max(there) / _FULL, 1.0) * (len(_BLOCKS) - 1)
        marks.append(_BLOCKS[max(round(height), 1)])
    return "".join(marks)

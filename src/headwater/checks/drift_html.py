"""Drift over a history as one self-contained HTML page: a picture of columns by windows, and what changed when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.profile.page import card, escape, figures, number, page, svg, table

if TYPE_CHECKING:
    from headwater.checks.drift_history import DriftHistory

__all__ = ["drift_map", "to_html"]

_MOST = 60
_LEFT = 150
_WIDE = 860


def to_html(history: DriftHistory) -> str:
    """Return the history as a page that needs nothing else: no network, no scripts."""
    changed = history.changed()
    kinds = [(kind, sum(one.kind == kind for one in history.columns)) for kind in _KINDS]
    lead = (
        f"<p>{len(history.windows):,} windows ({escape(history.by)}), {len(history.columns):,} columns, up to "
        f"<code>{escape(history.ref[:12])}</code></p>"
    )
    rows = [
        (
            f"<b>{escape(one.column)}</b>",
            escape(one.kind),
            number(one.size, 2),
            ", ".join(f"<code>{escape(history.windows[start].label)}</code>" for start in one.starts),
            escape(one.what),
        )
        for one in changed
    ]
    body = [
        card(figures([(kind, f"{count:,}") for kind, count in kinds])),
        f"<h2>Distance from what was before</h2>{card(drift_map(history))}",
    ]
    if rows:
        body.append(f"<h2>What changed</h2>{card(table(['column', 'change', 'size', 'from', 'what'], rows))}")
    return page(f"Drift of {history.dataset}", lead=lead, body=body, footer="Made by Headwater.")


def drift_map(history: DriftHistory) -> str:
    """Return a picture: a line for each column, a cell for each window, the darker the farther from before.

    A stroke marks a window with which another distribution begins. At most 60 columns are drawn.
    """
    windows = len(history.windows)
    shown = history.columns[:_MOST]
    if not windows or not shown:
        return ""
    wide, tall = min(26.0, (_WIDE - _LEFT) / windows), 20
    shapes = []
    for line, one in enumerate(shown):
        y = line * tall
        name = one.column if len(one.column) <= 20 else one.column[:19] + "…"
        shapes.append(f'<text x="{_LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        for place, distance in enumerate(one.distances):
            if distance is None:
                continue
            window = history.windows[place]
            strength = 0.06 + 0.94 * min(distance / 0.6, 1.0)
            shapes.append(
                f'<rect x="{_LEFT + place * wide:.1f}" y="{y + 1}" width="{max(wide - 0.6, 0.5):.1f}" '
                f'height="{tall - 3}" style="fill:var(--accent);opacity:{strength:.2f}"><title>{escape(one.column)}, '
                f"{escape(window.label)} ({window.rows:,} rows) {escape(window.about)}: {number(distance, 2)}"
                "</title></rect>"
            )
        for start in one.starts:
            x = f"{_LEFT + start * wide:.1f}"
            shapes.append(
                f'<line x1="{x}" x2="{x}" y1="{y}" y2="{y + tall - 1}" style="stroke:var(--fail)" stroke-width="2"/>'
            )
    bottom = len(shown) * tall + 14
    shapes.append(f'<text x="{_LEFT}" y="{bottom}">{escape(history.windows[0].label)}</text>')
    end, last = max(_LEFT + windows * wide, _LEFT + 160), escape(history.windows[-1].label)
    shapes.append(f'<text x="{end:.0f}" y="{bottom}" text-anchor="end">{last}</text>')
    label = f"Drift of {len(shown)} columns over {windows} windows"
    return svg(int(end) + 2, bottom + 6, label, shapes)


_KINDS = ("sudden", "gradual", "recurring", "none")

"""The report of a check run as one self-contained HTML page: what matters first, with rows and fixes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Protocol

from headwater.checks.outputs import Findings
from headwater.core.findings import Finding, Outcome
from headwater.profile.page import (
    badge,
    card,
    details,
    escape,
    figures,
    number,
    page,
    range_dot,
    score_ring,
    table,
)

__all__ = ["Scored", "to_html"]

_SHOWN_ROWS = 50


class Scored(Findings, Protocol):
    """A report with a score for each family of checks."""

    @property
    def scores(self) -> Mapping[str, float]:
        """From 0 to 100, by family."""
        ...


def to_html(report: Scored, *, title: str | None = None) -> str:
    """Return the report as a page that needs nothing else: no network, no scripts.

    Parameters
    ----------
    report : Scored
        The report.
    title : str, optional
        The dataset's name by default.

    Returns
    -------
    str
        One HTML document.
    """
    counts = {
        outcome: sum(f.outcome is outcome and f.allowed is None for f in report.findings)
        for outcome in Outcome
    }
    allowed = sum(f.allowed is not None for f in report.findings)
    counted = [(str(outcome), f"{counts[outcome]:,}") for outcome in reversed(Outcome)]
    counted += [("allowed", f"{allowed:,}")] if allowed else []
    where = f"<code>{escape(report.ref[:12])}</code>" if report.ref else ""
    lead = f"<p>{badge(report.outcome)} {where}</p>"
    body = [
        card(figures(counted)),
        _scores(report.scores),
    ]
    broken = [finding for finding in report.findings if finding.outcome is not Outcome.PASS]
    if broken:
        body.append("<h2>What was found</h2>")
        body += [_finding(finding, report.dataset) for finding in broken]
    passed = [finding for finding in report.findings if finding.outcome is Outcome.PASS]
    if passed:
        rows = [
            (f"<code>{escape(f.check)}</code>", escape(f.column or ""), escape(f.message)) for f in passed
        ]
        body.append(f"<h2>What is well ({len(passed)})</h2>")
        body.append(card(details("Show", table(["check", "column", ""], rows))))
    return page(title or f"Check of {report.dataset}", lead=lead, body=body, footer="Made by Headwater.")


def _scores(scores: Mapping[str, float]) -> str:
    if not scores:
        return ""
    rings = "".join(
        f'<div>{score_ring(score, label=family)}<span class="small soft">{escape(family)}</span></div>'
        for family, score in scores.items()
    )
    return card(f'<div class="row">{rings}</div>')


def _finding(finding: Finding, dataset: str) -> str:
    place = " ".join(f"<code>{escape(part)}</code>" for part in (finding.column, finding.slice) if part)
    parts = [
        f"<h3>{badge(finding.outcome)} {escape(finding.message)}</h3>",
        f'<p class="small soft"><code>{escape(finding.check)}</code> {place}</p>',
        f"<p>Allowed {escape(finding.allowed)}</p>" if finding.allowed else "",
        _measured(finding),
        _rows(finding),
    ]
    if finding.evidence:
        parts.append(details("Evidence", f"<pre>{escape(_pretty(finding.evidence))}</pre>"))
    if finding.fix:
        parts.append(f'<p class="small">Fix: <code>{escape(_command(finding, dataset))}</code></p>')
    return card("".join(parts), tone=finding.outcome)


def _measured(finding: Finding) -> str:
    if finding.value is None:
        return ""
    low, high = finding.interval or (finding.value, finding.value)
    text = f"value {number(finding.value)}"
    if finding.interval:
        text += f", interval {number(low)} to {number(high)}"
    if finding.threshold is not None:
        text += f", threshold {number(finding.threshold)}"
    drawn = ""
    if finding.interval or finding.threshold is not None:
        drawn = range_dot(finding.value, low, high, threshold=finding.threshold, label=text)
    return f'<div class="row">{drawn}<span class="small soft">{escape(text)}</span></div>'


def _rows(finding: Finding) -> str:
    if not finding.row_count:
        return ""
    summary = f"{finding.row_count:,} row{'s' if finding.row_count != 1 else ''}"
    if not finding.rows:
        return f'<p class="small soft">{summary}</p>'
    shown = ", ".join(f"<code>{escape(row)}</code>" for row in finding.rows[:_SHOWN_ROWS])
    more = ", …" if finding.row_count > min(len(finding.rows), _SHOWN_ROWS) else ""
    return details(f"{summary}, by key", f"<p>{shown}{more}</p>")


def _command(finding: Finding, dataset: str) -> str:
    assert finding.fix is not None
    parameters = [
        f"-p {shlex.quote(f'{name}={value if isinstance(value, str) else json.dumps(value, default=str)}')}"
        for name, value in finding.fix.parameters.items()
    ]
    return " ".join(["hw clean", shlex.quote(dataset), finding.fix.transform, *parameters])


def _pretty(evidence: Mapping[str, Any]) -> str:
    return json.dumps(dict(evidence), indent=2, ensure_ascii=False, default=str)

"""The report of a run: its findings, the most important first, and a score a family."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headwater.core.findings import Finding, Outcome, worst

__all__ = ["FINDING_FIELDS", "FindingGroup", "Report", "family_of", "scores_of", "sort_findings"]

FINDING_FIELDS = (
    "check",
    "outcome",
    "severity",
    "column",
    "slice",
    "value",
    "threshold",
    "interval",
    "message",
    "rows",
    "fix",
    "row_count",
    "evidence",
)
"""The fields of a finding in JSON, everywhere and in this order."""

_ORDER = {Outcome.FAIL: 0, Outcome.ERROR: 1, Outcome.WARN: 2, Outcome.PASS: 3}
_COST = {Outcome.FAIL: 1.0, Outcome.WARN: 0.5, Outcome.PASS: 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingGroup:
    """Findings of one check with one outcome, which a reader wants to see together."""

    check: str
    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> float:
        """The highest severity among them."""
        return max(finding.severity for finding in self.findings)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a suite found in a dataset.

    Parameters
    ----------
    dataset, ref : str, str or None
        What was checked; ``ref`` is the commit.
    findings : tuple of Finding
        The most important first: by outcome, then severity; passes last.
    scores : mapping of str to float
        For each family (``completeness``, ``validity``, …) a number from 0 to 100; see `scores_of`.
    rows, scanned_rows : int
        Rows of the dataset; rows that had to be read to measure, the rest being known from earlier.
    baseline : str, optional
        What it was compared with.
    suite : str
        Name of the suite.
    seconds : float
        Time taken.
    timings : mapping of str to float
        Seconds by step: ``measure``, ``judge``, ``rows``, and every check that took long.
    """

    dataset: str
    ref: str | None
    findings: tuple[Finding, ...]
    scores: Mapping[str, float]
    rows: int = 0
    scanned_rows: int = 0
    baseline: str | None = None
    suite: str = ""
    seconds: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The worst outcome."""
        return worst(self.findings)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts().items() if count)
        lines = [f"{self.dataset!r}: {self.outcome} ({counts or 'no checks'})"]
        lines += [f"  {f.outcome}  {f.check}  {f.message}" for f in self.problems()[:10]]
        return "\n".join(lines)

    def counts(self) -> dict[str, int]:
        """Return how many findings have each outcome; those that are allowed, if any, are counted apart."""
        counts = {
            str(outcome): sum(f.outcome is outcome and f.allowed is None for f in self.findings)
            for outcome in _ORDER
        }
        allowed = sum(f.allowed is not None for f in self.findings)
        return {**counts, "allowed": allowed} if allowed else counts

    def problems(self) -> list[Finding]:
        """Return the findings that do not pass."""
        return [finding for finding in self.findings if finding.outcome is not Outcome.PASS]

    def groups(self) -> list[FindingGroup]:
        """Return the findings grouped by check and outcome, the most important group first."""
        gathered: dict[tuple[Outcome, str], list[Finding]] = defaultdict(list)
        for finding in self.findings:
            gathered[finding.outcome, finding.check].append(finding)
        groups = [
            FindingGroup(check=check, outcome=outcome, findings=tuple(found))
            for (outcome, check), found in gathered.items()
        ]
        return sorted(groups, key=lambda group: (_ORDER[group.outcome], -group.severity, group.check))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able values, in the form that every face of Headwater uses."""
        return {
            "dataset": self.dataset,
            "ref": self.ref,
            "outcome": str(self.outcome),
            "findings": [_finding_dict(finding) for finding in self.findings],
        }


def family_of(check: str) -> str:
    """Return the family of a check id: ``validity`` of ``validity.range``."""
    return check.partition(".")[0]


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order of a report: fail, error, warn, pass; then severity; then rows."""
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                _ORDER[f.outcome],
                -f.severity,
                -f.row_count,
                f.check,
                f.column or "",
                f.slice or "",
            ),
        )
    )


def scores_of(findings: Sequence[Finding]) -> dict[str, float]:
    """Return a score from 0 to 100 for each family.

    A finding that fails costs its severity, one that warns half of it, one that passes nothing; the score
    is 100 times one minus the mean cost. Checks that broke say nothing about the data and do not count.
    """
    costs: dict[str, list[float]] = defaultdict(list)
    for finding in findings:
        if finding.outcome is not Outcome.ERROR:
            costs[family_of(finding.check)].append(_COST[finding.outcome] * finding.severity)
    return {family: round(100 * (1 - sum(cost) / len(cost)), 1) for family, cost in sorted(costs.items())}


def _finding_dict(finding: Finding) -> dict[str, Any]:
    full = finding.to_dict()
    allowed = {} if finding.allowed is None else {"allowed": finding.allowed}
    return {**{name: _finite(full[name]) for name in FINDING_FIELDS}, **allowed}


def _finite(value: Any) -> Any:
    """Return a value that JSON has a form for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _finite(item) for name, item in value.items()}
    return value
